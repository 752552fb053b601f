//! The ports at the start of TCP (RFC 9293) and UDP (RFC 768) headers.

use crate::packet::Packet;
use crate::wire::ipv4::PROTO_UDP;

/// Offset of the checksum in the header of UDP, and of TCP.
const UDP_CHECKSUM: usize = 6;
const TCP_CHECKSUM: usize = 16;
/// Offset of TCP's flags, and the flags.
pub const TCP_FLAGS: usize = 13;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const ACK: u8 = 0x10;
/// Offset of TCP's acknowledgement number.
pub const TCP_ACKNOWLEDGED: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    pub source: u16,
    pub destination: u16,
}

/// Reads the ports of the transport header at `offset`.
#[inline(always)]
pub fn ports<P: Packet + ?Sized>(packet: &P, offset: usize) -> Option<Ports> {
    let [s0, s1, d0, d1] = packet.bytes(offset)?;
    Some(Ports { source: u16::from_be_bytes([s0, s1]), destination: u16::from_be_bytes([d0, d1]) })
}

/// Whether a TCP header with these flags opens a connection.
#[inline(always)]
pub fn begins<P: Packet + ?Sized>(packet: &P, offset: usize) -> bool {
    packet.byte(offset + TCP_FLAGS).is_some_and(|flags| flags & (SYN | ACK) == SYN)
}

/// Offset of the checksum in a TCP or UDP header.
#[inline(always)]
pub const fn checksum_at(protocol: u8) -> usize {
    if protocol == PROTO_UDP { UDP_CHECKSUM } else { TCP_CHECKSUM }
}

/// The transmitted form of an updated checksum: in UDP zero means no checksum (RFC 768), so it
/// becomes 0xffff.
#[inline(always)]
pub const fn sent_checksum(protocol: u8, checksum: u16) -> u16 {
    if protocol == PROTO_UDP && checksum == 0 { 0xffff } else { checksum }
}
