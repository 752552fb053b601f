//! Authentication trailer after an advert, in the form of keepalived 2.4's `auth_hmac`
//! (draft-cassen-vrrp-auth-hmac).
//!
//! ```text
//!  | type | key id | reserved (2) | seconds (4) | 1/65536 seconds (2) | counter (2) | MAC (16) |
//! ```
//!
//! Seconds, fraction and counter form one serial number of 64 bits, the time of sending.

use crate::packet::Packet;

pub const LEN: usize = 28;
/// Length of the part before the MAC.
pub const PREFIX_LEN: usize = LEN - MAC_LEN;
pub const MAC_LEN: usize = 16;
/// HMAC-SHA256, truncated to its first 16 bytes.
pub const TYPE_SHA256: u8 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// [`TYPE_SHA256`], or the received value.
    pub kind: u8,
    pub key: u8,
    /// Zero, or the received value.
    pub reserved: u16,
    /// Seconds since 1970 in the upper half, modulo 2^32.
    pub serial: u64,
    pub mac: [u8; MAC_LEN],
}

impl Trailer {
    /// The bytes before the MAC.
    pub const fn prefix(&self) -> [u8; PREFIX_LEN] {
        let [r0, r1] = self.reserved.to_be_bytes();
        let [a, b, c, d, e, f, g, h] = self.serial.to_be_bytes();
        [self.kind, self.key, r0, r1, a, b, c, d, e, f, g, h]
    }

    /// Writes it at the start of `buffer` and returns its length; `None` if `buffer` is too short.
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let (prefix, mac) = buffer.get_mut(..LEN)?.split_at_mut(PREFIX_LEN);
        prefix.copy_from_slice(&self.prefix());
        mac.copy_from_slice(&self.mac);
        Some(LEN)
    }
}

/// Reads the trailer at `offset`; `None` if the packet is too short.
pub fn parse<P: Packet + ?Sized>(packet: &P, offset: usize) -> Option<Trailer> {
    let [kind, key] = packet.bytes(offset)?;
    Some(Trailer {
        kind,
        key,
        reserved: packet.be16(offset + 2)?,
        serial: u64::from_be_bytes(packet.bytes(offset + 4)?),
        mac: packet.bytes(offset + PREFIX_LEN)?,
    })
}
