//! The map ABI: names, capacities, keys and values, defined once for the kernel program and the
//! agent.
//!
//! Values hold integers and byte arrays only, padding is explicit, sizes are asserted. Addresses
//! are in network order. Every change of this module raises [`LAYOUT`]: pins of another layout are
//! not adopted.

mod capture;
mod router;
mod steering;

use crate::counter::{INTERFACE_COUNTERS, RouterCounter};
use crate::flow::FlowKey;

pub use capture::*;
pub use router::*;
pub use steering::*;

/// Version of everything in this module; part of the path that maps and links are pinned under.
pub const LAYOUT: u32 = 7;

/// Interfaces that carry virtual routers or lead to NAT backends.
pub const MAX_INTERFACES: u32 = 16;
/// Upper bound of interface indexes. An array lookup is inlined; a hash lookup costs as much as the
/// whole parse.
pub const MAX_IFINDEX: u32 = 65_536;
pub const MAX_ROUTERS: u32 = 1_024;
pub const MAX_ADDRESSES: u32 = 4_096;
pub const MAX_SERVICES: u32 = 64;
/// Backends over all services; an index fits into a ring slot.
pub const MAX_BACKENDS: u32 = 1_024;
pub const MAX_PEERS: usize = 8;
/// Addresses of a virtual router that the kernel program compares with those of an advert.
pub const MAX_COMPARED: usize = 16;
/// Sources whose advert rate is tracked; a full map evicts the least recently used.
pub const MAX_RATE_SOURCES: u32 = 4_096;
/// Flows recorded while rings change; a full map evicts the least recently used.
pub const MAX_FLOWS: u32 = 65_536;
/// Prefixes of all allow and deny lists.
pub const MAX_GUARD_SOURCES: u32 = 65_536;
/// Sources whose new connections are tracked.
pub const MAX_BUCKETS: u32 = 65_536;

pub const MAX_RINGS: u32 = MAX_SERVICES * RINGS_PER_SERVICE;
/// One for each family and VRID of an interface.
pub const VRID_SLOTS: u32 = MAX_INTERFACES * 512;
/// One for each virtual router, then one for each interface.
pub const ADVERT_BUCKETS: u32 = MAX_ROUTERS + MAX_INTERFACES;
pub const MAX_INTERFACE_COUNTERS: u32 = MAX_INTERFACES * INTERFACE_COUNTERS as u32;
pub const MAX_ROUTER_COUNTERS: u32 = MAX_ROUTERS * RouterCounter::COUNT as u32;

