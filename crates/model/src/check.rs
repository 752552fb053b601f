//! How backends are asked whether they are well.

mod http;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::Config;
use super::choice::choice;
pub use http::{BodyRegex, HttpCheck, HttpRequest, HttpVersion, Sni};

impl Config {
    /// The checks of services and upstreams.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        let of_upstreams = self.upstreams.iter().map(|upstream| &upstream.check);
        let of_services = self
            .services
            .iter()
            .flat_map(|service| service.own_checks.values().chain([&service.check]));
        of_services.chain(of_upstreams)
    }
}

/// How a backend's health is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub kind: CheckKind,
    /// The address that is asked instead of the backend's.
    pub address: Option<IpAddr>,
    pub interval: Duration,
    pub timeout: Duration,
    pub rise: u32,
    pub fall: u32,
}

impl Check {
    /// From one attempt to the next, and how long an attempt may take, where nothing is written.
    pub const SECOND: Duration = Duration::from_secs(1);

    /// Everything besides `kind` as when it is not written.
    pub const fn new(kind: CheckKind) -> Self {
        Self {
            kind,
            address: None,
            interval: Self::SECOND,
            timeout: Self::SECOND,
            rise: 1,
            fall: 1,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// Always up.
    None,
    /// A TCP connection opens (to the service's port when `port` is `None`); it is held open, so
    /// that its reset shows at once.
    Tcp { port: Option<u16> },
    /// The answers to GET requests are good.
    Http(HttpCheck),
    /// FCGI_GET_VALUES is answered by FCGI_GET_VALUES_RESULT, as php-fpm does.
    FastCgi { port: Option<u16> },
}

choice! {
    /// The word for a [`CheckKind`].
    pub enum CheckType {
        None = "none",
        Tcp = "tcp",
        Http = "http",
        Https = "https",
        FastCgi = "fastcgi",
    }
}

impl CheckKind {
    pub const fn check_type(&self) -> CheckType {
        match self {
            CheckKind::None => CheckType::None,
            CheckKind::Tcp { .. } => CheckType::Tcp,
            CheckKind::Http(HttpCheck { tls: None, .. }) => CheckType::Http,
            CheckKind::Http(HttpCheck { tls: Some(_), .. }) => CheckType::Https,
            CheckKind::FastCgi { .. } => CheckType::FastCgi,
        }
    }

    /// The port that is asked instead of the backend's.
    pub const fn port(&self) -> Option<u16> {
        match *self {
            CheckKind::None => None,
            CheckKind::Tcp { port } | CheckKind::FastCgi { port } => port,
            CheckKind::Http(HttpCheck { port, .. }) => port,
        }
    }
}

impl fmt::Display for CheckKind {
    /// What is asked, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckKind::None => f.write_str("no check")?,
            CheckKind::Tcp { .. } => f.write_str("TCP")?,
            CheckKind::Http(http) => http.fmt(f)?,
            CheckKind::FastCgi { .. } => f.write_str("FCGI_GET_VALUES")?,
        }
        self.port().map_or(Ok(()), |port| write!(f, " on port {port}"))
    }
}
