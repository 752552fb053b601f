//! Checks by HTTP: what is requested, and which answers are good.

use std::fmt;
use std::ops::RangeInclusive;

use crate::choice::choice;

/// GET requests, one after the other: the check is good when each answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheck {
    pub port: Option<u16>,
    /// The name that is sent in the TLS handshake; `None`: without TLS.
    pub tls: Option<Sni>,
    pub version: HttpVersion,
    /// At least one.
    pub requests: Vec<HttpRequest>,
}

/// The server name that the TLS handshake indicates (RFC 6066 section 3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Sni {
    /// None is sent.
    Off,
    /// The request's host, where that is a name.
    #[default]
    Host,
    Name(String),
}

/// A request and the answers that are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    pub path: String,
    /// The `Host` header; the address and port that are asked when `None`.
    pub host: Option<String>,
    /// Ranges of good statuses, at least one.
    pub status: Vec<RangeInclusive<u16>>,
    /// MD5 of the body.
    pub digest: Option<[u8; 16]>,
    pub body: Option<BodyRegex>,
}

/// A regular expression that is searched in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRegex {
    /// In the syntax of the crate `regex`.
    pub pattern: String,
    /// A match is bad, and none is good.
    pub no_match: bool,
}

choice! {
    /// The version in the request line.
    #[derive(Default)]
    pub enum HttpVersion {
        Http10 = "1.0",
        #[default]
        Http11 = "1.1",
    }
}

impl HttpRequest {
    /// Good statuses where none are written.
    pub const STATUS: RangeInclusive<u16> = 200..=399;

    /// Any status of [`Self::STATUS`] is good, whatever the body is.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), host: None, status: vec![Self::STATUS], digest: None, body: None }
    }
}

impl HttpCheck {
    /// One request for `path`.
    pub fn new(port: Option<u16>, path: impl Into<String>) -> Self {
        Self {
            port,
            tls: None,
            version: HttpVersion::default(),
            requests: vec![HttpRequest::new(path)],
        }
    }
}

impl fmt::Display for HttpCheck {
    /// What is asked, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, HttpRequest { path, host, .. }) in self.requests.iter().enumerate() {
            f.write_str(match (at, &self.tls) {
                (0, None) => "HTTP GET ",
                (0, Some(_)) => "HTTPS GET ",
                _ => ", ",
            })?;
            match host {
                Some(host) => write!(f, "{host}{path}")?,
                None => f.write_str(path)?,
            }
        }
        Ok(())
    }
}
