//! What a captured frame says, as far as the lab asks: ARP, IPv4, TCP ports and VRRP headers.
//!
//! The lab reads the wire with its own eyes on purpose: a mistake in the project's codecs must not hide itself here.

use std::net::Ipv4Addr;

use crate::names::Mac;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const PROTO_TCP: u8 = 6;
const PROTO_UDP: u8 = 17;
const PROTO_VRRP: u8 = 112;

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

/// The head of a VRRP packet; nothing about it has been verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advert {
    pub version: u8,
    pub vrid: u8,
    pub priority: u8,
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

    pub fn advert(&self) -> Option<Advert> {
        self.ipv4()?.advert
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
    let advert = match payload {
        [version, vrid, priority, ..] if proto == PROTO_VRRP => {
            Some(Advert { version: version >> 4, vrid: *vrid, priority: *priority })
        }
        _ => None,
    };
    Some(Ipv4 { src: address_at(bytes, 12)?, dst: address_at(bytes, 16)?, proto, ttl: *bytes.get(8)?, ports, advert })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gratuitous_arp_is_read() {
        let mut bytes = [[0xff; 6], [2, 0, 192, 168, 1, 205]].concat();
        bytes.extend_from_slice(&[8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 192, 168, 1, 205, 192, 168, 1, 249]);
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 192, 168, 1, 249]);
        let frame = Frame::parse(&bytes).expect("an Ethernet frame");
        assert_eq!(frame.dst, Mac::BROADCAST);
        let arp = frame.arp().expect("ARP");
        assert!(!arp.reply && arp.sender == arp.target && arp.sender.octets()[3] == 249);
        assert!(Frame::parse(&bytes[..20]).is_some_and(|frame| frame.content == Content::Other(0x0806)));
    }
}
