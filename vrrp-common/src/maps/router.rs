//! Interfaces, virtual routers and their liveness.

use crate::ip::Address;
use crate::maps::{MAX_COMPARED, MAX_PEERS, MAX_ROUTERS};
use crate::wire::vrrp::virtual_mac;

/// An interface that carries virtual routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct InterfaceConf {
    pub ifindex: u32,
    /// The interface's own MAC: source of what the kernel program sends.
    pub mac: [u8; 6],
    /// Handling of multicast adverts of unknown VRIDs: one of the FOREIGN constants.
    pub pass_foreign: u8,
    /// NAT_ bits.
    pub nat: u8,
    /// Rate limit of adverts of unknown VRIDs, per second, in the mode FOREIGN_LIMITED.
    pub foreign_limit: u32,
    /// 1: virtual routers listen to more addresses than `listens` can hold, so the program judges
    /// all VRRP packets.
    pub listens_to_all: u32,
    /// Index of a virtual router whose NAT responses arrive here. Its counters include the other
    /// packets that are refused here.
    pub nat_router: u32,
    /// Further addresses that virtual routers of this interface listen to besides 224.0.0.18 and
    /// ff02::12: their own, and other groups. Unused entries are unspecified.
    pub listens: [Address; MAX_LISTENS],
}

/// Responses of NAT backends arrive on this interface.
pub const NAT_ANSWERS: u8 = 1;
/// The host forwards packets of this interface for NAT responses only: nothing else is forwarded,
/// of IPv4 or of IPv6.
pub const NAT_ONLY_V4: u8 = 2;
pub const NAT_ONLY_V6: u8 = 4;
/// Number of addresses in [`InterfaceConf::listens`].
pub const MAX_LISTENS: usize = 8;
/// Values of [`InterfaceConf::pass_foreign`]: none pass; they pass up to a limit, because another
/// VRRP daemon runs on this interface; all pass, because the interface carries no virtual router of
/// this agent.
pub const FOREIGN_DROPPED: u8 = 0;
pub const FOREIGN_LIMITED: u8 = 1;
pub const FOREIGN_UNTOUCHED: u8 = 2;

impl InterfaceConf {
    /// Adds an address to which a virtual router listens.
    pub fn listen(&mut self, address: Address) {
        if self.listens.contains(&address) {
            return;
        }
        match self.listens.iter_mut().find(|slot| slot.is(&Address::UNSPECIFIED)) {
            Some(slot) => *slot = address,
            None => self.listens_to_all = 1,
        }
    }

    /// Whether a virtual router of this interface may listen to `destination`.
    #[inline(always)]
    pub fn listens_to(&self, destination: &Address) -> bool {
        if self.listens_to_all != 0 {
            return true;
        }
        // Returns at the first match: the verifier follows both outcomes of every comparison whose
        // result is kept.
        for address in &self.listens {
            if address.is(destination) {
                return true;
            }
        }
        false
    }
}

/// The configuration of a virtual router for the kernel program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[repr(C)]
pub struct RouterConf {
    pub ifindex: u32,
    /// Inline VLAN tags of its frames, as [`crate::wire::eth::Ethernet::vlan`]; 0 for none.
    pub vlan: u32,
    /// Source address of this node's adverts.
    pub source: Address,
    /// Destination of received adverts: the group, or this node's own address for a unicast router.
    pub destination: Address,
    /// Rate limit of one source's adverts, per second.
    pub rate_limit: u32,
    /// Configured interval in hundredths of a second.
    pub interval_centis: u16,
    pub vrid: u8,
    pub version: u8,
    /// Effective priority, as advertised.
    pub priority: u8,
    pub auth_type: u8,
    /// Entries of `peers` in use; 0: any source is accepted.
    pub peer_count: u8,
    /// 1 while this slot is in use.
    pub used: u8,
    pub auth_data: [u8; 8],
    /// ROUTER_ bits.
    pub flags: u8,
    /// Number of addresses in its adverts; 0: those of other adverts are not compared.
    pub address_count: u8,
    pub pad: [u8; 2],
    /// These addresses as [`Address::fold`] returns them; the rest of the array repeats the first.
    pub addresses: [u32; MAX_COMPARED],
    /// Range of TTL or hop limit that is accepted from each peer besides 255.
    pub ttl_min: [u8; MAX_PEERS],
    pub ttl_max: [u8; MAX_PEERS],
    pub peers: [Address; MAX_PEERS],
    /// Source of the last advert that the agent has authenticated, if adverts must be
    /// authenticated; else unspecified.
    pub trusted: Address,
    /// Rate limit of the adverts of all sources together, per second, except those of the followed
    /// master. It applies only without configured peers.
    pub total_limit: u32,
    pub pad2: u32,
}

