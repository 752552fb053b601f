//! Upstreams, their backends and what becomes of connections to them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::BackendState;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamStatus {
    pub name: String,
    /// What processes connect to.
    pub address: SocketAddr,
    /// Directory of the cgroup, or name of the unit, whose connections are steered.
    pub cgroup: String,
    /// `least-connections` or `weighted-random`.
    pub balance: String,
    /// Connections are steered now.
    pub attached: bool,
    /// Why they are not; `None` while they are.
    pub reason: Option<String>,
    /// Connections that were sent to a backend.
    pub connects: u64,
    /// Those that were refused because no backend was usable.
    pub refused: u64,
    /// Those that were sent to a backend but, for want of memory, are not in its `in_flight`.
    pub uncounted: u64,
    pub backends: Vec<UpstreamBackendStatus>,
}

/// A backend's connections are counted over all upstreams that it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamBackendStatus {
    pub address: SocketAddr,
    /// As configured; 0 drains.
    pub weight: u16,
    /// What its check says.
    pub state: BackendState,
    /// It takes new connections: up, with a weight.
    pub usable: bool,
    /// Within the last second a connection to it was refused, given up or reset: it is chosen only
    /// where all others are suspect too.
    pub suspect: bool,
    /// Connections made and not closed.
    pub in_flight: u64,
    /// Connections that were sent to it.
    pub connects: u64,
    /// Those of them that were not established, or were reset.
    pub failures: u64,
}
