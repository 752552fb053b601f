//! Services in desired state: backends, their names on the way back, guards.

use ipnet::IpNet;
use vrrp_common::ip::Address;
use vrrp_common::maglev::Member;
use vrrp_common::maps::{
    ADDRESS_HAS_SERVICES, ADDRESS_IS_BACKEND, AddressKey, GUARD_SERVICE_BITS, GuardConf,
    GuardedSource, SERVICE_BY_SOURCE, SERVICE_GUARDED, SOURCE_ALLOWED, SOURCE_DENIED,
};

use super::reachability::{
    Reachability, ServiceReachability, Unusable, is_own, service_reachability,
};
use super::{Desired, Facts, ServiceConf, nat};
use crate::ring::{Candidate, Membership};
use vrrp_model::host::HostView;
use vrrp_model::{Backend, Forward, Fragments, Guard, Persistence, Protocol, Rate, Service};

/// Adds a service. `router` is the index of the router whose virtual address it is on.
pub(super) fn add(
    desired: &mut Desired,
    facts: &Facts,
    index: usize,
    service: &Service,
    router: Option<usize>,
) {
    if let Some(reach) = service_reachability(facts, index, router) {
        add_reachable(desired, facts, service, &reach);
        desired.reachabilities.insert(index, reach);
    }
}

fn add_reachable(
    desired: &mut Desired,
    facts: &Facts,
    service: &Service,
    reachability: &ServiceReachability,
) {
    let Some(slot) = facts.slots.service(service) else {
        return;
    };
    let mut candidates = Vec::new();
    let mut undecided = false;
    for (backend, reach) in service.backends.iter().zip(&reachability.backends) {
        undecided |= reach.unusable.is_some_and(|unusable| unusable.is_ignorance());
        add_target(desired, facts, service, slot, backend, reach);
        if let Some(member) = member(facts, service, backend) {
            let precomputed = reach.unusable.is_none_or(Unusable::may_pass);
            candidates.push(Candidate { member, usable: reach.unusable.is_none(), precomputed });
        }
    }
    let mut sorry_member = None;
    if let (Some(sorry), Some(reach)) = (&service.sorry, &reachability.sorry) {
        add_target(desired, facts, service, slot, sorry, reach);
        sorry_member = member(facts, service, sorry).filter(|_| reach.unusable.is_none());
    }
    let roster = Membership::new(&candidates, service.quorum, sorry_member, service.drain);
    desired.rosters.insert(slot, if undecided { roster.undecided() } else { roster });
    let Some(router_index) = reachability.router else {
        return;
    };
    let Some(router) = facts.config.routers.get(router_index) else {
        return;
    };
    let Some(link) = facts.host.link_by_name(&router.interface) else {
        return;
    };
    nat::add_reverse(desired, facts, router_index, service, service.protocol.number());
    let key = AddressKey { address: service.address.into(), ifindex: link.index, vlan: 0 };
    add_to_address(desired, facts.host, &key, slot, service);
    let guarded = add_guard(desired, slot, &service.guard);
    let by_source = if service.persistence == Persistence::Source { SERVICE_BY_SOURCE } else { 0 };
    let flags = by_source | if guarded { SERVICE_GUARDED } else { 0 };
    desired.services.insert(
        slot,
        ServiceConf {
            address: key,
            port: service.port,
            protocol: service.protocol.number(),
            flags,
        },
    );
}

fn member(facts: &Facts, service: &Service, target: &Backend) -> Option<Member> {
    let number = facts.slots.backend(service, target)?;
    Some(Member {
        address: target.address.into(),
        port: target.port,
        weight: target.weight,
        index: number as u16,
    })
}

fn add_target(
    desired: &mut Desired,
    facts: &Facts,
    service: &Service,
    slot: u32,
    target: &Backend,
    reach: &Reachability,
) {
    if let Some(number) = facts.slots.backend(service, target) {
        desired.backends.insert(number, reach.conf(facts, slot as u16, target));
    }
    if let Some(next_hop) = reach.next_hop {
        desired.next_hops.insert((reach.ifindex, next_hop));
    }
}

/// What the service means for its virtual address.
fn add_to_address(
    desired: &mut Desired,
    host: &HostView,
    key: &AddressKey,
    slot: u32,
    service: &Service,
) {
    let Some(address) = desired.addresses.get_mut(key) else {
        return;
    };
    address.flags |= ADDRESS_HAS_SERVICES;
    if let Some(hint) = address.service_hints.iter_mut().find(|hint| **hint == 0) {
        *hint = slot + 1;
    }
    if service.fragments == Fragments::Steer {
        let taken_by = match service.protocol {
            Protocol::Tcp => &mut address.tcp_fragments,
            Protocol::Udp => &mut address.udp_fragments,
        };
        *taken_by = slot as u16 + 1;
    }
    if is_handed_on(host, service) {
        address.flags |= ADDRESS_IS_BACKEND;
        desired.local_routes.insert(service.address);
    }
}

/// Whether another master hands packets for the service's address on to this node.
fn is_handed_on(host: &HostView, service: &Service) -> bool {
    let own = |target: &Backend| match target.forward {
        // Its packets come with this node's own address.
        Forward::Nat => false,
        Forward::Local => !target.address.is_loopback(),
        Forward::Auto | Forward::Dr | Forward::Ipip => is_own(host, target.address),
    };
    service.targets().count() > 1 && service.targets().any(own)
}

/// Whether there is anything to guard.
fn add_guard(desired: &mut Desired, slot: u32, guard: &Guard) -> bool {
    if *guard == Guard::default() {
        return false;
    }
    let Guard { new_per_source, new_total, allow, deny } = guard;
    let rate = |limit: &Option<Rate>| limit.map_or((0, 0), |rate| (rate.per_second, rate.burst));
    let ((source_rate, source_burst), (total_rate, total_burst)) =
        (rate(new_per_source), rate(new_total));
    let closed = u32::from(!allow.is_empty());
    let listed = u32::from(!allow.is_empty() || !deny.is_empty());
    desired.guards.insert(
        slot,
        GuardConf { source_rate, source_burst, total_rate, total_burst, closed, listed },
    );
    for (sources, verdict) in [(allow, SOURCE_ALLOWED), (deny, SOURCE_DENIED)] {
        desired.guard_sources.extend(sources.iter().map(|source| (guarded(slot, source), verdict)));
    }
    true
}

/// Prefix length and key of a source in a service's lists.
fn guarded(service: u32, source: &IpNet) -> (u32, GuardedSource) {
    const MAPPED_BITS: u32 = 96;
    let mapped = if source.network().is_ipv4() { MAPPED_BITS } else { 0 };
    let length = GUARD_SERVICE_BITS + mapped + u32::from(source.prefix_len());
    (
        length,
        GuardedSource {
            service: service.to_be_bytes(),
            source: Address::from(source.network()).octets(),
        },
    )
}
