//! The desired state of the kernel, computed as a whole from the configuration and observations.
//! Pure.
//!
//! The agent computes it after every event and applies it (`effects`). No incremental changes exist
//! that could be queued or lost.

mod binding;
mod nat;
mod path;
mod reachability;
mod service;
mod upstreams;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use vrrp_common::ip::Address;
use vrrp_common::maps::{
    AddressConf, AddressKey, BackendConf, FOREIGN_DROPPED, FOREIGN_LIMITED, GuardConf,
    GuardedSource, InterfaceConf, ReverseConf, ReverseKey,
};
use vrrp_common::wire::vrrp::{self, virtual_mac};

use crate::drained::Drained;
use crate::map_ids::MapIds;
use crate::ring::Membership;
pub use binding::{Binding, Unbound, binding};
pub use nat::{NatSide, nat_sides};
pub use path::paths;
pub use reachability::{Reachability, ServiceReachability, TunnelSource, Unusable};
pub use upstreams::{Pool, Upstreams, place, upstream_key, upstreams};
use vrrp_model::host::{HostView, Link};
use vrrp_model::{
    Config, Delivery, Family, Router, RouterIdx, Routing, Service, VirtualRoute, VirtualRule,
};

/// Adverts of unknown VRIDs that pass in a second on an interface, where they pass: those of forty
/// virtual routers with the shortest interval. Each costs the election thread some microseconds.
const FOREIGN_LIMIT: u32 = 4_000;

/// Groups that VRRP packets are judged for on every interface.
const GROUPS: [Address; 2] = [Address::v4(vrrp::GROUP), vrrp::GROUP_V6];

/// The inputs of the desired state.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub config: &'a Config,
    pub host: &'a HostView,
    /// For each router, whether this node is active for it.
    pub active: &'a [bool],
    /// For each router, its index in the maps.
    pub indices: &'a [RouterIdx],
    /// Numbers of services and backends in the maps.
    pub slots: &'a MapIds,
    /// A stopping agent prepares for nothing more.
    pub stopping: bool,
    /// For each service and backend, whether its check is good; `None` before the first result.
    pub health: &'a [Vec<Option<bool>>],
    /// For each service and backend, whether connections to the virtual address get through; `None`
    /// where it is not known.
    pub paths: &'a [Vec<Option<bool>>],
    /// Backends that are drained by order.
    pub drained: &'a Drained,
}

/// The state that the agent applies to the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// Interfaces that the program belongs on, by index: those with virtual routers, and those that
    /// lead to NAT backends.
    pub interfaces: BTreeMap<u32, InterfaceConf>,
    /// (Interface index, whether of IPv6, VRID) -> router index in the maps.
    pub vrids: BTreeMap<(u32, bool, u8), RouterIdx>,
    pub addresses: BTreeMap<AddressKey, AddressConf>,
    /// By service number.
    pub services: BTreeMap<u32, ServiceConf>,
    /// By backend number.
    pub backends: BTreeMap<u32, BackendConf>,
    /// By service number: who is in its ring.
    pub rosters: BTreeMap<u32, Membership>,
    /// On the host's interfaces.
    pub installed: BTreeSet<Installed>,
    /// In the host's routing tables: routes with the index of their interface, where they name one.
    pub routes: BTreeSet<(VirtualRoute, Option<u32>)>,
    pub rules: BTreeSet<VirtualRule>,
    /// Virtual MACs that an interface must accept while this node is active: interface index and
    /// MAC.
    pub macs: BTreeSet<(u32, [u8; 6])>,
    /// Addresses that the stack accepts without holding them: this node is their direct-return
    /// backend, or becomes active without delay.
    pub local_routes: BTreeSet<IpAddr>,
    /// Backends that are reached by the host's routes: where these lead must be known.
    pub destinations: BTreeSet<IpAddr>,
    /// Neighbours that must stay resolved: interface index and address.
    pub next_hops: BTreeSet<(u32, IpAddr)>,
    /// Sources of responses of NAT backends, and the addresses that replace them.
    pub reverse: BTreeMap<ReverseKey, ReverseConf>,
    /// Interfaces that packets of NAT go through.
    pub nat_sides: BTreeMap<u32, NatSide>,
    /// By service number, where there is anything to guard.
    pub guards: BTreeMap<u32, GuardConf>,
    /// Prefix length and key of each listed source, and whether it is allowed or denied.
    pub guard_sources: BTreeMap<(u32, GuardedSource), u32>,
    pub upstreams: Upstreams,
    /// By index of the service: what its backends and ring follow from. Status and probes read it
    /// too.
    pub reachabilities: BTreeMap<usize, ServiceReachability>,
}

impl Desired {
    /// Whether a master elsewhere relies on this node: as a direct-return backend, or for the
    /// answers of NAT backends.
    pub fn is_relied_on(&self) -> bool {
        !self.local_routes.is_empty() || !self.reverse.is_empty()
    }
}

/// A service, as the kernel program must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceConf {
    pub address: AddressKey,
    pub port: u16,
    /// Of the IP header.
    pub protocol: u8,
    /// SERVICE_ bits.
    pub flags: u32,
}

/// An address on an interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Installed {
    pub ifindex: u32,
    pub address: IpAddr,
    pub prefix_len: u8,
    pub label: Option<String>,
}

