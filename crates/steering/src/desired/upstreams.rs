//! Where connections to upstreams should go, from the configuration and what the checks say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use vrrp_common::balance::{LEAST_CONNECTIONS, WEIGHTED_RANDOM};
use vrrp_common::ip::Address;
use vrrp_common::socket_maps::{self, UpstreamKey};

use vrrp_model::{Balance, Upstream, UpstreamBackend};

/// What the socket programs should steer by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upstreams {
    /// `None` while a check has not ended yet, and what is in force stays.
    pub pools: BTreeMap<UpstreamKey, Option<Pool>>,
    /// All backends, also those that get no connection now: they keep their counts.
    pub backends: BTreeSet<socket_maps::Backend>,
}

/// Who takes the connections of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// One of the constants of [`vrrp_common::balance`].
    pub balance: u32,
    /// With their weights; empty: connections are refused.
    pub members: Vec<(socket_maps::Backend, u32)>,
}

/// `health`: for each upstream and backend, whether its check is good; `None` before the first
/// result.
pub fn upstreams(configured: &[Upstream], health: &[Vec<Option<bool>>]) -> Upstreams {
    let mut wanted = Upstreams::default();
    for (upstream, health) in configured.iter().zip(health) {
        wanted.backends.extend(upstream.backends.iter().map(|backend| place(backend.address)));
        let known = health.iter().all(Option::is_some);
        wanted.pools.insert(upstream_key(upstream), known.then(|| pool(upstream, health)));
    }
    wanted
}

fn pool(upstream: &Upstream, health: &[Option<bool>]) -> Pool {
    let usable = |&(backend, up): &(&UpstreamBackend, &Option<bool>)| {
        *up == Some(true) && backend.weight > 0
    };
    let members = upstream.backends.iter().zip(health).filter(usable);
    Pool {
        balance: match upstream.balance {
            Balance::LeastConnections => LEAST_CONNECTIONS,
            Balance::WeightedRandom => WEIGHTED_RANDOM,
        },
        members: members
            .map(|(backend, _)| (place(backend.address), u32::from(backend.weight)))
            .collect(),
    }
}

/// What an upstream is known by in the kernel.
pub fn upstream_key(upstream: &Upstream) -> UpstreamKey {
    UpstreamKey {
        address: Address::from(upstream.address.ip()),
        port: upstream.address.port(),
        pad: [0; 6],
    }
}

/// What a backend is known by in the kernel.
pub fn place(address: SocketAddr) -> socket_maps::Backend {
    socket_maps::Backend { address: Address::from(address.ip()), port: address.port(), pad: [0; 6] }
}

#[cfg(test)]
mod tests;
