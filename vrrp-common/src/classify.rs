//! Classifies frames. The kernel program, the sockets and the packet tests run this one parser.

use crate::ip::Address;
use crate::packet::Packet;
use crate::reason::Reason;
use crate::wire::vrrp::{self, Carrier};
use crate::wire::{arp, checksum, eth, ipv4, ipv6, nd};

/// The class of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// VRRP over IPv4 or IPv6.
    Vrrp(Vrrp),
    /// ARP for IPv4.
    Arp { ethernet: eth::Ethernet, arp: arp::Arp },
    /// A neighbour solicitation or advertisement.
    Neighbour { ethernet: eth::Ethernet, ip: ipv6::Ipv6, nd: nd::Nd },
    /// Any other valid IPv4 packet, possibly for a virtual address.
    Ipv4 { ethernet: eth::Ethernet, ip: ipv4::Ipv4 },
    /// Any other IPv6 packet, likewise.
    Ipv6 { ethernet: eth::Ethernet, ip: ipv6::Ipv6 },
    /// Any other frame, or a malformed one.
    Other,
}

/// A VRRP packet: its addresses, and the advert or the first check that failed, except the TTL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vrrp {
    pub ethernet: eth::Ethernet,
    pub source: Address,
    pub destination: Address,
    pub v6: bool,
    /// TTL or hop limit. The accepted values depend on the virtual router and the peer.
    pub ttl: u8,
    /// Offset of the message in the frame.
    pub message: usize,
    /// VRID of the message; 0, which is no VRID, for a fragment and for a packet without a message.
    pub vrid: u8,
    pub advert: Result<vrrp::Advert, Reason>,
}

/// Classifies an Ethernet frame.
#[inline(always)]
pub fn classify<P: Packet + ?Sized>(frame: &P) -> Class {
    match eth::parse(frame) {
        Some(ethernet) if ethernet.ethertype == eth::TYPE_IPV6 => over_ipv6(frame, ethernet),
        Some(ethernet) => over_ipv4(frame, ethernet),
        None => Class::Other,
    }
}

/// A frame of any type except IPv6.
#[inline(always)]
pub fn over_ipv4<P: Packet + ?Sized>(frame: &P, ethernet: eth::Ethernet) -> Class {
    match ethernet.ethertype {
        eth::TYPE_IPV4 => ipv4(frame, ethernet),
        eth::TYPE_ARP => match arp::parse(frame, ethernet.network) {
            Some(arp) => Class::Arp { ethernet, arp },
            None => Class::Other,
        },
        _ => Class::Other,
    }
}

#[inline(always)]
fn ipv4<P: Packet + ?Sized>(frame: &P, ethernet: eth::Ethernet) -> Class {
    let Some(ip) = ipv4::parse(frame, ethernet.network) else {
        return Class::Other;
    };
    if ip.protocol != ipv4::PROTO_VRRP {
        return if ip.is_sane() { Class::Ipv4 { ethernet, ip } } else { Class::Other };
    }
    let message = ethernet.network + ip.header_len;
    Class::Vrrp(Vrrp {
        ethernet,
        source: Address::v4(ip.source),
        destination: Address::v4(ip.destination),
        v6: false,
        ttl: ip.ttl,
        message: ethernet.network + ip.header_len,
        vrid: if ip.fragment || !ip.is_sane() { 0 } else { vrid(frame, message) },
        advert: advert(frame, ethernet.network, &ip),
    })
}

/// The VRID in the message at `offset`; 0 if the packet ends before it.
#[inline(always)]
pub fn vrid<P: Packet + ?Sized>(packet: &P, offset: usize) -> u8 {
    packet.byte(offset + vrrp::VRID_AT).unwrap_or(0)
}

