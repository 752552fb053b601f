//! One plain HTTP request. The calling thread must be inside the requesting host's namespace.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::names::SITE_NAME;

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    /// Parses a whole answer (the connection was closed after it).
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) =
            text.split_once("\r\n\r\n").context("the answer ends within its header")?;
        let mut lines = head.lines();
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let Some(status) = status else { bail!("no HTTP status line: {status_line}") };
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Ok(Self { status, headers, body: body.to_owned() })
    }

    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `name=value` of the first cookie the answer sets.
    pub fn cookie(&self) -> Option<&str> {
        self.header("set-cookie")?.split(';').next()
    }
}

/// The bytes of a request on a connection of its own. HTTP/1.0: the answer is not chunked.
pub fn request(path: &str, cookie: Option<&str>) -> Vec<u8> {
    let cookie = cookie.map(|value| format!("Cookie: {value}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.0\r\nHost: {SITE_NAME}\r\n{cookie}\r\n").into_bytes()
}

/// GET with a limit on the whole exchange.
pub fn get(
    server: SocketAddr,
    path: &str,
    cookie: Option<&str>,
    timeout: Duration,
) -> Result<Response> {
    let deadline = Instant::now() + timeout;
    let mut stream = TcpStream::connect_timeout(&server, timeout)
        .with_context(|| format!("connecting to {server}"))?;
    stream.set_write_timeout(Some(timeout)).context("setting a time limit")?;
    stream.write_all(&request(path, cookie)).with_context(|| format!("asking {server}"))?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            bail!("{server}: no whole answer within {timeout:?}");
        }
        stream.set_read_timeout(Some(left)).context("setting a time limit")?;
        match stream.read(&mut chunk).with_context(|| format!("waiting for {server}"))? {
            0 => return Response::parse(&answer),
            n => answer.extend_from_slice(&chunk[..n]),
        }
    }
}

#[cfg(test)]
mod tests;
