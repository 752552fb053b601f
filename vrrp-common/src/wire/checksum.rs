//! One's complement sum (RFC 1071).
//!
//! A sum is verified by folding everything, the transmitted checksum included, to 0xffff; never by
//! recomputing and comparing, because 0x0000 and 0xffff are the same number here.
//!
//! Sums are kept in the machine's own byte order, four bytes at a time: the one's complement sum of
//! swapped words is the swapped sum (RFC 1071 section 2), so only a checksum that is written needs
//! the network's order.

use crate::ip::Address;
use crate::packet::Packet;

/// Adds four bytes that stand at an even offset of the data.
#[inline(always)]
pub fn add4(sum: u64, bytes: [u8; 4]) -> u64 {
    sum + u64::from(u32::from_ne_bytes(bytes))
}

/// Bytes that are summed in one turn of the loop.
const BLOCK: usize = 64;

/// Bytes that one sum can cover: the longest advert with its trailer, and some.
pub const MAX_SUMMED: usize = 24 * BLOCK;

/// Sum of `len` bytes from `offset`; `len` is a multiple of four and at most [`MAX_SUMMED`].
/// Parsers call [`Packet::sum`], which the kernel program has as a function of its own.
///
/// Whole blocks first, then half of one and so on: the verifier checks what follows a loop once for
/// each way out of it, so there are few turns. The bounds make the loop acceptable to it.
#[inline(always)]
pub fn sum_words<P: Packet + ?Sized>(packet: &P, offset: usize, len: usize) -> Option<u64> {
    let len = packet.forget(len);
    let mut sum = 0;
    let mut done = 0;
    for _ in 0..MAX_SUMMED / BLOCK {
        if len < done + BLOCK {
            break;
        }
        // One check for all: the compiler rearranges several until the verifier no longer knows
        // them.
        let block = packet.bytes::<BLOCK>(offset + done)?;
        for word in block.as_chunks::<8>().0 {
            sum = add8(sum, u64::from_ne_bytes(*word));
        }
        done += BLOCK;
    }
    sum += rest::<P, 32>(packet, offset, &mut done, len)?;
    sum += rest::<P, 16>(packet, offset, &mut done, len)?;
    sum += rest::<P, 8>(packet, offset, &mut done, len)?;
    if len & 4 != 0 {
        sum = add4(sum, packet.bytes(packet.forget(offset + done))?);
    }
    Some(sum)
}

/// Sum of the next `N` bytes, where the last incomplete block has so many.
#[inline(always)]
fn rest<P: Packet + ?Sized, const N: usize>(
    packet: &P,
    offset: usize,
    done: &mut usize,
    len: usize,
) -> Option<u64> {
    if len & N == 0 {
        return Some(0);
    }
    let piece = packet.bytes::<N>(packet.forget(offset + *done))?;
    *done += N;
    Some(piece.as_chunks::<8>().0.iter().fold(0, |sum, word| add8(sum, u64::from_ne_bytes(*word))))
}

/// Adds eight bytes that stand at an even offset of the data.
#[inline(always)]
const fn add8(sum: u64, word: u64) -> u64 {
    sum + (word >> 32) + (word & 0xffff_ffff)
}

/// Folds the carries in; the result is in network order.
#[inline(always)]
pub const fn fold(sum: u64) -> u16 {
    let words = (sum >> 32) + (sum & 0xffff_ffff);
    let once = (words >> 16) + (words & 0xffff);
    let twice = (once >> 16) + (once & 0xffff);
    let thrice = (twice >> 16) + (twice & 0xffff);
    u16::from_be(thrice as u16)
}

/// Whether data that includes its own checksum is intact.
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

/// Adds an IPv6 address that stands at an even offset of the data.
#[inline(always)]
pub fn add_address(sum: u64, address: &Address) -> u64 {
    let [high, low] = address.words();
    add8(add8(sum, high), low)
}

/// The checksum after words under it have changed: `old` is the sum of what they were, `new` of
/// what they are (RFC 1624, equation 3).
#[inline(always)]
pub const fn adjusted(checksum: u16, old: u64, new: u64) -> u16 {
    let sum = (!checksum) as u64 + (!fold(old)) as u64 + fold(new) as u64;
    let once = (sum >> 16) + (sum & 0xffff);
    !((once >> 16) + (once & 0xffff)) as u16
}

/// The checksum to transmit over `data`, whose checksum field holds zero; a last word that is short
/// is padded with zeros.
pub fn compute(initial: u64, data: &[u8]) -> u16 {
    let sum = data.chunks(4).fold(initial, |sum, word| {
        let byte = |index: usize| word.get(index).copied().unwrap_or(0);
        add4(sum, [byte(0), byte(1), byte(2), byte(3)])
    });
    !fold(sum)
}
