//! One's complement sum (RFC 1071).
//!
//! A sum is verified by folding everything, the transmitted checksum included, to 0xffff; never by
//! recomputing and comparing, because 0x0000 and 0xffff are the same number in one's complement.
//!
//! Sums are kept in the machine's byte order, four bytes at a time: the one's complement sum of
//! swapped words is the swapped sum (RFC 1071 section 2), so only a written checksum is converted
//! to network order.

use crate::ip::Address;
pub use crate::packet::add4;
use crate::packet::add8;

/// Folds the carries; the result is in network order.
#[inline(always)]
pub const fn fold(sum: u64) -> u16 {
    let words = (sum >> 32) + (sum & 0xffff_ffff);
    let once = (words >> 16) + (words & 0xffff);
    let twice = (once >> 16) + (once & 0xffff);
    let thrice = (twice >> 16) + (twice & 0xffff);
    u16::from_be(thrice as u16)
}

/// Whether data with its own checksum is intact.
#[inline(always)]
pub const fn is_valid(sum: u64) -> bool {
    fold(sum) == 0xffff
}

/// Sum of the IPv4 pseudo-header: source, destination, zero, protocol, upper-layer length.
#[inline(always)]
pub fn pseudo_header(source: [u8; 4], destination: [u8; 4], protocol: u8, len: u16) -> u64 {
    let [high, low] = len.to_be_bytes();
    add4(add4(add4(0, [0, protocol, high, low]), source), destination)
}

/// Sum of the IPv6 pseudo-header (RFC 8200 section 8.1).
#[inline(always)]
pub fn pseudo_header_v6(source: &Address, destination: &Address, next_header: u8, len: u32) -> u64 {
    let both = add_address(add_address(0, source), destination);
    add4(add4(both, len.to_be_bytes()), [0, 0, 0, next_header])
}

/// Adds an IPv6 address at an even offset of the data.
#[inline(always)]
pub fn add_address(sum: u64, address: &Address) -> u64 {
    let [high, low] = address.words();
    add8(add8(sum, high), low)
}

/// The updated checksum after covered words changed: `old` is the sum of the old words, `new` of
/// the new ones (RFC 1624, equation 3).
#[inline(always)]
pub const fn adjusted(checksum: u16, old: u64, new: u64) -> u16 {
    let sum = (!checksum) as u64 + (!fold(old)) as u64 + fold(new) as u64;
    let once = (sum >> 16) + (sum & 0xffff);
    !((once >> 16) + (once & 0xffff)) as u16
}

/// The checksum to transmit over `data`, whose checksum field is zero; an incomplete last word is
/// padded with zeros.
pub fn compute(initial: u64, data: &[u8]) -> u16 {
    let sum = data.chunks(4).fold(initial, |sum, word| {
        let byte = |index: usize| word.get(index).copied().unwrap_or(0);
        add4(sum, [byte(0), byte(1), byte(2), byte(3)])
    });
    !fold(sum)
}
