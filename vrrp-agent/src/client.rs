//! Asks a running agent over its unix socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use crate::http::{RELOAD_PATH, ReloadReply, STATUS_PATH};
use crate::status::{SCHEMA, Status};

/// A running agent answers in well under a millisecond; a frozen one never.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the agent is not running: nothing answers on {path}")]
    NotRunning { path: PathBuf },
    #[error("no permission to use {path}: run as its owner or as a member of its group")]
    Permission { path: PathBuf },
    #[error("the agent does not answer on {path} within {} s", TIMEOUT.as_secs())]
    Silent { path: PathBuf },
    #[error("cannot talk to the agent on {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot talk to the agent on {path}: {source}")]
    Http { path: PathBuf, source: hyper::Error },
    #[error("the agent on {path} answers {status}")]
    Refused { path: PathBuf, status: StatusCode },
    #[error("the agent on {path} answers in a form this version (schema {SCHEMA}) cannot read: {source}")]
    Form { path: PathBuf, source: serde_json::Error },
}

impl ClientError {
    /// What a command that failed so exits with (the LSB numbers for init scripts): 3 not running, 4 no permission, 1 anything else.
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
/// See [`ClientError`]; never waits longer than five seconds.
pub async fn fetch_status(socket: &Path) -> Result<Status, ClientError> {
    let (status, body) = ask(socket, Method::GET, STATUS_PATH).await?;
    if !status.is_success() {
        return Err(ClientError::Refused { path: socket.to_owned(), status });
    }
    read(socket, &body)
}

/// Lets the running agent read its configuration file again.
///
/// # Errors
/// As for [`fetch_status`]. A file that was refused is not an error here: the reply tells.
pub async fn reload(socket: &Path) -> Result<ReloadReply, ClientError> {
    let (status, body) = ask(socket, Method::POST, RELOAD_PATH).await?;
    if !status.is_success() && status != StatusCode::UNPROCESSABLE_ENTITY {
        return Err(ClientError::Refused { path: socket.to_owned(), status });
    }
    read(socket, &body)
}

fn read<T: DeserializeOwned>(socket: &Path, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|source| ClientError::Form { path: socket.to_owned(), source })
}

/// One request; gives up after [`TIMEOUT`].
async fn ask(socket: &Path, method: Method, path: &'static str) -> Result<(StatusCode, Bytes), ClientError> {
    match tokio::time::timeout(TIMEOUT, exchange(socket, method, path)).await {
        Ok(result) => result,
        Err(_) => Err(ClientError::Silent { path: socket.to_owned() }),
    }
}

async fn exchange(socket: &Path, method: Method, uri: &'static str) -> Result<(StatusCode, Bytes), ClientError> {
    let path = || socket.to_owned();
    let http = |source| ClientError::Http { path: path(), source };
    let stream = UnixStream::connect(socket).await.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotRunning { path: path() },
        io::ErrorKind::PermissionDenied => ClientError::Permission { path: path() },
        _ => ClientError::Io { path: path(), source },
    })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    // The connection moves only while polled; the set ends it with this function.
    let mut driver = JoinSet::new();
    driver.spawn(connection);

    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = method;
    *request.uri_mut() = hyper::Uri::from_static(uri);
    request.headers_mut().insert(HOST, hyper::header::HeaderValue::from_static("localhost"));
    let response = sender.send_request(request).await.map_err(http)?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(http)?.to_bytes();
    Ok((status, body))
}
