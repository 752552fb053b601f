//! How backends are asked whether they are well.

use std::time::Duration;

use super::choice::choice;
use super::{Config, Protocol};

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

/// How a backend's health is told.
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
    /// that its reset tells at once.
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

impl CheckType {
    /// What a protocol's backends are asked where no check is written.
    pub const fn default_for(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => CheckType::Tcp,
            Protocol::Udp => CheckType::None,
        }
    }
}
