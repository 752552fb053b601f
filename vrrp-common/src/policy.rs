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

/// Whether a VRRP packet to `destination` is for us to judge: it is for a VRRP group, or for an
/// address that a virtual router of the interface listens to. Everything else is between others,
/// and on its way through this host or to another program on it.
#[inline(always)]
pub fn listens_to(interface: &InterfaceConf, destination: &Address) -> bool {
    is_vrrp_group(destination) || interface.listens_to(destination)
}

/// Whether `destination` is a group that RFC 9568 (section 5.1) gives to VRRP.
#[inline(always)]
pub fn is_vrrp_group(destination: &Address) -> bool {
    destination.is(&GROUP) || destination.is(&vrrp::GROUP_V6)
}

/// What becomes of a VRRP packet whose virtual router is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// It passes, whatever its TTL and message.
    Untouched,
    /// Likewise, as long as there are not too many.
    Limited,
    Refused,
}

/// Decides about a VRRP packet in `vlan` whose virtual router, `vrid` or 0 for none, is not ours. A
/// tagged one is for another interface, a unicast one for another program on this host; one to a
/// group passes where the configuration says that another daemon runs on this interface.
#[inline(always)]
pub fn foreign(interface: &InterfaceConf, vlan: u32, vrid: u8, destination: &Address) -> Foreign {
    if vlan != 0 || interface.pass_foreign == FOREIGN_UNTOUCHED {
        return Foreign::Untouched;
    }
    let passes = interface.pass_foreign == FOREIGN_LIMITED || !destination.is_multicast();
    if vrid != 0 && passes { Foreign::Limited } else { Foreign::Refused }
}

/// Whether a packet of this TTL or hop limit may be an advert of `router` at all: 255, which no
/// router forwards (RFC 5082), or what its unicast peer is allowed.
///
/// # Errors
/// [`Reason::Ttl`]. It comes before every rule about the message: give `None` for a packet whose
/// router is not known.
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

/// Matches `advert`, sent from `source` to `destination`, against the virtual router `router`. The
/// TTL was judged before.
///
/// # Errors
/// The first rule broken, in the order of [`Reason`]'s table. The rate and the authentication
/// trailer are the caller's to judge: the one needs a clock, the other keys.
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

/// Whether the advert of `count` addresses whose message begins at `offset` names any address of
/// `router`: one that names none is of another cluster which uses the same VRID, and its sender no
/// peer. Matched last, as it reads the packet.
///
/// Lists of more than [`MAX_COMPARED`] addresses, theirs or ours, are left to the agent.
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
            // 1 where they are equal, without a branch that the verifier would follow both ways.
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
    // One comparison of the whole word: its time does not tell how much of a guess was right.
    let same = u64::from_ne_bytes(advert.auth_data) == u64::from_ne_bytes(router.auth_data);
    if router.auth_type == vrrp::AUTH_PASS && !same {
        return Err(Reason::AuthPassword);
    }
    Ok(())
}

/// Whether `source` may speak: any address where no peers are configured.
#[inline(always)]
fn is_peer(source: &Address, router: &RouterConf) -> bool {
    let mut known = router.peer_count == 0;
    for (index, peer) in router.peers.iter().enumerate() {
        known |= index < usize::from(router.peer_count) && peer.is(source);
    }
    known
}
