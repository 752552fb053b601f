//! Whether a well-formed advert is acceptable to the virtual router it names.

use crate::ip::Address;
use crate::maps::{
    FOREIGN_LIMITED, FOREIGN_UNTOUCHED, InterfaceConf, MAX_COMPARED, ROUTER_HMAC,
    ROUTER_HMAC_REQUIRED, RouterConf,
};
use crate::packet::Packet;
use crate::reason::Reason;
use crate::wire::vrrp::{self, Advert};

const GROUP: Address = Address::v4(vrrp::GROUP);

/// Whether this node judges a VRRP packet to `destination`: a VRRP group, or an address that a
/// virtual router of the interface listens to. Any other packet is forwarded traffic or for another
/// program on this host.
#[inline(always)]
pub fn listens_to(interface: &InterfaceConf, destination: &Address) -> bool {
    is_vrrp_group(destination) || interface.listens_to(destination)
}

/// Whether `destination` is a multicast group assigned to VRRP (RFC 9568 section 5.1).
#[inline(always)]
pub fn is_vrrp_group(destination: &Address) -> bool {
    destination.is(&GROUP) || destination.is(&vrrp::GROUP_V6)
}

/// The decision about a VRRP packet of an unknown virtual router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// It passes without checks of TTL and message.
    Untouched,
    /// Likewise, up to a rate limit.
    Limited,
    Refused,
}

/// Decides about a VRRP packet in `vlan` whose virtual router (`vrid`, 0 for none) is unknown. A
/// tagged packet is for another interface, and a unicast packet for another program on this host. A
/// multicast packet passes if the configuration declares another VRRP daemon on this interface.
#[inline(always)]
pub fn foreign(interface: &InterfaceConf, vlan: u32, vrid: u8, destination: &Address) -> Foreign {
    if vlan != 0 || interface.pass_foreign == FOREIGN_UNTOUCHED {
        return Foreign::Untouched;
    }
    let passes = interface.pass_foreign == FOREIGN_LIMITED || !destination.is_multicast();
    if vrid != 0 && passes { Foreign::Limited } else { Foreign::Refused }
}

/// Checks the TTL or hop limit of an advert for `router`: 255, which proves that no router
/// forwarded it (RFC 5082), or the range configured for the unicast peer.
///
/// # Errors
/// [`Reason::Ttl`]. This check precedes every check of the message: pass `None` for a packet of an
/// unknown router.
#[inline(always)]
pub fn judge_ttl(ttl: u8, source: &Address, router: Option<&RouterConf>) -> Result<(), Reason> {
    if ttl == vrrp::TTL {
        return Ok(());
    }
    let Some(router) = router else {
        return Err(Reason::Ttl);
    };
    let mut allowed = false;
    for (index, peer) in router.peers.iter().enumerate() {
        let in_range = router.ttl_min[index] <= ttl && ttl <= router.ttl_max[index];
        allowed |= index < usize::from(router.peer_count) && in_range && peer.is(source);
    }
    if allowed { Ok(()) } else { Err(Reason::Ttl) }
}

/// Checks `advert`, sent from `source` to `destination`, against the configuration of `router`. The
/// caller has checked the TTL.
///
/// # Errors The first check that failed, in the order of [`Reason`]'s table. The caller checks the
/// rate, which needs a clock, and the authentication trailer, which needs keys.
#[inline(always)]
pub fn judge(
    advert: &Advert,
    source: &Address,
    destination: &Address,
    router: &RouterConf,
) -> Result<(), Reason> {
    if !destination.is(&router.destination) {
        return Err(Reason::Destination);
    }
    if advert.version != router.version {
        return Err(Reason::VersionMismatch);
    }
    if advert.version == 2 {
        authenticate(advert, router)?;
    }
    if advert.trailer && router.flags & ROUTER_HMAC == 0 {
        return Err(Reason::Length);
    }
    if advert.count == 0 {
        return Err(Reason::CountZero);
    }
    if advert.interval.0 == 0 {
        return Err(Reason::IntervalZero);
    }
    if advert.version == 2 && advert.interval.0 != router.interval_centis {
        return Err(Reason::IntervalMismatch);
    }
    if source.is(&router.source) {
        return Err(Reason::OwnSource);
    }
    if !is_peer(source, router) {
        return Err(Reason::Peer);
    }
    if !advert.trailer && router.flags & ROUTER_HMAC_REQUIRED != 0 {
        return Err(Reason::AuthMissing);
    }
    Ok(())
}

/// Checks that the advert of `count` addresses with its message at `offset` lists an address of
/// `router`. An advert that lists none comes from another cluster with the same VRID. This check is
/// the last one, because it reads the packet.
///
/// The agent checks lists of more than [`MAX_COMPARED`] addresses, in the advert or configured.
///
/// # Errors
/// [`Reason::AddressList`].
#[inline(always)]
pub fn judge_addresses<P: Packet + ?Sized>(
    packet: &P,
    offset: usize,
    count: u8,
    router: &RouterConf,
) -> Result<(), Reason> {
    if router.address_count == 0 || usize::from(count) > MAX_COMPARED {
        return Ok(());
    }
    let mut common = 0;
    for index in 0..MAX_COMPARED as u8 {
        if index >= count {
            break;
        }
        let named = if router.is_v6() {
            vrrp::address(packet, offset, index).map(Address::v6)
        } else {
            vrrp::address(packet, offset, index).map(Address::v4)
        };
        let named = named.ok_or(Reason::Length)?.fold();
        for &own in &router.addresses {
            // 1 if they are equal, without a branch of which the verifier would follow both sides.
            common |= u64::from(own ^ named).wrapping_sub(1) >> 63;
        }
    }
    if common != 0 { Ok(()) } else { Err(Reason::AddressList) }
}

#[inline(always)]
fn authenticate(advert: &Advert, router: &RouterConf) -> Result<(), Reason> {
    if advert.auth_type != router.auth_type {
        return Err(if vrrp::is_known_auth(advert.auth_type) {
            Reason::AuthMismatch
        } else {
            Reason::AuthType
        });
    }
    // One comparison of the whole word: its duration does not reveal how many bytes match.
    let same = u64::from_ne_bytes(advert.auth_data) == u64::from_ne_bytes(router.auth_data);
    if router.auth_type == vrrp::AUTH_PASS && !same {
        return Err(Reason::AuthPassword);
    }
    Ok(())
}

/// Whether `source` may send adverts: a configured peer, or any address without configured peers.
#[inline(always)]
fn is_peer(source: &Address, router: &RouterConf) -> bool {
    let mut known = router.peer_count == 0;
    for (index, peer) in router.peers.iter().enumerate() {
        known |= index < usize::from(router.peer_count) && peer.is(source);
    }
    known
}