/// Names of the maps, as the kernel program declares them.
pub mod name {
    /// ARRAY: interface index -> slot + 1, 0 for an unmanaged interface.
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
    /// ARRAY: router index -> [`super::Liveness`]: the last advert of the master that
    /// `lease::follows` names. Written by the kernel program.
    pub const FOLLOWED: &str = "FOLLOWED";
    /// LRU HASH: [`super::RateKey`] -> [`super::RateWindow`].
    pub const RATES: &str = "RATES";
    /// ARRAY: router index, or [`super::foreign_bucket`] -> [`super::Bucket`]: adverts of all
    /// sources. Written by the kernel program.
    pub const ADVERT_BUCKETS: &str = "ADVERT_BUCKETS";
    /// ARRAY: router index -> [`super::AddressClaim`]. Written by the kernel program.
    pub const CLAIMS: &str = "CLAIMS";
    /// ARRAY: any index -> [`super::KeptTags`]: interface features that the agent turned off and
    /// restores later. Written by the agent.
    pub const KEPT_TAGS: &str = "KEPT_TAGS";
    /// ARRAY: [`super::AddressKey::bucket`] -> index of its first entry + 1, 0 for none.
    pub const ADDRESS_BUCKETS: &str = "ADDRESS_BUCKETS";
    /// ARRAY: index -> [`super::AddressEntry`].
    pub const ADDRESSES: &str = "ADDRESSES";
    /// ARRAY: [`super::ServiceKey::bucket`] -> number of its first service + 1, 0 for none.
    pub const SERVICE_BUCKETS: &str = "SERVICE_BUCKETS";
    /// ARRAY: service number -> [`super::ServiceEntry`].
    pub const SERVICES: &str = "SERVICES";
    /// ARRAY: service number -> [`super::RingsInUse`] as a word.
    pub const SERVICE_RINGS: &str = "SERVICE_RINGS";
    /// ARRAY: service number * RINGS_PER_SERVICE + ring -> [`super::Ring`].
    pub const RINGS: &str = "RINGS";
    /// ARRAY: backend number -> [`super::BackendConf`].
    pub const BACKENDS: &str = "BACKENDS";
    /// LRU HASH: flow -> [`super::FlowRecord`]. Written by the kernel program, for flows that begin
    /// in changed slots.
    pub const FLOWS: &str = "FLOWS";
    /// ARRAY: [`super::reverse_hint`] -> 1 if an address in REVERSE may have that hint, 0 if none
    /// has.
    pub const REVERSE_HINTS: &str = "REVERSE_HINTS";
    /// ARRAY: [`super::ReverseKey::bucket`] -> index of its first entry + 1, 0 for none.
    pub const REVERSE_BUCKETS: &str = "REVERSE_BUCKETS";
    /// ARRAY: index -> [`super::ReverseEntry`].
    pub const REVERSE: &str = "REVERSE";
    /// ARRAY: service number -> [`super::GuardConf`].
    pub const GUARDS: &str = "GUARDS";
    /// LPM TRIE: [`super::GuardedSource`] -> SOURCE_ALLOWED or SOURCE_DENIED.
    pub const GUARD_SOURCES: &str = "GUARD_SOURCES";
    /// ARRAY: service number -> [`super::Bucket`] of all its new connections. Written by the kernel
    /// program.
    pub const TOTAL_BUCKETS: &str = "TOTAL_BUCKETS";
    /// LRU HASH: [`super::BucketKey`] -> [`super::Bucket`]. Written by the kernel program.
    pub const SOURCE_BUCKETS: &str = "SOURCE_BUCKETS";
    /// ARRAY of one: [`super::CaptureConf`].
    pub const CAPTURE: &str = "CAPTURE";
    /// PERF EVENT ARRAY: [`super::Captured`] and the begin of the frame, for each dropped packet
    /// that is captured.
    pub const CAPTURED: &str = "CAPTURED";
    /// PER-CPU ARRAY: slot * INTERFACE_COUNTERS + counter -> u64.
    pub const INTERFACE_COUNTERS: &str = "IF_COUNTERS";
    /// PER-CPU ARRAY: router index * RouterCounter::COUNT + counter -> u64.
    pub const ROUTER_COUNTERS: &str = "VR_COUNTERS";
    /// PER-CPU ARRAY: backend number -> [`super::Traffic`].
    pub const BACKEND_TRAFFIC: &str = "BACKEND_TRAFFIC";
}

/// The definition of a map that this program accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub name: &'static str,
    /// Bytes.
    pub key: u32,
    /// Bytes.
    pub value: u32,
    /// 0: the number of CPUs.
    pub entries: u32,
}

const fn shape<K, V>(name: &'static str, entries: u32) -> Shape {
    Shape { name, key: size_of::<K>() as u32, value: size_of::<V>() as u32, entries }
}

/// Key of an LPM trie: a prefix length and the bits.
type Prefixed<K> = (u32, K);

