//! Compares rings between nodes: each node queries the masters whose adverts it receives for the
//! digests of their rings.
//!
//! For status and metrics only: another node's answer here changes no forwarding, election or
//! drain. An answer counts if it was sent on this link (TTL 255, RFC 5082) by a known node
//! ([`Peers`]), and is signed if the node's adverts are ([`seal`]).

mod peers;
mod seal;
mod task;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use peers::Peers;
pub use task::{Agreement, start};
use vrrp_model::Hmac;
use vrrp_model::time::Instant;
pub use vrrp_steering::ring_agreement::{Named, Ring};

/// UDP port of the comparison.
pub const PORT: u16 = 9_166;
/// How often the other nodes are queried.
pub const ASK_EVERY: Duration = Duration::from_secs(2);
/// How long an answer is valid.
const FRESH: Duration = Duration::from_secs(7);

/// This node's rings, and the nodes to query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    pub rings: Vec<Ring>,
    /// Addresses of other masters, with the port; a link-local one with its interface.
    pub masters: Vec<SocketAddr>,
    /// Addresses of configured peers.
    pub peers: Vec<IpAddr>,
    /// Keys of the virtual routers with signed adverts, each set once.
    pub keys: Vec<Hmac>,
}

/// The most nodes whose answers are kept. A virtual router has at most 32 peers, and few share a
/// link.
const MOST_NODES: usize = 64;

/// Answers of the other nodes, by their address: the digest of each service, and its time.
#[derive(Debug, Clone, Default)]
pub struct Heard(BTreeMap<IpAddr, BTreeMap<Named, (u64, Instant)>>);

impl Heard {
    /// Stores the digests of `from`, a known node, for services that this node has.
    pub fn note(&mut self, from: IpAddr, rings: &[Ring], now: Instant) {
        if rings.is_empty() || (self.0.len() >= MOST_NODES && !self.0.contains_key(&from)) {
            return;
        }
        let said = self.0.entry(from).or_default();
        for ring in rings {
            said.insert(ring.named(), (ring.digest, now));
        }
    }

    /// Forgets digests that were not repeated.
    pub fn forget(&mut self, now: Instant) {
        for said in self.0.values_mut() {
            said.retain(|_, (_, at)| now < *at + FRESH);
        }
        self.0.retain(|_, said| !said.is_empty());
    }

    /// The other nodes' digests of a service's ring, with their addresses.
    pub fn of(
        &self,
        address: IpAddr,
        port: u16,
        protocol: u8,
    ) -> impl Iterator<Item = (IpAddr, u64)> {
        self.0
            .iter()
            .filter_map(move |(&from, said)| Some((from, said.get(&(address, port, protocol))?.0)))
    }
}

#[cfg(test)]
mod tests;
