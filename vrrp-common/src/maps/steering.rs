//! Tables of the client path: virtual addresses, services, rings, backends.
//!
//! Addresses and services are chained tables in plain arrays: one word per bucket, and entries that
//! hold the index of the next entry. An array lookup is inlined; a hash lookup costs as much as the
//! rest of the path. An entry is written whole before it is linked, and unlinked before its index
//! is used again.

use crate::flow::RING_SLOTS;
use crate::ip::Address;

/// Buckets of the virtual addresses.
pub const ADDRESS_BUCKETS: u32 = 1 << 13;
/// Buckets of the services.
pub const SERVICE_BUCKETS: u32 = 1 << 10;
/// Greatest length of a chain; longer ones are refused when the tables are written.
pub const MAX_CHAIN: u32 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(C)]
pub struct AddressKey {
    pub address: Address,
    pub ifindex: u32,
    pub vlan: u32,
}

impl AddressKey {
    /// The bucket of its entry, which depends on the address only.
    #[inline(always)]
    pub const fn bucket(&self) -> u32 {
        address_bucket(&self.address)
    }
}

/// The bucket of an address.
#[inline(always)]
pub const fn address_bucket(address: &Address) -> u32 {
    let [high, low] = address.halves();
    let mixed =
        (high.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ low).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (mixed >> 51) as u32
}

/// A virtual address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct AddressEntry {
    pub key: AddressKey,
    /// Index of the next entry in the bucket + 1; 0: none.
    pub next: u32,
    pub conf: AddressConf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct AddressConf {
    pub router: u32,
    /// ADDRESS_ bits.
    pub flags: u32,
    /// Service that gets TCP fragments without ports + 1; 0: none, they are dropped.
    pub tcp_fragments: u16,
    /// Likewise for UDP.
    pub udp_fragments: u16,
    /// Numbers of the services that are compared first (mostly HTTP and HTTPS) + 1; 0: none. Hints
    /// only: a service's own key decides.
    pub service_hints: [u32; 2],
}

/// The address has at least one service.
pub const ADDRESS_HAS_SERVICES: u32 = 1;
/// This node is a direct-return backend of one of the address's services.
pub const ADDRESS_IS_BACKEND: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(C)]
pub struct ServiceKey {
    /// Index of the virtual address in ADDRESSES.
    pub address: u32,
    /// Host order.
    pub port: u16,
    pub protocol: u8,
    pub pad: u8,
}

impl ServiceKey {
    #[inline(always)]
    pub const fn bucket(&self) -> u32 {
        (self.word().wrapping_mul(0xff51_afd7_ed55_8ccd) >> 54) as u32
    }

    /// The whole key in one number, to compare.
    #[inline(always)]
    pub const fn word(&self) -> u64 {
        (self.address as u64) << 32 | (self.port as u64) << 16 | self.protocol as u64
    }
}

/// A service; its index in SERVICES is its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct ServiceEntry {
    pub key: ServiceKey,
    /// Number of the next service in the bucket + 1; 0: none.
    pub next: u32,
    /// SERVICE_ bits.
    pub flags: u32,
}

/// Backends are chosen by source and destination address only, so all connections of a client, and
/// fragments, go to one backend.
pub const SERVICE_BY_SOURCE: u32 = 1;
/// It has an entry in GUARDS.
pub const SERVICE_GUARDED: u32 = 2;

/// Rings of a service: the live one, the base during a drain, and the one that is filled next.
pub const RINGS_PER_SERVICE: u32 = 3;

/// The rings of a service that are in use, as one word of SERVICE_RINGS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingsInUse {
    /// The ring of new flows.
    pub live: u32,
    /// The ring of flows that began before the present changes. Equal to `live` without a drain.
    pub base: u32,
    /// Number of the drain: a flow record of an earlier drain may belong to an earlier flow with
    /// the same key.
    pub epoch: u16,
}

impl RingsInUse {
    #[inline(always)]
    pub const fn word(self) -> u32 {
        self.live | self.base << 8 | (self.epoch as u32) << 16
    }

    #[inline(always)]
    pub const fn of(word: u32) -> Self {
        Self { live: word & 3, base: word >> 8 & 3, epoch: (word >> 16) as u16 }
    }
}

/// Slot -> backend number, or [`NO_BACKEND`], and [`RING_CHANGED`].
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Ring(pub [u16; RING_SLOTS], pub [u16; 3]);

impl Ring {
    pub const EMPTY: Ring = Ring([NO_BACKEND; RING_SLOTS], [0; 3]);
}