/// All maps that are pinned and that an upgrade compares with the pins.
pub const SHAPES: &[Shape] = &[
    shape::<u32, u32>(name::INTERFACES, MAX_IFINDEX),
    shape::<u32, InterfaceConf>(name::INTERFACE_CONF, MAX_INTERFACES),
    shape::<u32, u32>(name::VRIDS, VRID_SLOTS),
    shape::<u32, RouterConf>(name::ROUTERS, MAX_ROUTERS),
    shape::<u32, u64>(name::MASTERSHIP, MAX_ROUTERS),
    shape::<u32, u64>(name::LEASE, MAX_ROUTERS),
    shape::<u32, u64>(name::FENCE, MAX_ROUTERS),
    shape::<u32, Liveness>(name::LIVENESS, MAX_ROUTERS),
    shape::<u32, Liveness>(name::FOLLOWED, MAX_ROUTERS),
    shape::<RateKey, RateWindow>(name::RATES, MAX_RATE_SOURCES),
    shape::<u32, Bucket>(name::ADVERT_BUCKETS, ADVERT_BUCKETS),
    shape::<u32, AddressClaim>(name::CLAIMS, MAX_ROUTERS),
    shape::<u32, KeptTags>(name::KEPT_TAGS, MAX_INTERFACES),
    shape::<u32, u32>(name::ADDRESS_BUCKETS, ADDRESS_BUCKETS),
    shape::<u32, AddressEntry>(name::ADDRESSES, MAX_ADDRESSES),
    shape::<u32, u32>(name::SERVICE_BUCKETS, SERVICE_BUCKETS),
    shape::<u32, ServiceEntry>(name::SERVICES, MAX_SERVICES),
    shape::<u32, u32>(name::SERVICE_RINGS, MAX_SERVICES),
    shape::<u32, Ring>(name::RINGS, MAX_RINGS),
    shape::<u32, BackendConf>(name::BACKENDS, MAX_BACKENDS),
    shape::<FlowKey, FlowRecord>(name::FLOWS, MAX_FLOWS),
    shape::<u32, u32>(name::REVERSE_HINTS, REVERSE_HINTS),
    shape::<u32, u32>(name::REVERSE_BUCKETS, REVERSE_BUCKETS),
    shape::<u32, ReverseEntry>(name::REVERSE, MAX_BACKENDS),
    shape::<u32, GuardConf>(name::GUARDS, MAX_SERVICES),
    shape::<Prefixed<GuardedSource>, u32>(name::GUARD_SOURCES, MAX_GUARD_SOURCES),
    shape::<u32, Bucket>(name::TOTAL_BUCKETS, MAX_SERVICES),
    shape::<BucketKey, Bucket>(name::SOURCE_BUCKETS, MAX_BUCKETS),
    shape::<u32, CaptureConf>(name::CAPTURE, 1),
    shape::<u32, u32>(name::CAPTURED, 0),
    shape::<u32, u64>(name::INTERFACE_COUNTERS, MAX_INTERFACE_COUNTERS),
    shape::<u32, u64>(name::ROUTER_COUNTERS, MAX_ROUTER_COUNTERS),
    shape::<u32, Traffic>(name::BACKEND_TRAFFIC, MAX_BACKENDS),
];

/// Name of the XDP program in the object.
pub const PROGRAM: &str = "vrrp_xdp";

const _: () = {
    assert!(size_of::<InterfaceConf>() == 152);
    assert!(size_of::<RouterConf>() == 296);
    assert!(size_of::<Liveness>() == 40);
    assert!(size_of::<AddressClaim>() == 32);
    assert!(size_of::<KeptTags>() == 8);
    assert!(size_of::<RateKey>() == 24);
    assert!(size_of::<RateWindow>() == 16);
    assert!(size_of::<AddressKey>() == 24);
    assert!(size_of::<AddressEntry>() == 48);
    assert!(size_of::<ServiceEntry>() == 16);
    assert!(size_of::<Ring>() == 32_768);
    assert!(size_of::<FlowKey>() == 40);
    assert!(size_of::<FlowRecord>() == 8);
    assert!(size_of::<BackendConf>() == 64);
    assert!(size_of::<Traffic>() == 16);
    assert!(size_of::<ReverseKey>() == 24);
    assert!(size_of::<ReverseConf>() == 24);
    assert!(size_of::<ReverseEntry>() == 56);
    assert!(size_of::<GuardConf>() == 24);
    assert!(size_of::<GuardedSource>() == 20);
    assert!(size_of::<BucketKey>() == 24);
    assert!(size_of::<Bucket>() == 8);
    assert!(size_of::<CaptureConf>() == 32);
    assert!(size_of::<Captured>() == 24);
    assert!(MAX_BACKENDS <= NO_BACKEND as u32);
};

#[cfg(feature = "user")]
mod user {
    use super::*;

    macro_rules! pod {
        ($($name:ident)*) => {
            $(
                // SAFETY: `repr(C)`, integers and byte arrays only, and the size assertions leave
                // no room for padding.
                unsafe impl aya::Pod for $name {}
            )*
        };
    }

    pod!(InterfaceConf RouterConf Liveness RateKey RateWindow AddressClaim KeptTags Traffic);
    pod!(AddressEntry ServiceEntry Ring FlowKey FlowRecord BackendConf ReverseEntry);
    pod!(GuardConf GuardedSource BucketKey Bucket CaptureConf Captured);
}
