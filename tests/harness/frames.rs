//! Parses captured frames as far as the lab needs: ARP, neighbour advertisements, IP, TCP ports and
//! VRRP messages.
//!
//! It does not use the project's codecs, so that a mistake in them shows up here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::names::Mac;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const PROTO_TCP: u8 = 6;
const PROTO_UDP: u8 = 17;
const PROTO_ICMPV6: u8 = 58;
const PROTO_VRRP: u8 = 112;
/// RFC 4861 section 4.4.
const NEIGHBOR_ADVERTISEMENT: u8 = 136;

/// The outer addresses and what is inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub src: Mac,
    pub dst: Mac,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Arp(Arp),
    Ipv4(Ipv4),
    Ipv6(Ipv6),
    /// Another EtherType, or too short to read.
    Other(u16),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arp {
    /// True for a reply, false for a request.
    pub reply: bool,
    pub sender_mac: Mac,
    pub sender: Ipv4Addr,
    pub target: Ipv4Addr,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipv4 {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub proto: u8,
    pub ttl: u8,
    /// Source and destination port of TCP and UDP.
    pub ports: Option<(u16, u16)>,
    pub advert: Option<Advert>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipv6 {
    pub src: Ipv6Addr,
    pub dst: Ipv6Addr,
    pub hop_limit: u8,
    /// Target of a neighbour advertisement.
    pub neighbor: Option<Ipv6Addr>,
    pub advert: Option<Advert>,
}

/// The fields of a VRRP message; none of them is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    pub version: u8,
    pub vrid: u8,
    pub priority: u8,
    /// Authentication type of version 2.
    pub auth: u8,
    /// Interval as transmitted: seconds in version 2, centiseconds in version 3.
    pub interval: u16,
    pub addresses: Vec<IpAddr>,
    pub checksum: Checksum,
}

/// What the checksum of an advert covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// The message alone.
    Message,
    /// The message and a pseudo-header.
    Pseudo,
    /// Neither is correct.
    Wrong,
}

impl Frame {
    /// `None`: not even an Ethernet header.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let dst = Mac(*bytes.first_chunk()?);
        let src = Mac(*bytes.get(6..)?.first_chunk()?);
        let ethertype = u16_at(bytes, 12)?;
        let payload = &bytes[14..];
        let content = match ethertype {
            ETHERTYPE_ARP => arp(payload).map(Content::Arp),
            ETHERTYPE_IPV4 => ipv4(payload).map(Content::Ipv4),
            ETHERTYPE_IPV6 => ipv6(payload).map(Content::Ipv6),
            _ => None,
        };
        Some(Self { src, dst, content: content.unwrap_or(Content::Other(ethertype)) })
    }

    pub fn ipv4(&self) -> Option<&Ipv4> {
        if let Content::Ipv4(ip) = &self.content { Some(ip) } else { None }
    }

    pub fn arp(&self) -> Option<&Arp> {
        if let Content::Arp(arp) = &self.content { Some(arp) } else { None }
    }

    pub fn advert(&self) -> Option<&Advert> {
        match &self.content {
            Content::Ipv4(ip) => ip.advert.as_ref(),
            Content::Ipv6(ip) => ip.advert.as_ref(),
            _ => None,
        }
    }

    /// The address that an ARP frame (its sender) or a neighbour advertisement (its target) claims.
    pub fn claim(&self) -> Option<IpAddr> {
        match &self.content {
            Content::Arp(arp) => Some(arp.sender.into()),
            Content::Ipv6(ip) => ip.neighbor.map(IpAddr::from),
            _ => None,
        }
    }

    /// Time to live, or hop limit.
    pub fn ttl(&self) -> Option<u8> {
        match &self.content {
            Content::Ipv4(ip) => Some(ip.ttl),
            Content::Ipv6(ip) => Some(ip.hop_limit),
            _ => None,
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn address_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = *bytes.get(at..)?.first_chunk()?;
    Some(octets.into())
}

fn arp(bytes: &[u8]) -> Option<Arp> {
    Some(Arp {
        reply: u16_at(bytes, 6)? == 2,
        sender_mac: Mac(*bytes.get(8..)?.first_chunk()?),
        sender: address_at(bytes, 14)?,
        target: address_at(bytes, 24)?,
    })
}

fn ipv4(bytes: &[u8]) -> Option<Ipv4> {
    let header = usize::from(bytes.first()? & 0x0f) * 4;
    let proto = *bytes.get(9)?;
    let payload = bytes.get(header..)?;
    let ports = match proto {
        PROTO_TCP | PROTO_UDP => u16_at(payload, 0).zip(u16_at(payload, 2)),
        _ => None,
    };
    let (src, dst) = (address_at(bytes, 12)?, address_at(bytes, 16)?);
    // Short frames are padded: the header has the packet's length.
    let length = usize::from(u16_at(bytes, 2)?).saturating_sub(header);
    let message = payload.get(..length).unwrap_or(payload);
    let advert =
        if proto == PROTO_VRRP { advert(message, &src.octets(), &dst.octets()) } else { None };
    Some(Ipv4 { src, dst, proto, ttl: *bytes.get(8)?, ports, advert })
}

fn ipv6(bytes: &[u8]) -> Option<Ipv6> {
    let address = |at: usize| Some(Ipv6Addr::from(*bytes.get(at..)?.first_chunk::<16>()?));
    let (src, dst) = (address(8)?, address(24)?);
    let (next, hop_limit) = (*bytes.get(6)?, *bytes.get(7)?);
    let payload = bytes.get(40..)?;
    let message = payload.get(..usize::from(u16_at(bytes, 4)?)).unwrap_or(payload);
    let advert =
        if next == PROTO_VRRP { advert(message, &src.octets(), &dst.octets()) } else { None };
    let is_neighbor = next == PROTO_ICMPV6 && message.first() == Some(&NEIGHBOR_ADVERTISEMENT);
    let neighbor = if is_neighbor { address(48) } else { None };
    Some(Ipv6 { src, dst, hop_limit, neighbor, advert })
}

/// The VRRP message of a packet from `src` to `dst`.
fn advert(message: &[u8], src: &[u8], dst: &[u8]) -> Option<Advert> {
    let [first, vrid, priority, count, auth, low, ..] = *message else { return None };
    let version = first >> 4;
    let interval = if version == 2 { u16::from(low) } else { u16_at(message, 4)? & 0x0fff };
    let listed = message.get(8..)?;
    let addresses = match src.len() {
        4 => listed
            .chunks_exact(4)
            .filter_map(|octets| Some(Ipv4Addr::from(*octets.first_chunk::<4>()?).into()))
            .collect(),
        _ => listed
            .chunks_exact(16)
            .filter_map(|octets| Some(Ipv6Addr::from(*octets.first_chunk::<16>()?).into()))
            .collect(),
    };
    let addresses: Vec<IpAddr> = addresses;
    let addresses = addresses.into_iter().take(usize::from(count)).collect();
    let pseudo = [src, dst, &[0, PROTO_VRRP], &(message.len() as u16).to_be_bytes()].concat();
    let checksum = if sums_up(&[message]) {
        Checksum::Message
    } else if sums_up(&[&pseudo, message]) {
        Checksum::Pseudo
    } else {
        Checksum::Wrong
    };
    let auth = if version == 2 { auth } else { 0 };
    Some(Advert { version, vrid, priority, auth, interval, addresses, checksum })
}

/// RFC 1071, the checksum included: all ones. Every part except the last has an even length.
fn sums_up(parts: &[&[u8]]) -> bool {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 = words
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or_default()))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum == 0xffff
}

#[cfg(test)]
mod tests;
