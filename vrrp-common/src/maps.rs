//! The map ABI: names, capacities, keys and values, defined once for the kernel program and the agent.
//!
//! Values hold integers and byte arrays only, padding is written out, sizes are asserted. Addresses are in network order.
//! Change anything here and [`LAYOUT`] goes up: pins of another layout are not adopted.

use crate::counter::{INTERFACE_COUNTERS, RouterCounter};
use crate::flow::RING_SLOTS;
use crate::ip::Address;
use crate::wire::vrrp::virtual_mac;

/// Version of everything in this file; part of the directory that maps and links are pinned under.
pub const LAYOUT: u32 = 4;

/// Interfaces that can carry virtual routers at once.
pub const MAX_INTERFACES: u32 = 16;
/// Interface indexes below this can be looked up; an array lookup is free where a hash lookup costs as much as all the parsing.
pub const MAX_IFINDEX: u32 = 65_536;
pub const MAX_ROUTERS: u32 = 1_024;
pub const MAX_ADDRESSES: u32 = 4_096;
/// One for each value of an address's last twelve bits.
pub const ADDRESS_HINTS: u32 = 1 << 12;
pub const MAX_SERVICES: u32 = 64;
/// Backends over all services; an index fits a ring slot.
pub const MAX_BACKENDS: u32 = 1_024;
pub const MAX_PEERS: usize = 8;
/// Sources whose advert rate is followed at once, the least recently heard forgotten first.
pub const MAX_RATE_SOURCES: u32 = 4_096;

/// Two rings a service: the live one and the one that is filled next.
pub const MAX_RINGS: u32 = MAX_SERVICES * 2;
/// One for each family and VRID of an interface.
pub const VRID_SLOTS: u32 = MAX_INTERFACES * 512;
pub const MAX_INTERFACE_COUNTERS: u32 = MAX_INTERFACES * INTERFACE_COUNTERS as u32;
pub const MAX_ROUTER_COUNTERS: u32 = MAX_ROUTERS * RouterCounter::COUNT as u32;

/// Names of the maps, as the kernel program declares them.
pub mod name {
    /// ARRAY: interface index -> slot + 1, 0 for an interface that is not ours.
    pub const INTERFACES: &str = "INTERFACES";
    /// ARRAY: slot -> [`super::InterfaceConf`].
    pub const INTERFACE_CONF: &str = "INTERFACE_CONF";
    /// ARRAY: [`super::vrid_slot`] -> router index + 1, 0 for none.
    pub const VRIDS: &str = "VRIDS";
    /// ARRAY: router index -> [`super::RouterConf`].
    pub const ROUTERS: &str = "ROUTERS";
    /// ARRAY: router index -> epoch of the present mastership, 0 for none. Written by the agent.
    pub const MASTERSHIP: &str = "MASTERSHIP";
    /// ARRAY: router index -> end of the lease, nanoseconds since boot. Written by the agent.
    pub const LEASE: &str = "LEASE";
    /// ARRAY: router index -> the epoch that was fenced last. Written by the kernel program.
    pub const FENCE: &str = "FENCE";
    /// ARRAY: router index -> [`super::Liveness`]. Written by the kernel program.
    pub const LIVENESS: &str = "LIVENESS";
    /// LRU HASH: [`super::RateKey`] -> [`super::RateWindow`].
    pub const RATES: &str = "RATES";
    /// HASH: [`super::AddressKey`] -> [`super::AddressConf`].
    pub const ADDRESSES: &str = "ADDRESSES";
    /// ARRAY: [`super::address_hint`] -> 1 where an address in ADDRESSES may have that hint, 0 where surely none has.
    ///
    /// An array lookup is inlined, so most packets for other addresses are spared the hash lookup, which costs more than all
    /// the parsing. Set before the address is added, cleared after it is removed.
    pub const ADDRESS_HINTS: &str = "ADDRESS_HINTS";
    /// HASH: [`super::ServiceKey`] -> service index.
    pub const SERVICES: &str = "SERVICES";
    /// ARRAY: service index -> live generation, 0 or 1.
    pub const GENERATIONS: &str = "GENERATIONS";
    /// ARRAY: service index * 2 + generation -> [`super::Ring`].
    pub const RINGS: &str = "RINGS";
    /// ARRAY: backend index -> [`super::BackendConf`].
    pub const BACKENDS: &str = "BACKENDS";
    /// PER-CPU ARRAY: slot * INTERFACE_COUNTERS + counter -> u64.
    pub const INTERFACE_COUNTERS: &str = "IF_COUNTERS";
    /// PER-CPU ARRAY: router index * RouterCounter::COUNT + counter -> u64.
    pub const ROUTER_COUNTERS: &str = "VR_COUNTERS";
    /// PER-CPU ARRAY: backend index -> [`super::Traffic`].
    pub const BACKEND_TRAFFIC: &str = "BACKEND_TRAFFIC";
}

