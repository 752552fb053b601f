//! Addresses that processes of a cgroup may connect to though no host has them.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::Check;
use super::choice::choice;

/// A TCP address whose connections go to one of several servers, chosen when a process connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub name: String,
    /// What processes connect to. No backend's own address.
    pub address: SocketAddr,
    /// Whose connections are steered.
    pub cgroup: Cgroup,
    pub balance: Balance,
    /// 1..=64 of them, of the family of `address`.
    pub backends: Vec<UpstreamBackend>,
    pub check: Check,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpstreamBackend {
    pub address: SocketAddr,
    /// 0..=1000; 0 drains: no new connections.
    pub weight: u16,
}

/// A cgroup of version 2; processes in cgroups below it belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cgroup {
    /// Its directory.
    Path(PathBuf),
    /// Name of a unit of systemd.
    Unit(String),
}

impl fmt::Display for Cgroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cgroup::Path(path) => path.display().fmt(f),
            Cgroup::Unit(unit) => f.write_str(unit),
        }
    }
}

choice! {
    /// How a backend is chosen.
    #[derive(Default)]
    pub enum Balance {
        /// The fewest connections in flight for the weight.
        #[default]
        LeastConnections = "least-connections",
        WeightedRandom = "weighted-random",
    }
}
