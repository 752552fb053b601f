//! Why a probe did not succeed.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::shortage;

/// Why a probe did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The backend failed.
    #[error("{0}")]
    Backend(String),
    /// This host lacks resources for the probe: the backend may be up.
    #[error("{0}")]
    NotAsked(String),
}

impl Failure {
    /// From an error of the operating system; the text begins with `step`.
    pub(super) fn of(step: &str, error: &io::Error) -> Self {
        let text = format!("{step}{}", describe(error));
        if shortage::is_shortage(error) { Failure::NotAsked(text) } else { Failure::Backend(text) }
    }

    pub(super) fn of_hyper(step: &str, error: &hyper::Error) -> Self {
        let text = format!("{step}: {error}");
        if shortage::is_caused_by_shortage(error) {
            Failure::NotAsked(text)
        } else {
            Failure::Backend(text)
        }
    }
}

pub(super) async fn connect(at: SocketAddr) -> Result<TcpStream, Failure> {
    TcpStream::connect(at).await.map_err(|error| Failure::of("", &error))
}

/// The error text without the operating system's error number.
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}
