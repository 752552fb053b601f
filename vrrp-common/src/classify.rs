//! A frame to what it is: the one parser that the kernel program, the sockets and the packet rows run.

use crate::packet::Packet;
use crate::reason::Reason;
use crate::wire::{arp, eth, ipv4, vrrp};

/// What a frame is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// VRRP over IPv4.
    Vrrp(Vrrp),
    /// ARP for IPv4.
    Arp { ethernet: eth::Ethernet, arp: arp::Arp },
    /// Any other sane IPv4 packet: perhaps for a virtual address.
    Ipv4 { ethernet: eth::Ethernet, ip: ipv4::Ipv4 },
    /// Not of our concern, or too broken to tell.
    Other,
}

/// A VRRP packet: where it came from, and the advert or the first rule it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vrrp {
    pub ethernet: eth::Ethernet,
    pub source: [u8; 4],
    pub destination: [u8; 4],
    pub advert: Result<vrrp::Advert, Reason>,
}

/// Classifies an Ethernet frame.
#[inline(always)]
pub fn classify<P: Packet + ?Sized>(frame: &P) -> Class {
    let Some(ethernet) = eth::parse(frame) else {
        return Class::Other;
    };
    match ethernet.ethertype {
        eth::TYPE_IPV4 => {
            let Some(ip) = ipv4::parse(frame, ethernet.network) else {
                return Class::Other;
            };
            if ip.protocol == ipv4::PROTO_VRRP {
                let advert = advert(frame, ethernet.network, &ip);
                return Class::Vrrp(Vrrp { ethernet, source: ip.source, destination: ip.destination, advert });
            }
            if ip.is_sane() { Class::Ipv4 { ethernet, ip } } else { Class::Other }
        }
        eth::TYPE_ARP => match arp::parse(frame, ethernet.network) {
            Some(arp) => Class::Arp { ethernet, arp },
            None => Class::Other,
        },
        _ => Class::Other,
    }
}

/// Checks an IPv4 packet of protocol 112 whose header stands at `offset`, as RFC 9568 section 7.1 and RFC 3768 section 7.1
/// ask before the virtual router is known.
///
/// # Errors
/// The first rule broken.
#[inline(always)]
pub fn advert<P: Packet + ?Sized>(packet: &P, offset: usize, ip: &ipv4::Ipv4) -> Result<vrrp::Advert, Reason> {
    if ip.fragment {
        return Err(Reason::Fragment);
    }
    if ipv4::is_impossible_source(ip.source) {
        return Err(Reason::Source);
    }
    if ip.ttl != vrrp::TTL {
        return Err(Reason::Ttl);
    }
    if !ip.is_sane() {
        return Err(Reason::Length);
    }
    let len = usize::from(ip.total_len) - ip.header_len;
    vrrp::parse(packet, offset + ip.header_len, len, ip.source, ip.destination)
}