/// A frame of type IPv6.
#[inline(always)]
pub fn over_ipv6<P: Packet + ?Sized>(frame: &P, ethernet: eth::Ethernet) -> Class {
    let Some(ip) = ipv6::parse(frame, ethernet.network) else {
        return Class::Other;
    };
    // A packet to the group with too many extension headers can only be an attempt to bypass the
    // filter.
    let hidden = ip.unwalked && ip.destination.is(&vrrp::GROUP_V6);
    if ip.protocol == ipv4::PROTO_VRRP || hidden {
        let offset = ethernet.network + ip.header_len;
        let advert = advert_v6(frame, offset, &ip);
        let named = !(ip.fragment || ip.unwalked || ip.is_mapped());
        return Class::Vrrp(Vrrp {
            ethernet,
            source: ip.source,
            destination: ip.destination,
            v6: true,
            ttl: ip.hop_limit,
            message: offset,
            vrid: if named { vrid(frame, offset) } else { 0 },
            advert,
        });
    }
    if ip.is_mapped() {
        return Class::Other;
    }
    if ip.protocol == ipv6::NEXT_ICMPV6
        && !ip.fragment
        && ip.hop_limit == nd::HOP_LIMIT
        && let Some(len) = ip.message_len()
        && let Some(nd) =
            nd::parse(frame, ethernet.network + ip.header_len, len, &ip.source, &ip.destination)
    {
        return Class::Neighbour { ethernet, ip, nd };
    }
    Class::Ipv6 { ethernet, ip }
}

/// Checks an IPv4 packet of protocol 112 with its header at `offset` as RFC 9568 section 7.1 and
/// RFC 3768 section 7.1 require, as far as no virtual router is needed. The TTL is not checked.
///
/// # Errors
/// The first check that failed.
#[inline(always)]
pub fn advert<P: Packet + ?Sized>(
    packet: &P,
    offset: usize,
    ip: &ipv4::Ipv4,
) -> Result<vrrp::Advert, Reason> {
    if ip.fragment {
        return Err(Reason::Fragment);
    }
    if ipv4::is_impossible_source(ip.source) {
        return Err(Reason::Source);
    }
    if !ip.is_sane() {
        return Err(Reason::Length);
    }
    let header = packet.sum(offset, ip.header_len).ok_or(Reason::Length)?;
    if !checksum::is_valid(header) {
        return Err(Reason::IpChecksum);
    }
    let len = usize::from(ip.total_len) - ip.header_len;
    let carrier = Carrier::V4 { source: ip.source, destination: ip.destination };
    vrrp::parse(packet, offset + ip.header_len, len, &carrier)
}

/// Likewise for IPv6; `offset` is that of the message.
///
/// # Errors
/// The first check that failed.
#[inline(always)]
pub fn advert_v6<P: Packet + ?Sized>(
    packet: &P,
    offset: usize,
    ip: &ipv6::Ipv6,
) -> Result<vrrp::Advert, Reason> {
    if ip.fragment {
        return Err(Reason::Fragment);
    }
    if ip.unwalked {
        return Err(Reason::Extension);
    }
    check_source_v6(&ip.source, &ip.destination)?;
    let len = ip.message_len().ok_or(Reason::Length)?;
    vrrp::parse(
        packet,
        offset,
        len,
        &Carrier::V6 { source: ip.source, destination: ip.destination },
    )
}

/// Whether `source` may send an advert to `destination`: to the group, a link-local address only
/// (RFC 9568 section 5.1.2.1).
///
/// # Errors
/// [`Reason::Source`].
#[inline(always)]
pub fn check_source_v6(source: &Address, destination: &Address) -> Result<(), Reason> {
    let to_group = destination.first() == 0xff;
    // A mapped IPv4 address is never a valid source on the wire (RFC 4291 section 2.5.5.2). Treated
    // as an IPv4 address it would match another router.
    let mapped = source.is_v4() || destination.is_v4();
    if mapped || source.is_impossible_source_v6() || (to_group && !source.is_link_local_v6()) {
        return Err(Reason::Source);
    }
    Ok(())
}
