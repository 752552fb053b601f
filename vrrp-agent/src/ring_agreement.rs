//! Whether the nodes of a pair have the same rings: each asks the masters it hears for the digests
//! of theirs.
//!
//! For status and metrics only: nothing is forwarded, elected or drained by what another node says
//! here. What counts was sent on this link (TTL 255, RFC 5082) by a node that is known ([`Peers`]),
//! and is signed where adverts are ([`seal`]).

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
/// How often the others are asked.
pub const ASK_EVERY: Duration = Duration::from_secs(2);
/// How long an answer counts.
const FRESH: Duration = Duration::from_secs(7);

/// What this node has to say, and whom it asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    pub rings: Vec<Ring>,
    /// Addresses of other masters, with the port to ask; a link-local one with its interface.
    pub masters: Vec<SocketAddr>,
    /// Addresses of configured peers.
    pub peers: Vec<IpAddr>,
    /// Of the virtual routers whose adverts are signed, each set of keys once.
    pub keys: Vec<Hmac>,
}

/// Nodes that are listened to at once. A virtual router has 32 peers at most, and few have a link
/// in common.
const MOST_NODES: usize = 64;

/// What the others said, by their address: of each service the digest, and when.
#[derive(Debug, Clone, Default)]
pub struct Heard(BTreeMap<IpAddr, BTreeMap<Named, (u64, Instant)>>);

impl Heard {
    /// Takes down what `from`, a known node, said of services that we have.
    pub fn note(&mut self, from: IpAddr, rings: &[Ring], now: Instant) {
        if rings.is_empty() || (self.0.len() >= MOST_NODES && !self.0.contains_key(&from)) {
            return;
        }
        let said = self.0.entry(from).or_default();
        for ring in rings {
            said.insert(ring.named(), (ring.digest, now));
        }
    }

    /// Forgets what was not said again.
    pub fn forget(&mut self, now: Instant) {
        for said in self.0.values_mut() {
            said.retain(|_, (_, at)| now < *at + FRESH);
        }
        self.0.retain(|_, said| !said.is_empty());
    }

    /// What the others say of a service's ring: their address and digest.
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
