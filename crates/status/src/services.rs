//! Services, their backends and the counts of their packets.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use vrrp_model::{Forward, Protocol};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    pub name: String,
    pub address: IpAddr,
    pub port: u16,
    pub protocol: Protocol,
    /// Digest of the ring, in hex: equal on two nodes if both choose the same backend for every
    /// flow.
    pub digest: String,
    /// Version of the ring, raised with each change.
    pub generation: u64,
    /// Rings of other masters on the link; empty without an answer.
    #[serde(default)]
    pub peers: Vec<PeerRing>,
    /// Time left in which older connections stay with backends that take no new ones; `None`
    /// without a drain.
    #[serde(default)]
    pub draining_seconds: Option<f64>,
    /// Slots of the ring whose connections are looked up one by one during the drain.
    #[serde(default)]
    pub marked_slots: usize,
    /// The weight of the usable backends reaches the quorum.
    #[serde(default)]
    pub quorum_met: bool,
    /// The sorry server takes all new connections.
    #[serde(default)]
    pub sorry: bool,
    pub backends: Vec<BackendStatus>,
    pub packets: u64,
    pub bytes: u64,
}

/// Another node's ring of the same service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRing {
    pub node: IpAddr,
    pub digest: String,
    /// Both nodes choose the same backend for every flow.
    pub agrees: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackendStatus {
    pub address: IpAddr,
    /// Absent if it is the service's.
    #[serde(default)]
    pub port: Option<u16>,
    /// As configured; 0 drains.
    pub weight: u16,
    /// Never `auto`: that is decided before.
    pub forward: Forward,
    pub state: BackendState,
    /// Whether connections to the virtual address reach the backend. `None`: no probe runs, or none
    /// has a result.
    #[serde(default)]
    pub real_path: Option<bool>,
    /// It takes new flows: up, with a weight, and reachable.
    pub usable: bool,
    /// Time it has been drained by order; `None` while it is not.
    #[serde(default)]
    pub drained_seconds: Option<f64>,
    /// Why it is (not) usable.
    pub reason: String,
    /// Interface that leads to it.
    #[serde(default)]
    pub interface: Option<String>,
    /// The next hop, to which its frames are addressed: the backend itself or a gateway. `None` for
    /// this node.
    #[serde(default)]
    pub next_hop: Option<IpAddr>,
    /// MAC address of the next hop, `aa:bb:cc:dd:ee:ff`, once resolved.
    pub mac: Option<String>,
    /// Its slots in the live ring.
    pub slots: u32,
    pub packets: u64,
    pub bytes: u64,
}

impl ServiceStatus {
    /// Address and port.
    pub fn place(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

impl BackendStatus {
    /// Distinguishes it from the service's other backends.
    pub fn name(&self) -> String {
        match self.port {
            None => self.address.to_string(),
            Some(port) => SocketAddr::new(self.address, port).to_string(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendState {
    Up,
    Down,
    /// No check has ended yet.
    Unknown,
}

impl fmt::Display for BackendState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            BackendState::Up => "up",
            BackendState::Down => "down",
            BackendState::Unknown => "unknown",
        })
    }
}
