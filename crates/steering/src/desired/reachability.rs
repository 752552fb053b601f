//! How packets reach a backend, and why they do not.

use std::net::IpAddr;

use vrrp_common::ip::Address;
use vrrp_common::maps::{
    BackendConf, FORWARD_DR, FORWARD_IPIP, FORWARD_LOCAL, FORWARD_NAT, FORWARD_NONE,
};

use super::Facts;
use vrrp_model::host::ADDRESS_PROTOCOL;
use vrrp_model::host::{self, HostView, Link};
use vrrp_model::{Backend, Family, Forward, Service, Tunnel};

/// How packets would reach a backend, and whether they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reachability {
    /// Never [`Forward::Auto`].
    pub forward: Forward,
    /// Interface that leads to it; 0 while there is none.
    pub ifindex: u32,
    /// Whom frames for it are addressed to: itself, or the gateway of its route. `None` where it is
    /// this node, or there is no way.
    pub next_hop: Option<IpAddr>,
    /// MAC address of the next hop, or of this node's own interface.
    pub mac: Option<[u8; 6]>,
    /// The longest packet that goes through, in bytes; 0 where it does not matter.
    pub mtu: u32,
    /// Source of the outer packet where there is one.
    pub source: Option<TunnelSource>,
    /// Packets of flows that it has already reach it.
    pub passable: bool,
    /// Why it takes no new flows.
    pub unusable: Option<Unusable>,
}

/// Source address of outer packets, and the bits of it that a flow's hash fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelSource {
    pub address: IpAddr,
    pub entropy: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    Unchecked,
    Down,
    /// By its weight.
    Drained,
    /// By `vrrp-agent drain`.
    Ordered,
    Path,
    NoInterface,
    Unasked,
    NoRoute,
    NotEthernet,
    NoSource,
    OwnPort,
    Unresolved,
}

impl Unusable {
    pub const fn text(self) -> &'static str {
        match self {
            Unusable::Unchecked => "no check has ended yet",
            Unusable::Down => "its check fails",
            Unusable::Drained => "weight 0: drained",
            Unusable::Ordered => "drained: `vrrp-agent drain --undo` ends it",
            Unusable::Path => {
                "its check is good, but connections to the virtual address do not get through"
            }
            Unusable::NoInterface => "the interface is missing or down",
            Unusable::Unasked => "its route has not been looked up yet",
            Unusable::NoRoute => "no route leads to it",
            Unusable::NotEthernet => "its route leads over an interface without Ethernet addresses",
            Unusable::NoSource => "the interface has no address for the outer packet to come from",
            Unusable::OwnPort => {
                "an address of this node with another port: its stack gets packets unchanged"
            }
            Unusable::Unresolved => "its MAC address is not resolved",
        }
    }

    /// Whether it may end without an order.
    pub const fn may_pass(self) -> bool {
        !matches!(self, Unusable::Drained | Unusable::Ordered)
    }

    /// Whether the only obstacle is that nothing is known yet.
    pub const fn is_ignorance(self) -> bool {
        matches!(self, Unusable::Unchecked | Unusable::Unasked)
    }
}

/// How the backends of one service are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceReachability {
    /// Index of the router whose virtual address the service is on.
    pub router: Option<usize>,
    /// By backend.
    pub backends: Vec<Reachability>,
    /// Of the sorry server, which has no health check.
    pub sorry: Option<Reachability>,
}

/// How all backends of a service are reached. `router` is the index of the service's router.
///
/// What the backends share is found once: the cost is linear in the number of backends.
pub fn service_reachability(
    facts: &Facts,
    index: usize,
    router: Option<usize>,
) -> Option<ServiceReachability> {
    let service = facts.config.services.get(index)?;
    let front = router
        .and_then(|router| facts.config.routers.get(router))
        .and_then(|router| facts.host.link_by_name(&router.interface));
    let counts = path_results_count(facts, index, service, router);
    let of = |(position, candidate): (usize, &Backend)| {
        let healthy = known(facts.health, index, position);
        let lost = counts && known(facts.paths, index, position) == Some(false);
        let resolved = resolve(facts, service, front, candidate);
        let unusable = match (healthy, resolved.unusable) {
            (None, _) => Some(Unusable::Unchecked),
            (Some(false), _) => Some(Unusable::Down),
            (Some(true), Some(unusable)) => Some(unusable),
            (Some(true), None) if facts.drained.since(service, candidate).is_some() => {
                Some(Unusable::Ordered)
            }
            (Some(true), None) if candidate.weight == 0 => Some(Unusable::Drained),
            (Some(true), None) if lost => Some(Unusable::Path),
            (Some(true), None) => None,
        };
        Reachability {
            passable: resolved.passable && healthy != Some(false) && !lost,
            unusable,
            ..resolved
        }
    };
    Some(ServiceReachability {
        router,
        backends: service.backends.iter().enumerate().map(of).collect(),
        sorry: service.sorry.as_ref().map(|sorry| resolve(facts, service, front, sorry)),
    })
}

