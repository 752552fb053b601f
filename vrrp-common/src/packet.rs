//! How parsers read bytes: by value and bounds-checked, from a slice or an XDP context.

use crate::ip::Address;

/// Results of [`Packet::bounded`] are below this.
pub const OFFSET_LIMIT: usize = 8_192;

/// A frame whose bytes can be read at any offset without panicking.
pub trait Packet {
    /// The `N` bytes at `offset`; `None` if the frame is too short.
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    #[inline(always)]
    fn byte(&self, offset: usize) -> Option<u8> {
        self.bytes::<1>(offset).map(|[byte]| byte)
    }

    /// The IPv6 address at `offset`, in two reads: sixteen single bytes would need more stack than
    /// the kernel program has.
    #[inline(always)]
    fn address(&self, offset: usize) -> Option<Address> {
        let high = self.bytes(offset).map(u64::from_ne_bytes)?;
        let low = self.bytes(offset + 8).map(u64::from_ne_bytes)?;
        Some(Address::from_words([high, low]))
    }

    /// The same number, which is below [`OFFSET_LIMIT`]. In the kernel program the verifier then
    /// knows only this bound and not the value, so it checks the code that follows once instead of
    /// once for each value.
    #[inline(always)]
    fn bounded(&self, number: usize) -> usize {
        debug_assert!(number < OFFSET_LIMIT, "the kernel program would truncate {number}");
        number
    }

    /// The one's complement sum of `len` bytes at `offset`, as [`sum_words`].
    #[inline(always)]
    fn sum(&self, offset: usize, len: usize) -> Option<u64> {
        sum_words(self, offset, len)
    }

    /// The big-endian 16-bit word at `offset`.
    #[inline(always)]
    fn be16(&self, offset: usize) -> Option<u16> {
        self.bytes(offset).map(u16::from_be_bytes)
    }
}

impl Packet for [u8] {
    #[inline]
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk().copied()
    }
}

/// Adds four bytes at an even offset of the data.
#[inline(always)]
pub fn add4(sum: u64, bytes: [u8; 4]) -> u64 {
    sum + u64::from(u32::from_ne_bytes(bytes))
}

/// Adds eight bytes at an even offset of the data.
#[inline(always)]
pub(crate) const fn add8(sum: u64, word: u64) -> u64 {
    sum + (word >> 32) + (word & 0xffff_ffff)
}

/// Bytes that one turn of the loop sums.
const BLOCK: usize = 64;

/// Greatest number of bytes in one sum: the longest advert with its trailer, and a margin.
pub const MAX_SUMMED: usize = 24 * BLOCK;

/// Sum of `len` bytes from `offset`; `len` is a multiple of four and at most [`MAX_SUMMED`].
/// Parsers call [`Packet::sum`], which is a function of its own in the kernel program.
///
/// Whole blocks first, then half a block and so on: the verifier checks the code after a loop once
/// for each exit, so the loop has few turns. The verifier accepts the loop because of its bounds.
#[inline(always)]
pub fn sum_words<P: Packet + ?Sized>(packet: &P, offset: usize, len: usize) -> Option<u64> {
    let len = packet.bounded(len);
    let mut sum = 0;
    let mut done = 0;
    for _ in 0..MAX_SUMMED / BLOCK {
        if len < done + BLOCK {
            break;
        }
        // One check for all: the compiler rearranges several checks until the verifier no longer
        // follows them.
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
        sum = add4(sum, packet.bytes(packet.bounded(offset + done))?);
    }
    Some(sum)
}

/// Sum of the next `N` bytes, if the last incomplete block has that many.
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
    let piece = packet.bytes::<N>(packet.bounded(offset + *done))?;
    *done += N;
    Some(piece.as_chunks::<8>().0.iter().fold(0, |sum, word| add8(sum, u64::from_ne_bytes(*word))))
}
