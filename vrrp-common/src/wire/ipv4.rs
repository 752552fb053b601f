//! IPv4 header (RFC 791): options are skipped by IHL, fragments are told apart.

use crate::packet::Packet;

pub const MIN_HEADER_LEN: usize = 20;
pub const PROTO_ICMP: u8 = 1;
pub const PROTO_TCP: u8 = 6;
pub const PROTO_UDP: u8 = 17;
pub const PROTO_VRRP: u8 = 112;

/// `MF` and the fragment offset; `DF` and the reserved bit are not of interest.
const FRAGMENT_MASK: u16 = 0x3fff;
const MAX_HEADER_LEN: usize = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4 {
    /// Header length in bytes as the IHL field says: 0..=60.
    pub header_len: usize,
    pub total_len: u16,
    /// Either a first, a middle or a last fragment.
    pub fragment: bool,
    pub ttl: u8,
    pub protocol: u8,
    pub source: [u8; 4],
    pub destination: [u8; 4],
}

impl Ipv4 {
    /// Whether the header length is possible and the total length covers it.
    #[inline(always)]
    pub fn is_sane(&self) -> bool {
        self.header_len >= MIN_HEADER_LEN && usize::from(self.total_len) >= self.header_len
    }
}

/// Reads the fixed part of the header at `offset`; `None` where the frame is shorter or the version is not 4.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, offset: usize) -> Option<Ipv4> {
    let fixed = packet.bytes::<MIN_HEADER_LEN>(offset)?;
    if fixed[0] >> 4 != 4 {
        return None;
    }
    Some(Ipv4 {
        header_len: (usize::from(fixed[0] & 0x0f) * 4) & (MAX_HEADER_LEN | 3),
        total_len: u16::from_be_bytes([fixed[2], fixed[3]]),
        fragment: u16::from_be_bytes([fixed[6], fixed[7]]) & FRAGMENT_MASK != 0,
        ttl: fixed[8],
        protocol: fixed[9],
        source: [fixed[12], fixed[13], fixed[14], fixed[15]],
        destination: [fixed[16], fixed[17], fixed[18], fixed[19]],
    })
}

/// Whether `address` can be nobody's source: unspecified, loopback, multicast, reserved or broadcast.
#[inline(always)]
pub fn is_impossible_source(address: [u8; 4]) -> bool {
    address[0] == 0 || address[0] == 127 || address[0] >= 224
}
