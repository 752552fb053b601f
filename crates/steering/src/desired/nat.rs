//! What destination NAT needs besides its backends: the way back.

use std::collections::BTreeMap;

use vrrp_common::maps::{FOREIGN_UNTOUCHED, InterfaceConf, NAT_ANSWERS, ReverseConf, ReverseKey};

use super::reachability::is_routed;
use super::{Desired, Facts, router_of};
use vrrp_model::host::HostView;
use vrrp_model::{Backend, Config, Family, Forward, Service};

/// What an interface has to do with NAT.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NatSide {
    /// Answers of backends come in here; else it is clients' packets.
    pub back: bool,
    pub v4: bool,
    pub v6: bool,
}

/// The interfaces between which this host carries packets of NAT, by index.
pub fn nat_sides(config: &Config, host: &HostView) -> BTreeMap<u32, NatSide> {
    let mut sides = BTreeMap::<u32, NatSide>::new();
    for service in &config.services {
        let mapped = |target: &&Backend| target.forward == Forward::Nat && is_routed(host, target);
        let mut targets = service.targets().filter(mapped).peekable();
        if targets.peek().is_none() {
            continue;
        }
        let front =
            router_of(config, service).and_then(|(_, router)| host.link_by_name(&router.interface));
        for target in targets {
            let route = host.routes.get(&target.address).copied().flatten();
            let back = route.and_then(|route| host.links.get(&route.ifindex));
            for (link, is_back) in [(front, false), (back, true)] {
                let Some(link) = link else { continue };
                let side = sides.entry(link.index).or_default();
                side.back |= is_back;
                match Family::of(target.address) {
                    Family::V4 => side.v4 = true,
                    Family::V6 => side.v6 = true,
                }
            }
        }
    }
    sides
}

/// The program must see the answers too, also on interfaces that carry no virtual router.
pub(super) fn add_interfaces(desired: &mut Desired, facts: &Facts) {
    desired.nat_sides = nat_sides(facts.config, facts.host);
    for (&ifindex, _) in desired.nat_sides.iter().filter(|(_, side)| side.back) {
        let mac = facts.host.links.get(&ifindex).map_or([0; 6], |link| link.mac);
        // A VRRP daemon on an interface that is not ours otherwise is none of our business.
        let bare = InterfaceConf {
            ifindex,
            mac,
            pass_foreign: FOREIGN_UNTOUCHED,
            ..InterfaceConf::default()
        };
        let conf = desired.interfaces.entry(ifindex).or_insert(bare);
        conf.nat = NAT_ANSWERS;
        conf.nat_router = counted_at(facts, ifindex);
    }
}

/// The index in the maps of the first virtual router whose NAT backends are behind this interface.
fn counted_at(facts: &Facts, ifindex: u32) -> u32 {
    let leads_here = |target: &Backend| {
        let route = facts.host.routes.get(&target.address).copied().flatten();
        target.forward == Forward::Nat && route.is_some_and(|route| route.ifindex == ifindex)
    };
    let service = facts.config.services.iter().find(|service| service.targets().any(leads_here));
    let router = service.and_then(|service| router_of(facts.config, service));
    router.and_then(|(index, _)| facts.indices.get(index).copied()).unwrap_or_default().get()
}

/// Answers of NAT backends get the service's address and port, whether the backend is up or not: it
/// may still be finishing.
pub(super) fn add_reverse(
    desired: &mut Desired,
    facts: &Facts,
    router: usize,
    service: &Service,
    protocol: u8,
) {
    let Some(&idx) = facts.indices.get(router) else {
        return;
    };
    let mapped = service
        .targets()
        .filter(|target| target.forward == Forward::Nat && is_routed(facts.host, target));
    for target in mapped {
        let key = ReverseKey {
            address: target.address.into(),
            port: target.port.into(),
            protocol: protocol.into(),
        };
        let conf = ReverseConf {
            address: service.address.into(),
            port: service.port,
            router: idx.get(),
            ..ReverseConf::default()
        };
        desired.reverse.insert(key, conf);
    }
}