/// Computes the desired state.
pub fn desired(facts: &Facts) -> Desired {
    let mut desired = Desired::default();
    if !facts.stopping {
        add_routing(&mut desired, facts.host, &facts.config.routing);
    }
    for (index, router) in facts.config.routers.iter().enumerate() {
        if facts.active.get(index) == Some(&true) {
            add_routing(&mut desired, facts.host, &router.routing);
        }
        add_router(&mut desired, facts, index, router);
    }
    let owners = owners(facts.config);
    for (index, service) in facts.config.services.iter().enumerate() {
        let router = owners.get(&service.address).copied();
        service::add(&mut desired, facts, index, service, router);
    }
    desired.destinations = destinations(facts.config, facts.host);
    nat::add_interfaces(&mut desired, facts);
    desired
}

/// The part of the desired state with the backends and rings of these services.
pub fn of_services(facts: &Facts, services: impl Iterator<Item = usize>) -> Desired {
    let mut desired = Desired::default();
    for (index, conf) in
        services.filter_map(|index| Some((index, facts.config.services.get(index)?)))
    {
        let router = router_of(facts.config, conf).map(|(router, _)| router);
        service::add(&mut desired, facts, index, conf, router);
    }
    desired
}

/// Backends that are reached by the host's routes.
pub fn destinations(config: &Config, host: &HostView) -> BTreeSet<IpAddr> {
    let targets = config.services.iter().flat_map(Service::targets);
    targets
        .filter(|target| reachability::is_routed(host, target))
        .map(|target| target.address)
        .collect()
}

/// By virtual address: the index of its router, the first where several have it.
fn owners(config: &Config) -> HashMap<IpAddr, usize> {
    let mut owners = HashMap::new();
    for (index, router) in config.routers.iter().enumerate() {
        for address in router.all_addresses() {
            owners.entry(address).or_insert(index);
        }
    }
    owners
}

/// The router whose virtual address a service is on.
pub fn router_of<'a>(config: &'a Config, service: &Service) -> Option<(usize, &'a Router)> {
    let owns = |router: &Router| router.all_addresses().any(|address| address == service.address);
    config.routers.iter().enumerate().find(|(_, router)| owns(router))
}

/// A route over an interface that is not there waits for it.
fn add_routing(desired: &mut Desired, host: &HostView, routing: &Routing) {
    for route in &routing.routes {
        let link = route.device.as_ref().map(|device| host.link_by_name(device));
        match link {
            None => drop(desired.routes.insert((route.clone(), None))),
            Some(Some(link)) if link.up => {
                desired.routes.insert((route.clone(), Some(link.index)));
            }
            Some(_) => {}
        }
    }
    desired.rules.extend(routing.rules.iter().cloned());
}

fn add_router(desired: &mut Desired, facts: &Facts, index: usize, router: &Router) {
    let (Some(&idx), Some(link)) =
        (facts.indices.get(index), facts.host.link_by_name(&router.interface))
    else {
        return;
    };
    let bare = InterfaceConf {
        ifindex: link.index,
        mac: link.mac,
        pass_foreign: if facts.config.pass_foreign_vrids {
            FOREIGN_LIMITED
        } else {
            FOREIGN_DROPPED
        },
        foreign_limit: FOREIGN_LIMIT,
        ..InterfaceConf::default()
    };
    let conf = desired.interfaces.entry(link.index).or_insert(bare);
    let own: Vec<IpAddr> = router.all_addresses().collect();
    let source =
        router.source.or_else(|| facts.host.primary_address(link.index, router.family(), &own));
    let group = match router.delivery {
        Delivery::Multicast(group) => {
            Some(group).filter(|group| !GROUPS.contains(&Address::from(*group)))
        }
        Delivery::Unicast => None,
    };
    for address in source.into_iter().chain(group) {
        conf.listen(address.into());
    }
    desired.vrids.insert((link.index, router.family() == Family::V6, router.vrid), idx);
    let active = facts.active.get(index).copied().unwrap_or(false);
    for address in router.all_addresses() {
        let key = AddressKey { address: address.into(), ifindex: link.index, vlan: 0 };
        let conf = AddressConf { router: idx.get(), ..AddressConf::default() };
        let held = desired.addresses.entry(key).or_insert(conf);
        // Two routers may have an address: the kernel program serves it by the active one.
        if active {
            *held = conf;
        }
    }
    if active {
        if router.virtual_mac {
            desired
                .macs
                .insert((link.index, virtual_mac(router.family() == Family::V6, router.vrid)));
        }
        install(desired, facts.host, router, link);
    }
    if router.accept_always && !facts.stopping {
        desired.local_routes.extend(router.all_addresses());
    }
}

fn install(desired: &mut Desired, host: &HostView, router: &Router, link: &Link) {
    for virtual_address in router.addresses.iter().chain(&router.excluded_addresses) {
        let device =
            virtual_address.device.as_deref().map_or(Some(link), |name| host.link_by_name(name));
        if let Some(device) = device {
            desired.installed.insert(Installed {
                ifindex: device.index,
                address: virtual_address.address,
                prefix_len: virtual_address.prefix_len,
                label: virtual_address.label.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
