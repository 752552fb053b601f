//! Upstreams, their backends and the counts of their connections.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::BackendState;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamStatus {
    pub name: String,
    /// The address that processes connect to.
    pub address: SocketAddr,
    /// Directory of the cgroup, or name of the unit, whose connections are steered.
    pub cgroup: String,
    /// `least-connections` or `weighted-random`.
    pub balance: String,
    /// Whether connections are steered.
    pub attached: bool,
    /// Why they are not; `None` while they are.
    pub reason: Option<String>,
    /// Connections steered to a backend.
    pub connects: u64,
    /// Connections refused because no backend was usable.
    pub refused: u64,
    /// Connections steered to a backend but, for lack of memory, not counted in its `in_flight`.
    pub uncounted: u64,
    pub backends: Vec<UpstreamBackendStatus>,
}

/// A backend of an upstream. Its counts cover all upstreams that use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamBackendStatus {
    pub address: SocketAddr,
    /// As configured; 0 drains.
    pub weight: u16,
    /// Result of its health check.
    pub state: BackendState,
    /// It gets new connections: up, with a nonzero weight.
    pub usable: bool,
    /// A connection to it was refused, abandoned or reset within the last second. It is chosen only
    /// if all other backends are suspect too.
    pub suspect: bool,
    /// Open connections.
    pub in_flight: u64,
    /// Connections steered to it.
    pub connects: u64,
    /// Connections to it that were not established or were reset.
    pub failures: u64,
}