/// What a map must look like for this program to use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub name: &'static str,
    /// Bytes.
    pub key: u32,
    /// Bytes.
    pub value: u32,
    pub entries: u32,
}

const fn shape<K, V>(name: &'static str, entries: u32) -> Shape {
    Shape { name, key: size_of::<K>() as u32, value: size_of::<V>() as u32, entries }
}

/// All maps: what is pinned, and what an upgrade compares pins with.
pub const SHAPES: &[Shape] = &[
    shape::<u32, u32>(name::INTERFACES, MAX_IFINDEX),
    shape::<u32, InterfaceConf>(name::INTERFACE_CONF, MAX_INTERFACES),
    shape::<u32, u32>(name::VRIDS, VRID_SLOTS),
    shape::<u32, RouterConf>(name::ROUTERS, MAX_ROUTERS),
    shape::<u32, u64>(name::MASTERSHIP, MAX_ROUTERS),
    shape::<u32, u64>(name::LEASE, MAX_ROUTERS),
    shape::<u32, u64>(name::FENCE, MAX_ROUTERS),
    shape::<u32, Liveness>(name::LIVENESS, MAX_ROUTERS),
    shape::<RateKey, RateWindow>(name::RATES, MAX_RATE_SOURCES),
    shape::<AddressKey, AddressConf>(name::ADDRESSES, MAX_ADDRESSES),
    shape::<u32, u32>(name::ADDRESS_HINTS, ADDRESS_HINTS),
    shape::<ServiceKey, u32>(name::SERVICES, MAX_SERVICES),
    shape::<u32, u32>(name::GENERATIONS, MAX_SERVICES),
    shape::<u32, Ring>(name::RINGS, MAX_RINGS),
    shape::<u32, BackendConf>(name::BACKENDS, MAX_BACKENDS),
    shape::<u32, u64>(name::INTERFACE_COUNTERS, MAX_INTERFACE_COUNTERS),
    shape::<u32, u64>(name::ROUTER_COUNTERS, MAX_ROUTER_COUNTERS),
    shape::<u32, Traffic>(name::BACKEND_TRAFFIC, MAX_BACKENDS),
];

/// Name of the XDP program in the object.
pub const PROGRAM: &str = "vrrp_xdp";

/// Value of a backend index in a ring slot that has no backend.
pub const NO_BACKEND: u16 = u16::MAX;

/// An interface that carries virtual routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct InterfaceConf {
    pub ifindex: u32,
    /// The interface's own MAC: source of what the kernel program sends.
    pub mac: [u8; 6],
    /// 1: adverts of unknown VRIDs pass, because another VRRP daemon runs on this interface.
    pub pass_foreign: u8,
    pub pad: u8,
}

/// A virtual router, as the kernel program needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[repr(C)]
pub struct RouterConf {
    pub ifindex: u32,
    /// Inline VLAN tags its frames carry, as [`crate::wire::eth::Ethernet::vlan`]; 0 for none.
    pub vlan: u32,
    /// Source address of our own adverts.
    pub source: Address,
    /// What adverts of others are addressed to: the group, or our own address where the router is unicast.
    pub destination: Address,
    /// Adverts one source may send in a second.
    pub rate_limit: u32,
    /// Configured interval in hundredths of a second.
    pub interval_centis: u16,
    pub vrid: u8,
    pub version: u8,
    /// Effective priority: what our adverts carry now.
    pub priority: u8,
    pub auth_type: u8,
    /// Entries of `peers` in use; 0: anybody may speak.
    pub peer_count: u8,
    /// 1 while this slot is in use.
    pub used: u8,
    pub auth_data: [u8; 8],
    /// ROUTER_ bits.
    pub flags: u8,
    pub pad: [u8; 3],
    /// Range of TTL or hop limit allowed to each peer besides 255.
    pub ttl_min: [u8; MAX_PEERS],
    pub ttl_max: [u8; MAX_PEERS],
    pub peers: [Address; MAX_PEERS],
}

/// The router is of IPv6.
pub const ROUTER_V6: u8 = 1;
/// Its frames carry the virtual router's MAC address (RFC 9568 section 7.3), which ARP and neighbour discovery answer.
pub const ROUTER_VIRTUAL_MAC: u8 = 2;
/// Adverts may carry an authentication trailer. The kernel program cannot verify it: see `lease::fences_unverified`.
pub const ROUTER_HMAC: u8 = 4;
/// Adverts must carry one.
pub const ROUTER_HMAC_REQUIRED: u8 = 8;