/// The router is an IPv6 router.
pub const ROUTER_V6: u8 = 1;
/// Its frames have the virtual router's MAC address (RFC 9568 section 7.3) as their source; ARP and
/// neighbour discovery return it.
pub const ROUTER_VIRTUAL_MAC: u8 = 2;
/// Adverts may carry an authentication trailer. The kernel program cannot verify it: see
/// `lease::fences_unverified`.
pub const ROUTER_HMAC: u8 = 4;
/// Adverts must have one.
pub const ROUTER_HMAC_REQUIRED: u8 = 8;

impl RouterConf {
    #[inline(always)]
    pub const fn is_v6(&self) -> bool {
        self.flags & ROUTER_V6 != 0
    }

    /// Sets the advertised addresses. The kernel does not compare a list that is too long.
    pub fn set_addresses(&mut self, addresses: impl ExactSizeIterator<Item = Address> + Clone) {
        let Some(first) = addresses.clone().next().filter(|_| addresses.len() <= MAX_COMPARED)
        else {
            self.address_count = 0;
            return;
        };
        self.address_count = addresses.len() as u8;
        self.addresses = [first.fold(); MAX_COMPARED];
        for (slot, address) in self.addresses.iter_mut().zip(addresses) {
            *slot = address.fold();
        }
    }

    /// The MAC address of the virtual addresses: the virtual router's, or `physical`.
    #[inline(always)]
    pub fn mac(&self, physical: [u8; 6]) -> [u8; 6] {
        if self.flags & ROUTER_VIRTUAL_MAC != 0 {
            virtual_mac(self.is_v6(), self.vrid)
        } else {
            physical
        }
    }
}

/// Index into VRIDS.
#[inline(always)]
pub const fn vrid_slot(interface: u32, v6: bool, vrid: u8) -> u32 {
    interface * 512 + (v6 as u32) * 256 + vrid as u32
}

/// Index into ADVERT_BUCKETS of the adverts of unknown VRIDs on an interface. The bucket of a
/// virtual router has the router's index.
#[inline(always)]
pub const fn foreign_bucket(interface: u32) -> u32 {
    MAX_ROUTERS + interface
}

/// The last valid advert of a virtual router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Liveness {
    /// Nanoseconds since boot; 0: none yet.
    pub seen: u64,
    pub source: Address,
    pub interval_centis: u16,
    pub priority: u8,
    pub pad: u8,
    /// Source MAC of its frame.
    pub mac: [u8; 6],
    /// Integers: to clear bytes, a compiler calls a function, which clobbers the kernel program's
    /// registers.
    pub pad2: u16,
    pub pad3: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct RateKey {
    pub router: u32,
    pub pad: u32,
    pub source: Address,
}

/// Adverts of one source in the current second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct RateWindow {
    /// Start of the window, nanoseconds since boot.
    pub since: u64,
    pub count: u64,
}

/// Features that the agent turned off on an interface so that the kernel program sees VLAN tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct KeptTags {
    /// 0: nothing.
    pub ifindex: u32,
    /// Bit 0: `rx-vlan-hw-parse`, bit 1: `rx-vlan-stag-hw-parse` of ethtool(8).
    pub features: u32,
}

/// The last claim of a virtual address by another host while this node was active for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct AddressClaim {
    /// Nanoseconds since boot; 0: no claim yet.
    pub seen: u64,
    pub address: Address,
    /// The claimed MAC address.
    pub mac: [u8; 6],
    pub pad: u16,
}
