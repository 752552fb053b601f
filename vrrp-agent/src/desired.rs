//! What should be true in the kernel, computed whole from what was decided and seen. Pure.
//!
//! The agent computes this on every piece of news and makes it so (`effects`); there are no edits to queue or to lose.

mod upstreams;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use vrrp_common::maglev::Member;
use vrrp_common::maps::{
    ADDRESS_HAS_SERVICES, ADDRESS_IS_BACKEND, AddressConf, AddressKey, BackendConf, FORWARD_DR, FORWARD_LOCAL, FORWARD_NONE,
    InterfaceConf,
};
use vrrp_common::wire::ipv4::{PROTO_TCP, PROTO_UDP};
use vrrp_common::wire::vrrp::virtual_mac;

use crate::model::{Backend, Config, Family, Forward, Protocol, Router, Service};
use crate::net::addresses::ADDRESS_PROTOCOL;
use crate::net::view::{HostView, Link};
use crate::slots::Slots;
pub use upstreams::{Pool, Upstreams, place, upstream_key, upstreams};

/// What desired state follows from.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub config: &'a Config,
    pub host: &'a HostView,
    /// For each router, whether this node acts for it.
    pub acting: &'a [bool],
    /// For each router, its index in the maps.
    pub places: &'a [u32],
    /// Numbers of services and backends in the maps.
    pub slots: &'a Slots,
    /// A stopping agent prepares for nothing more.
    pub stopping: bool,
    /// For each service and backend, whether its check is good; `None` before the first result.
    pub health: &'a [Vec<Option<bool>>],
}

/// Everything the agent can make true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// Interfaces with virtual routers, by index.
    pub interfaces: BTreeMap<u32, InterfaceConf>,
    /// (Interface index, whether of IPv6, VRID) -> router index in the maps.
    pub vrids: BTreeMap<(u32, bool, u8), u32>,
    pub addresses: BTreeMap<AddressKey, AddressConf>,
    /// By service number.
    pub services: BTreeMap<u32, ServiceConf>,
    /// By backend index.
    pub backends: BTreeMap<u32, BackendConf>,
    /// By service index: who is in its ring; `None` while a check has not ended yet, and the ring stays as it is.
    pub members: BTreeMap<u32, Option<Vec<Member>>>,
    /// On the host's interfaces.
    pub installed: BTreeSet<Installed>,
    /// Virtual MACs that an interface must take frames for besides its own, while this node acts: interface index and MAC.
    pub macs: BTreeSet<(u32, [u8; 6])>,
    /// Addresses the stack accepts without having them: this node is their direct-return backend, or must be quick to act.
    pub local_routes: BTreeSet<Ipv4Addr>,
    /// Backends whose MAC must be resolved: interface index and address.
    pub unresolved: BTreeSet<(u32, Ipv4Addr)>,
    pub upstreams: Upstreams,
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

/// How packets would reach a backend, and whether they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub forward: Forward,
    /// Interface that leads to it; 0 while there is none.
    pub ifindex: u32,
    pub mac: Option<[u8; 6]>,
    /// Why it takes no new flows.
    pub obstacle: Option<Obstacle>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    Unchecked,
    Down,
    Drained,
    NoInterface,
    Unresolved,
    Unsupported,
}

impl Obstacle {
    pub const fn text(self) -> &'static str {
        match self {
            Obstacle::Unchecked => "no check has ended yet",
            Obstacle::Down => "its check fails",
            Obstacle::Drained => "weight 0: drained",
            Obstacle::NoInterface => "the interface is missing or down",
            Obstacle::Unresolved => "its MAC address is not resolved",
            Obstacle::Unsupported => "this way of forwarding is not supported yet",
        }
    }
}

/// Computes the desired state.
pub fn desired(facts: &Facts) -> Desired {
    let mut desired = Desired::default();
    for (index, router) in facts.config.routers.iter().enumerate() {
        add_router(&mut desired, facts, index, router);
    }
    for (index, service) in facts.config.services.iter().enumerate() {
        add_service(&mut desired, facts, index, service);
    }
    desired
}

/// The router whose virtual address a service is on.
pub fn router_of<'a>(config: &'a Config, service: &Service) -> Option<(usize, &'a Router)> {
    let owns = |router: &Router| router.all_addresses().any(|address| address == service.address);
    config.routers.iter().enumerate().find(|(_, router)| owns(router))
}

/// How a backend of a service is reached, and what stands in the way.
pub fn way(facts: &Facts, service: usize, backend: usize) -> Option<Way> {
    let conf = facts.config.services.get(service)?;
    let candidate = conf.backends.get(backend)?;
    let healthy = facts.health.get(service).and_then(|backends| backends.get(backend).copied()).flatten();
    let forward = resolved_forward(facts.host, candidate);
    let link = router_of(facts.config, conf).and_then(|(_, router)| facts.host.link_by_name(&router.interface));
    let ifindex = link.map_or(0, |link| link.index);
    let mac = match forward {
        Forward::Dr => facts.host.neighbours.get(&(ifindex, candidate.address)).copied(),
        Forward::Local | Forward::Auto => link.map(|link| link.mac),
        Forward::Ipip | Forward::Nat => None,
    };
    let supported = candidate.address.is_ipv4() && !matches!(forward, Forward::Ipip | Forward::Nat);
    let obstacle = match healthy {
        None => Some(Obstacle::Unchecked),
        Some(false) => Some(Obstacle::Down),
        Some(true) if candidate.weight == 0 => Some(Obstacle::Drained),
        Some(true) if !supported => Some(Obstacle::Unsupported),
        Some(true) if !link.is_some_and(|link| link.up) => Some(Obstacle::NoInterface),
        Some(true) if mac.is_none() => Some(Obstacle::Unresolved),
        Some(true) => None,
    };
    Some(Way { forward, ifindex, mac, obstacle })
}

