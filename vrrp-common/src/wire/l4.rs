//! The ports that TCP (RFC 9293) and UDP (RFC 768) both begin with.

use crate::packet::Packet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    pub source: u16,
    pub destination: u16,
}

/// Reads the ports at `offset`, where the transport header begins.
#[inline(always)]
pub fn ports<P: Packet + ?Sized>(packet: &P, offset: usize) -> Option<Ports> {
    let [s0, s1, d0, d1] = packet.bytes(offset)?;
    Some(Ports { source: u16::from_be_bytes([s0, s1]), destination: u16::from_be_bytes([d0, d1]) })
}
