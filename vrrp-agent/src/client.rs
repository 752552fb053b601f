//! Sends requests to a running agent over its unix socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use crate::http::{
    DRAIN_PATH, FAILBACK_PATH, FAILOVER_PATH, Named, RELOAD_PATH, ReloadReply, STATUS_PATH,
};
use vrrp_election::handover;
use vrrp_election::timing;
use vrrp_status::{SCHEMA, Status};
use vrrp_steering::drain;

/// A running agent answers in well under a millisecond; a frozen one never does.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the agent is not running: nothing answers on {path}")]
    NotRunning { path: PathBuf },
    #[error("no permission to use {path}: run as its owner or as a member of its group")]
    Permission { path: PathBuf },
    #[error("the agent does not answer on {path} within {} s", patience.as_secs_f64())]
    Silent { path: PathBuf, patience: Duration },
    #[error("cannot communicate with the agent on {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot communicate with the agent on {path}: {source}")]
    Http { path: PathBuf, source: hyper::Error },
    #[error("the agent on {path} answers {status}")]
    Refused { path: PathBuf, status: StatusCode },
    #[error(
        "the agent on {path} sent an answer that this version (schema {SCHEMA}) cannot read: {source}"
    )]
    Form { path: PathBuf, source: serde_json::Error },
}

impl ClientError {
    /// The exit code of a command that failed with this error (the LSB numbers for init scripts): 3
    /// not running, 4 no permission, 1 any other error.
    pub fn exit_code(&self) -> u8 {
        match self {
            ClientError::NotRunning { .. } => 3,
            ClientError::Permission { .. } => 4,
            _ => 1,
        }
    }
}

/// The running agent's status.
///
/// # Errors
/// See [`ClientError`]; waits at most five seconds.
pub async fn fetch_status(socket: &Path) -> Result<Status, ClientError> {
    let (status, body) = ask(socket, Method::GET, STATUS_PATH, None, TIMEOUT).await?;
    if !status.is_success() {
        return Err(ClientError::Refused { path: socket.to_owned(), status });
    }
    read(socket, &body)
}

/// Makes the running agent read its configuration file again.
///
/// # Errors
/// As for [`fetch_status`]. A refused file is not an error here: the reply reports it.
pub async fn reload(socket: &Path) -> Result<ReloadReply, ClientError> {
    let (status, body) = ask(socket, Method::POST, RELOAD_PATH, None, TIMEOUT).await?;
    if !status.is_success() && status != StatusCode::UNPROCESSABLE_ENTITY {
        return Err(ClientError::Refused { path: socket.to_owned(), status });
    }
    read(socket, &body)
}

/// Makes another node master of a virtual router or sync group and waits for the result, at most
/// `patience`, by default as long as any hand-over of this agent may take. A caller that stops
/// waiting does not end the hand-over.
///
/// # Errors
/// As for [`fetch_status`]. If no node took over, that is not an error here: the reply reports it.
pub async fn failover(
    socket: &Path,
    name: &str,
    patience: Option<Duration>,
) -> Result<handover::Reply, ClientError> {
    let patience = match patience {
        Some(patience) => patience,
        None => {
            let intervals =
                fetch_status(socket).await?.routers.into_iter().map(|router| router.interval_ms);
            timing::release_bound(Duration::from_millis(intervals.max().unwrap_or(0))) + TIMEOUT
        }
    };
    order(socket, FAILOVER_PATH, &Named { name: name.to_owned() }, patience).await
}

/// Allows this node to be master of a virtual router or sync group again.
///
/// # Errors
/// As for [`fetch_status`].
pub async fn failback(socket: &Path, name: &str) -> Result<handover::Reply, ClientError> {
    order(socket, FAILBACK_PATH, &Named { name: name.to_owned() }, TIMEOUT).await
}

/// Stops new connections to a backend, or allows them again.
///
/// # Errors
/// As for [`fetch_status`]. An unknown backend is not an error here: the reply reports it.
pub async fn drain(socket: &Path, request: &drain::Request) -> Result<drain::Reply, ClientError> {
    order(socket, DRAIN_PATH, request, TIMEOUT).await
}

async fn order<T: DeserializeOwned>(
    socket: &Path,
    path: &'static str,
    request: &impl Serialize,
    patience: Duration,
) -> Result<T, ClientError> {
    let form = |source| ClientError::Form { path: socket.to_owned(), source };
    let body = serde_json::to_vec(request).map_err(form)?;
    let (status, body) = ask(socket, Method::POST, path, Some(body), patience).await?;
    match status {
        StatusCode::OK | StatusCode::CONFLICT | StatusCode::NOT_FOUND if !body.is_empty() => {
            read(socket, &body)
        }
        _ => Err(ClientError::Refused { path: socket.to_owned(), status }),
    }
}

fn read<T: DeserializeOwned>(socket: &Path, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body)
        .map_err(|source| ClientError::Form { path: socket.to_owned(), source })
}

/// One request, with or without a JSON body; fails after `patience`.
async fn ask(
    socket: &Path,
    method: Method,
    path: &'static str,
    body: Option<Vec<u8>>,
    patience: Duration,
) -> Result<(StatusCode, Bytes), ClientError> {
    match tokio::time::timeout(patience, exchange(socket, method, path, body)).await {
        Ok(result) => result,
        Err(_) => Err(ClientError::Silent { path: socket.to_owned(), patience }),
    }
}

async fn exchange(
    socket: &Path,
    method: Method,
    uri: &'static str,
    body: Option<Vec<u8>>,
) -> Result<(StatusCode, Bytes), ClientError> {
    let path = || socket.to_owned();
    let http = |source| ClientError::Http { path: path(), source };
    let stream = UnixStream::connect(socket).await.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ClientError::NotRunning { path: path() }
        }
        io::ErrorKind::PermissionDenied => ClientError::Permission { path: path() },
        _ => ClientError::Io { path: path(), source },
    })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    // The connection makes progress only while it is polled. The set ends it with this function.
    let mut driver = JoinSet::new();
    driver.spawn(connection);

    let json = body.is_some();
    let mut request = Request::new(Full::new(Bytes::from(body.unwrap_or_default())));
    *request.method_mut() = method;
    *request.uri_mut() = hyper::Uri::from_static(uri);
    request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
    if json {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let response = sender.send_request(request).await.map_err(http)?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(http)?.to_bytes();
    Ok((status, body))
}