/// `Auto` decided: local when the address is one of this host's own.
fn resolved_forward(host: &HostView, backend: &Backend) -> Forward {
    let own = |link: &Link| link.addresses.iter().any(|a| a.address == backend.address && a.protocol != ADDRESS_PROTOCOL);
    match backend.forward {
        Forward::Auto if host.links.values().any(own) => Forward::Local,
        Forward::Auto => Forward::Dr,
        chosen => chosen,
    }
}

fn add_router(desired: &mut Desired, facts: &Facts, index: usize, router: &Router) {
    let (Some(&place), Some(link)) = (facts.places.get(index), facts.host.link_by_name(&router.interface)) else {
        return;
    };
    let pass_foreign = u8::from(facts.config.pass_foreign_vrids);
    let conf = InterfaceConf { ifindex: link.index, mac: link.mac, pass_foreign, nat: 0 };
    desired.interfaces.insert(link.index, conf);
    desired.vrids.insert((link.index, router.family() == Family::V6, router.vrid), place);
    for address in router.all_addresses() {
        let key = AddressKey { address: address.into(), ifindex: link.index, vlan: 0 };
        desired.addresses.insert(key, AddressConf { router: place, ..AddressConf::default() });
    }
    if facts.acting.get(index).copied().unwrap_or(false) {
        if router.virtual_mac {
            desired.macs.insert((link.index, virtual_mac(router.family() == Family::V6, router.vrid)));
        }
        install(desired, facts.host, router, link);
    }
    if router.accept_always && !facts.stopping {
        let accepted = router.all_addresses().filter_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        desired.local_routes.extend(accepted);
    }
}

fn install(desired: &mut Desired, host: &HostView, router: &Router, link: &Link) {
    for virtual_address in router.addresses.iter().chain(&router.excluded_addresses) {
        let device = virtual_address.device.as_deref().map_or(Some(link), |name| host.link_by_name(name));
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

fn add_service(desired: &mut Desired, facts: &Facts, index: usize, service: &Service) {
    let IpAddr::V4(service_address) = service.address else {
        return;
    };
    let mut members = Vec::new();
    let mut is_backend = false;
    let mut undecided = false;
    for (position, backend) in service.backends.iter().enumerate() {
        let Some(way) = way(facts, index, position) else {
            continue;
        };
        is_backend |= way.forward == Forward::Local;
        undecided |= way.obstacle == Some(Obstacle::Unchecked);
        let (Some(number), IpAddr::V4(address)) = (facts.slots.backend(service, backend), backend.address) else {
            continue;
        };
        desired.backends.insert(number, backend_conf(facts, service, backend, &way));
        if way.forward == Forward::Dr && way.ifindex != 0 {
            desired.unresolved.insert((way.ifindex, address));
        }
        if way.obstacle.is_none() {
            members.push(Member { address: address.into(), port: backend.port, weight: backend.weight, index: number as u16 });
        }
    }
    let Some(slot) = facts.slots.service(service) else {
        return;
    };
    desired.members.insert(slot, (!undecided).then_some(members));
    let shared = service.backends.len() > 1;
    let Some((_, router)) = router_of(facts.config, service) else {
        return;
    };
    let Some(link) = facts.host.link_by_name(&router.interface) else {
        return;
    };
    let key = AddressKey { address: service.address.into(), ifindex: link.index, vlan: 0 };
    if let Some(address) = desired.addresses.get_mut(&key) {
        address.flags |= ADDRESS_HAS_SERVICES;
        if is_backend && shared {
            address.flags |= ADDRESS_IS_BACKEND;
            desired.local_routes.insert(service_address);
        }
    }
    let protocol = match service.protocol {
        Protocol::Tcp => PROTO_TCP,
        Protocol::Udp => PROTO_UDP,
    };
    desired.services.insert(slot, ServiceConf { address: key, port: service.port, protocol, flags: 0 });
}

fn backend_conf(facts: &Facts, service: &Service, backend: &Backend, way: &Way) -> BackendConf {
    let forward = match (way.forward, way.mac) {
        (Forward::Local | Forward::Auto, _) => FORWARD_LOCAL,
        (Forward::Dr, Some(_)) => FORWARD_DR,
        (Forward::Dr, None) | (Forward::Ipip | Forward::Nat, _) => FORWARD_NONE,
    };
    BackendConf {
        ifindex: way.ifindex,
        address: backend.address.into(),
        port: backend.port,
        service: facts.slots.service(service).map_or(u16::MAX, |number| number as u16),
        mac: way.mac.unwrap_or_default(),
        source_mac: facts.host.links.get(&way.ifindex).map_or([0; 6], |link| link.mac),
        forward,
        ..BackendConf::default()
    }
}
