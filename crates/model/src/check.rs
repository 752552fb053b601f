//! How backends are asked whether they are well.

use std::time::Duration;

use super::Config;

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