/// The result for a backend of a service, where there is one.
fn known(results: &[Vec<Option<bool>>], service: usize, backend: usize) -> Option<bool> {
    results.get(service).and_then(|backends| backends.get(backend).copied()).flatten()
}

/// Whether an address is this host's own, by other means than a mastership.
pub(super) fn is_own(host: &HostView, address: IpAddr) -> bool {
    let held = |link: &Link| {
        link.addresses
            .iter()
            .any(|held| held.address == address && held.protocol != ADDRESS_PROTOCOL)
    };
    host.links.values().any(held)
}

/// Whether packets for it go by the host's routes.
pub(super) fn is_routed(host: &HostView, target: &Backend) -> bool {
    matches!(target.forward, Forward::Ipip | Forward::Nat) && !is_own(host, target.address)
}

impl Reachability {
    /// For the kernel program.
    pub(super) fn conf(&self, facts: &Facts, service: u16, target: &Backend) -> BackendConf {
        let forward = match self.forward {
            _ if !self.passable => FORWARD_NONE,
            Forward::Local | Forward::Auto => FORWARD_LOCAL,
            Forward::Dr => FORWARD_DR,
            Forward::Ipip => FORWARD_IPIP,
            Forward::Nat => FORWARD_NAT,
        };
        BackendConf {
            address: target.address.into(),
            source: self.source.map_or(Address::UNSPECIFIED, |source| source.address.into()),
            entropy: self.source.map_or(0, |source| source.entropy),
            ifindex: self.ifindex,
            mtu: self.mtu,
            port: target.port,
            service,
            mac: self.mac.unwrap_or_default(),
            source_mac: facts.host.links.get(&self.ifindex).map_or([0; 6], |link| link.mac),
            forward,
            ..BackendConf::default()
        }
    }

    fn barred(forward: Forward, unusable: Unusable) -> Self {
        let unusable = Some(unusable);
        Self {
            forward,
            ifindex: 0,
            next_hop: None,
            mac: None,
            mtu: 0,
            source: None,
            passable: false,
            unusable,
        }
    }
}

/// Without the backend's health. `front` is the link of the service's virtual address.
fn resolve(
    facts: &Facts,
    service: &Service,
    front: Option<&Link>,
    target: &Backend,
) -> Reachability {
    let own = is_own(facts.host, target.address);
    match target.forward {
        Forward::Nat if own && target.port != service.port => {
            Reachability::barred(Forward::Nat, Unusable::OwnPort)
        }
        Forward::Local => local(front),
        _ if own => local(front),
        Forward::Auto | Forward::Dr => direct(facts.host, front, target),
        Forward::Ipip | Forward::Nat => routed(facts, target),
    }
}

fn local(front: Option<&Link>) -> Reachability {
    let Some(link) = front else {
        return Reachability::barred(Forward::Local, Unusable::NoInterface);
    };
    let unusable = (!link.up).then_some(Unusable::NoInterface);
    Reachability {
        forward: Forward::Local,
        ifindex: link.index,
        next_hop: None,
        mac: Some(link.mac),
        mtu: 0,
        source: None,
        passable: unusable.is_none(),
        unusable,
    }
}

/// On the segment of the virtual address.
fn direct(host: &HostView, front: Option<&Link>, target: &Backend) -> Reachability {
    match front {
        Some(link) => over(host, Forward::Dr, link, target.address),
        None => Reachability::barred(Forward::Dr, Unusable::NoInterface),
    }
}

