//! How backends are asked whether they are well.

use std::fmt;
use std::time::Duration;

use super::Config;
use super::choice::choice;

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
    pub interval: Duration,
    pub timeout: Duration,
    pub rise: u32,
    pub fall: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// Always up.
    None,
    /// A TCP connection opens (to the service's port when `port` is `None`); it is held open, so
    /// that its reset shows at once.
    Tcp { port: Option<u16> },
    /// GET `path` answers 200..=399.
    Http { port: Option<u16>, path: String },
    /// FCGI_GET_VALUES is answered by FCGI_GET_VALUES_RESULT, as php-fpm does.
    FastCgi { port: Option<u16> },
}

choice! {
    /// The word for a [`CheckKind`].
    pub enum CheckType {
        None = "none",
        Tcp = "tcp",
        Http = "http",
        FastCgi = "fastcgi",
    }
}

impl CheckKind {
    pub const fn check_type(&self) -> CheckType {
        match self {
            CheckKind::None => CheckType::None,
            CheckKind::Tcp { .. } => CheckType::Tcp,
            CheckKind::Http { .. } => CheckType::Http,
            CheckKind::FastCgi { .. } => CheckType::FastCgi,
        }
    }

    /// The path that is requested.
    pub const fn path(&self) -> Option<&str> {
        match self {
            CheckKind::Http { path, .. } => Some(path.as_str()),
            CheckKind::None | CheckKind::Tcp { .. } | CheckKind::FastCgi { .. } => None,
        }
    }

    /// The port that is asked instead of the backend's.
    pub const fn port(&self) -> Option<u16> {
        match *self {
            CheckKind::None => None,
            CheckKind::Tcp { port }
            | CheckKind::Http { port, .. }
            | CheckKind::FastCgi { port } => port,
        }
    }
}

impl fmt::Display for CheckKind {
    /// What is asked, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckKind::None => f.write_str("no check")?,
            CheckKind::Tcp { .. } => f.write_str("TCP")?,
            CheckKind::Http { path, .. } => write!(f, "HTTP GET {path}")?,
            CheckKind::FastCgi { .. } => f.write_str("FCGI_GET_VALUES")?,
        }
        self.port().map_or(Ok(()), |port| write!(f, " on port {port}"))
    }
}
