//! One probe: connects, sends a request if the check has one, and returns the open connection.

use std::net::SocketAddr;
use std::pin::Pin;

use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Version};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::failure::{Failure, connect};
use super::fastcgi;
use vrrp_model::CheckKind;

/// A longer answer is not read to its end; its status still counts.
const LONGEST_BODY: usize = 64 * 1024;

/// An open connection; ends when the server closes or resets it.
pub(super) type Held = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Returns the observation and, if it stays open, the connection; or the reason of the failure.
/// Sets no time limit of its own.
pub(super) async fn attempt(
    kind: &CheckKind,
    backend: SocketAddr,
) -> Result<(String, Option<Held>), Failure> {
    let at = SocketAddr::new(backend.ip(), kind.port().unwrap_or(backend.port()));
    match kind {
        CheckKind::None => Ok(("not checked".to_owned(), None)),
        CheckKind::Tcp { .. } => {
            let stream = connect(at).await?;
            Ok(("connected".to_owned(), Some(Box::pin(read_to_end(stream)))))
        }
        CheckKind::Http { path, .. } => get(at, path).await,
        CheckKind::FastCgi { .. } => Ok((fastcgi::get_values(at).await?, None)),
    }
}

async fn read_to_end(mut stream: TcpStream) {
    let mut ignored = [0; 512];
    while let Ok(1..) = stream.read(&mut ignored).await {}
}

async fn get(at: SocketAddr, path: &str) -> Result<(String, Option<Held>), Failure> {
    let request = Request::get(path)
        .header(HOST, at.to_string())
        .header(USER_AGENT, concat!("vrrp-agent/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| Failure::Backend(format!("cannot ask for {path}: {error}")))?;
    let stream = TokioIo::new(connect(at).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
        .await
        .map_err(|error| Failure::of_hyper("no HTTP", &error))?;
    // The connection makes progress only while it is polled; dropping the set aborts it.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| Failure::of_hyper("no HTTP answer", &error))?;

    let status = response.status();
    if !(200..400).contains(&status.as_u16()) {
        return Err(Failure::Backend(format!("HTTP {}", status.as_u16())));
    }
    let closes = response.version() == Version::HTTP_10
        || response.headers().get(CONNECTION).is_some_and(|value| value == "close");
    let whole = match Limited::new(response.into_body(), LONGEST_BODY).collect().await {
        Ok(_) => true,
        Err(error) if error.is::<LengthLimitError>() => false,
        Err(error) => return Err(Failure::Backend(format!("answer broke off: {error}"))),
    };
    let held: Option<Held> = (whole && !closes).then(|| {
        let until_closed = async move {
            let _keeps_it_open = sender;
            driver.join_next().await;
        };
        Box::pin(until_closed) as Held
    });
    Ok((format!("HTTP {}", status.as_u16()), held))
}
