//! IPv4 header (RFC 791): the parser skips options by IHL and recognises fragments.

use crate::packet::Packet;
use crate::wire::checksum;

pub const MIN_HEADER_LEN: usize = 20;
pub const PROTO_ICMP: u8 = 1;
pub const PROTO_IPIP: u8 = 4;
pub const PROTO_TCP: u8 = 6;
pub const PROTO_UDP: u8 = 17;
/// IPv6 in IPv4 (RFC 4213) or in IPv6 (RFC 2473).
pub const PROTO_IPV6: u8 = 41;
pub const PROTO_VRRP: u8 = 112;
/// TTL of generated packets.
pub const TTL: u8 = 64;

/// `MF` and the fragment offset; `DF` and the reserved bit do not matter.
const FRAGMENT_MASK: u16 = 0x3fff;
const OFFSET_MASK: u16 = 0x1fff;
const MAX_HEADER_LEN: usize = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4 {
    /// Header length in bytes, from the IHL field: 0..=60.
    pub header_len: usize,
    pub total_len: u16,
    /// Type of service: DSCP and ECN.
    pub tos: u8,
    /// A first, middle or last fragment.
    pub fragment: bool,
    /// A middle or last fragment: it has no transport header.
    pub later_fragment: bool,
    pub ttl: u8,
    pub protocol: u8,
    pub source: [u8; 4],
    pub destination: [u8; 4],
}

impl Ipv4 {
    /// Whether the header length is valid and within the total length.
    #[inline(always)]
    pub fn is_sane(&self) -> bool {
        self.header_len >= MIN_HEADER_LEN && usize::from(self.total_len) >= self.header_len
    }
}

/// Reads the fixed part of the header at `offset`; `None` if the frame is too short or the version
/// is not 4.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, offset: usize) -> Option<Ipv4> {
    let fixed = packet.bytes::<MIN_HEADER_LEN>(offset)?;
    if fixed[0] >> 4 != 4 {
        return None;
    }
    let fragment = u16::from_be_bytes([fixed[6], fixed[7]]);
    Some(Ipv4 {
        header_len: (usize::from(fixed[0] & 0x0f) * 4) & (MAX_HEADER_LEN | 3),
        total_len: u16::from_be_bytes([fixed[2], fixed[3]]),
        tos: fixed[1],
        fragment: fragment & FRAGMENT_MASK != 0,
        later_fragment: fragment & OFFSET_MASK != 0,
        ttl: fixed[8],
        protocol: fixed[9],
        source: [fixed[12], fixed[13], fixed[14], fixed[15]],
        destination: [fixed[16], fixed[17], fixed[18], fixed[19]],
    })
}

/// Offsets of fields.
pub mod at {
    pub const TTL: usize = 8;
    pub const PROTOCOL: usize = 9;
    pub const CHECKSUM: usize = 10;
    pub const SOURCE: usize = 12;
    pub const DESTINATION: usize = 16;
}

/// A header without options for a packet that must not be fragmented, and so needs no
/// identification (RFC 6864 section 4).
#[inline(always)]
pub fn header(
    tos: u8,
    total_len: u16,
    protocol: u8,
    source: [u8; 4],
    destination: [u8; 4],
) -> [u8; MIN_HEADER_LEN] {
    let [l0, l1] = total_len.to_be_bytes();
    let first = [0x45, tos, l0, l1];
    let flags = [0, 0, 0x40, 0];
    let sum = [first, flags, [TTL, protocol, 0, 0], source, destination]
        .into_iter()
        .fold(0, checksum::add4);
    let [c0, c1] = (!checksum::fold(sum)).to_be_bytes();
    let ([s0, s1, s2, s3], [d0, d1, d2, d3]) = (source, destination);
    [0x45, tos, l0, l1, 0, 0, 0x40, 0, TTL, protocol, c0, c1, s0, s1, s2, s3, d0, d1, d2, d3]
}

/// Whether `address` cannot be a host's source: unspecified, loopback, multicast, reserved or
/// broadcast.
#[inline(always)]
pub fn is_impossible_source(address: [u8; 4]) -> bool {
    address[0] == 0 || address[0] == 127 || address[0] >= 224
}