/// Value of a backend number in a ring slot that has no backend.
pub const NO_BACKEND: u16 = 0x7fff;
/// Bit of a ring slot that has had another backend since the base ring: only flows of such slots
/// are looked up in FLOWS.
pub const RING_CHANGED: u16 = 0x8000;

/// The record of a flow that began in a changed slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct FlowRecord {
    pub backend: u32,
    /// Number of the drain ([`RingsInUse`]) in which it began.
    pub epoch: u32,
}

/// The backend gets no packets: it is down or unreachable.
pub const FORWARD_NONE: u8 = 0;
/// Passed to the stack of this node.
pub const FORWARD_LOCAL: u8 = 1;
/// Destination MAC rewritten, sent out of `ifindex` (direct return).
pub const FORWARD_DR: u8 = 2;
/// TTL or hop limit of a packet that was steered by direct return. A packet that arrives with at
/// most this value was steered before, by this or another node, and is not steered by direct return
/// again.
///
/// Not 1: a backend may forward the packet to a container or virtual machine, and each hop
/// decrements it.
pub const STEERED_TTL: u8 = 4;
/// Encapsulated in a packet to `address`, sent to `mac` (RFC 2003, 2473, 4213); the backend answers
/// directly.
pub const FORWARD_IPIP: u8 = 3;
/// Destination address and port rewritten; the answer returns through a node of the pair.
pub const FORWARD_NAT: u8 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct BackendConf {
    /// Address of the backend.
    pub address: Address,
    /// IPIP: source of the outer packet, or its prefix.
    pub source: Address,
    /// IPIP: number of low bits of `source` that hold the flow's hash, for receivers that spread by
    /// addresses.
    pub entropy: u32,
    /// Interface that leads to it.
    pub ifindex: u32,
    /// IPIP: MTU of the tunnel in bytes, outer header included.
    pub mtu: u32,
    /// NAT: port of the backend, in host order.
    pub port: u16,
    /// The service it belongs to.
    pub service: u16,
    /// MAC of the next hop.
    pub mac: [u8; 6],
    /// MAC of `ifindex`.
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

/// Source of a response of a NAT backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(C)]
pub struct ReverseKey {
    pub address: Address,
    /// Host order; the width of both fields saves the kernel program single bytes on the stack.
    pub port: u32,
    pub protocol: u32,
}

impl ReverseKey {
    /// The bucket of its entry.
    #[inline(always)]
    pub const fn bucket(&self) -> u32 {
        let [high, low] = self.address.halves();
        let ports = (self.port as u64) << 8 | self.protocol as u64;
        let mixed = (high.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ low)
            .wrapping_add(ports << 32)
            .wrapping_mul(0xff51_afd7_ed55_8ccd);
        (mixed >> 53) as u32
    }
}

/// The source that replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct ReverseConf {
    pub address: Address,
    /// Host order.
    pub port: u16,
    pub pad: u16,
    pub router: u32,
}

/// A NAT backend's address and port, and the new source of its responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct ReverseEntry {
    pub key: ReverseKey,
    /// Index of the next entry in the bucket + 1; 0: none.
    pub next: u32,
    pub pad: u32,
    pub conf: ReverseConf,
}

/// Buckets of the sources of NAT responses.
pub const REVERSE_BUCKETS: u32 = 1 << 11;

/// Index of a NAT backend's address in REVERSE_HINTS.
pub const REVERSE_HINTS: u32 = 1 << 12;

#[inline(always)]
pub const fn reverse_hint(address: &Address) -> u32 {
    u32::from_be_bytes(address.low()) & (REVERSE_HINTS - 1)
}

/// Limits of a service's new connections. Rates in connections per second; 0: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct GuardConf {
    pub source_rate: u32,
    pub source_burst: u32,
    pub total_rate: u32,
    pub total_burst: u32,
    /// Whether sources outside of GUARD_SOURCES are refused.
    pub closed: u32,
    /// Whether GUARD_SOURCES has an entry for this service.
    pub listed: u32,
}

/// Key of GUARD_SOURCES behind the prefix length: the service's number and the source, as 20 bytes
/// in network order. An IPv4 source is matched by its mapped form, so its prefix is 96 longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(C)]
pub struct GuardedSource {
    pub service: [u8; 4],
    pub source: [u8; 16],
}

/// Bits of the service's number before those of the source.
pub const GUARD_SERVICE_BITS: u32 = 32;
/// Values of GUARD_SOURCES.
pub const SOURCE_ALLOWED: u32 = 1;
pub const SOURCE_DENIED: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct BucketKey {
    pub source: Address,
    pub service: u32,
    pub pad: u32,
}

/// A token bucket (see [`crate::bucket`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Bucket {
    /// When it will be full again, in nanoseconds since boot.
    pub full_at: u64,
}