impl RouterConf {
    #[inline(always)]
    pub const fn is_v6(&self) -> bool {
        self.flags & ROUTER_V6 != 0
    }

    /// The MAC address of the virtual addresses: the virtual router's own, or `physical`.
    #[inline(always)]
    pub fn mac(&self, physical: [u8; 6]) -> [u8; 6] {
        if self.flags & ROUTER_VIRTUAL_MAC != 0 { virtual_mac(self.is_v6(), self.vrid) } else { physical }
    }
}

/// Index into VRIDS.
#[inline(always)]
pub const fn vrid_slot(interface: u32, v6: bool, vrid: u8) -> u32 {
    interface * 512 + (v6 as u32) * 256 + vrid as u32
}

/// The last valid advert heard for a virtual router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Liveness {
    /// Nanoseconds since boot; 0: none yet.
    pub seen: u64,
    pub source: Address,
    pub interval_centis: u16,
    pub priority: u8,
    pub pad: u8,
    /// Source MAC of its frame: where a direct-return backend expects the master's packets from.
    pub mac: [u8; 6],
    pub pad2: [u8; 6],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct RateKey {
    pub router: u32,
    pub pad: u32,
    pub source: Address,
}

/// Adverts of one source in the present second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct RateWindow {
    /// Begin of the window, nanoseconds since boot.
    pub since: u64,
    pub count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(C)]
pub struct AddressKey {
    pub address: Address,
    pub ifindex: u32,
    pub vlan: u32,
}

/// A virtual address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct AddressConf {
    pub router: u32,
    /// ADDRESS_ bits.
    pub flags: u32,
}

/// Index of an address in ADDRESS_HINTS: its last twelve bits.
#[inline(always)]
pub const fn address_hint(address: &Address) -> u32 {
    u32::from_be_bytes(address.low()) & (ADDRESS_HINTS - 1)
}

/// The address has at least one service.
pub const ADDRESS_HAS_SERVICES: u32 = 1;
/// This node is a direct-return backend of one of the address's services.
pub const ADDRESS_IS_BACKEND: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(C)]
pub struct ServiceKey {
    pub address: [u8; 4],
    /// Host order.
    pub port: u16,
    pub protocol: u8,
    pub pad: u8,
}

/// Slot -> backend index, or [`NO_BACKEND`].
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Ring(pub [u16; RING_SLOTS], pub [u16; 3]);

impl Ring {
    pub const EMPTY: Ring = Ring([NO_BACKEND; RING_SLOTS], [0; 3]);
}

/// A backend is not to be used: the packet is dropped and counted.
pub const FORWARD_NONE: u8 = 0;
/// Up this node's own stack.
pub const FORWARD_LOCAL: u8 = 1;
/// Destination MAC rewritten, sent out of `ifindex`.
pub const FORWARD_DR: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct BackendConf {
    /// Interface that leads to it.
    pub ifindex: u32,
    /// Real address; for people who look into the map.
    pub address: [u8; 4],
    pub mac: [u8; 6],
    /// MAC of `ifindex` itself.
    pub source_mac: [u8; 6],
    /// One of the FORWARD constants.
    pub forward: u8,
    pub pad: [u8; 3],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Traffic {
    pub packets: u64,
    pub bytes: u64,
}

const _: () = {
    assert!(size_of::<InterfaceConf>() == 12);
    assert!(size_of::<RouterConf>() == 208);
    assert!(size_of::<Liveness>() == 40);
    assert!(size_of::<RateKey>() == 24);
    assert!(size_of::<RateWindow>() == 16);
    assert!(size_of::<AddressKey>() == 24);
    assert!(size_of::<AddressConf>() == 8);
    assert!(size_of::<ServiceKey>() == 8);
    assert!(size_of::<Ring>() == 32_768);
    assert!(size_of::<BackendConf>() == 24);
    assert!(size_of::<Traffic>() == 16);
};

#[cfg(feature = "user")]
mod user {
    use super::*;

    macro_rules! pod {
        ($($name:ident)*) => {
            $(
                // SAFETY: `repr(C)`, integers and byte arrays only, and the size assertions leave no room for padding.
                unsafe impl aya::Pod for $name {}
            )*
        };
    }

    pod!(InterfaceConf RouterConf Liveness RateKey RateWindow AddressKey AddressConf ServiceKey Ring BackendConf Traffic);
}