/// By the host's routes.
fn routed(facts: &Facts, target: &Backend) -> Reachability {
    let forward = target.forward;
    let route = match facts.host.routes.get(&target.address) {
        None => return Reachability::barred(forward, Unusable::Unasked),
        Some(None) => return Reachability::barred(forward, Unusable::NoRoute),
        Some(Some(route)) => route,
    };
    let Some(link) = facts.host.links.get(&route.ifindex) else {
        return Reachability::barred(forward, Unusable::NoInterface);
    };
    let mut reach = over(facts.host, forward, link, route.gateway.unwrap_or(target.address));
    reach.mtu = route.mtu.unwrap_or(link.mtu);
    if forward == Forward::Ipip {
        reach.source = tunnel_source(&facts.config.tunnel, target.address).or_else(|| {
            own_source(facts, link, target.address)
                .map(|address| TunnelSource { address, entropy: 0 })
        });
        if reach.source.is_none() {
            reach.unusable = reach.unusable.or(Some(Unusable::NoSource));
            reach.passable = false;
        }
    }
    reach
}

/// To a next hop on a link.
fn over(host: &HostView, forward: Forward, link: &Link, next_hop: IpAddr) -> Reachability {
    let mac = host.neighbours.get(&(link.index, next_hop)).copied();
    let unusable = if !link.up {
        Some(Unusable::NoInterface)
    } else if link.mac == [0; 6] {
        Some(Unusable::NotEthernet)
    } else if mac.is_none() {
        Some(Unusable::Unresolved)
    } else {
        None
    };
    let (next_hop, passable) = (Some(next_hop), unusable.is_none());
    Reachability {
        forward,
        ifindex: link.index,
        next_hop,
        mac,
        mtu: 0,
        source: None,
        passable,
        unusable,
    }
}

/// The configured source of outer packets of the target's family.
fn tunnel_source(tunnel: &Tunnel, target: IpAddr) -> Option<TunnelSource> {
    let (address, host_bits) = match target {
        IpAddr::V4(_) => tunnel
            .source_v4
            .map(|net| (IpAddr::V4(net.network()), net.max_prefix_len() - net.prefix_len()))?,
        IpAddr::V6(_) => tunnel
            .source_v6
            .map(|net| (IpAddr::V6(net.network()), net.max_prefix_len() - net.prefix_len()))?,
    };
    let entropy = 1_u32.checked_shl(host_bits.into()).map_or(u32::MAX, |above| above - 1);
    Some(TunnelSource { address, entropy })
}

/// An address of the sending interface itself: one that no mastership brings and takes away.
pub(super) fn own_source(facts: &Facts, link: &Link, target: IpAddr) -> Option<IpAddr> {
    const GLOBAL: u8 = 0;
    let is_virtual = |address: IpAddr| {
        facts.config.routers.iter().any(|router| router.all_addresses().any(|a| a == address))
    };
    let fits = |held: &&host::Address| {
        Family::of(held.address) == Family::of(target)
            && held.usable
            && held.scope == GLOBAL
            && held.protocol != ADDRESS_PROTOCOL
            && !is_virtual(held.address)
    };
    // A temporary address (RFC 8981) only where there is no other.
    link.addresses.iter().filter(fits).min_by_key(|held| held.secondary).map(|held| held.address)
}

/// Whether a failed probe of the virtual address takes a backend of this service out of use.
///
/// It does not where no other backend could serve: the packet would be dropped anyway, and the
/// fault may be that of the probes. A backend whose own probe fails never serves, so the answer is
/// the same for every backend of the service.
fn path_results_count(
    facts: &Facts,
    index: usize,
    service: &Service,
    router: Option<usize>,
) -> bool {
    let serves = |(position, other): (usize, &Backend)| {
        other.weight > 0
            && known(facts.health, index, position) == Some(true)
            && known(facts.paths, index, position) != Some(false)
            && facts.drained.since(service, other).is_none()
    };
    is_active(facts, router)
        && (service.sorry.is_some() || service.backends.iter().enumerate().any(serves))
}

/// Whether this node is master for a router.
pub(super) fn is_active(facts: &Facts, router: Option<usize>) -> bool {
    router.is_some_and(|index| facts.active.get(index).copied().unwrap_or(false))
}
