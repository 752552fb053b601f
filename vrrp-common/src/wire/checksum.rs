//! One's complement sum (RFC 1071).
//!
//! A sum is verified by folding everything, the transmitted checksum included, to 0xffff; never by recomputing and
//! comparing, because 0x0000 and 0xffff are the same number here.

use crate::packet::Packet;

/// Adds the big-endian 16-bit words of the four bytes.
#[inline(always)]
pub fn add4(sum: u32, bytes: [u8; 4]) -> u32 {
    let word = u32::from_be_bytes(bytes);
    sum + (word >> 16) + (word & 0xffff)
}

/// Sum of `len` bytes from `offset`, read four at a time; `len` is a multiple of four and at most `4 * MAX_WORDS`.
///
/// The bound makes the loop acceptable to the verifier. Cannot overflow: fewer than 2^15 words.
#[inline(always)]
pub fn sum_words<P: Packet + ?Sized, const MAX_WORDS: usize>(packet: &P, offset: usize, len: usize) -> Option<u32> {
    let mut sum = 0;
    for word in 0..MAX_WORDS {
        if word * 4 >= len {
            break;
        }
        sum = add4(sum, packet.bytes(offset + word * 4)?);
    }
    Some(sum)
}

/// Folds the carries in.
#[inline(always)]
pub const fn fold(sum: u32) -> u16 {
    let once = (sum >> 16) + (sum & 0xffff);
    let twice = (once >> 16) + (once & 0xffff);
    twice as u16
}

/// Whether data that includes its own checksum is intact.
#[inline(always)]
pub const fn is_valid(sum: u32) -> bool {
    fold(sum) == 0xffff
}

/// Sum of the IPv4 pseudo-header: source, destination, zero, protocol, upper-layer length.
#[inline(always)]
pub fn pseudo_header(source: [u8; 4], destination: [u8; 4], protocol: u8, len: u16) -> u32 {
    add4(add4(u32::from(protocol) + u32::from(len), source), destination)
}

/// The checksum to transmit over `data`, whose checksum field holds zero; an odd last byte is padded with zero.
pub fn compute(initial: u32, data: &[u8]) -> u16 {
    let sum = data.chunks(2).fold(initial, |sum, pair| {
        let low = pair.get(1).copied().unwrap_or(0);
        sum + u32::from(u16::from_be_bytes([pair[0], low]))
    });
    !fold(sum)
}
