//! How parsers reach bytes: by value, checked, from a slice or from an XDP context alike.

use crate::ip::Address;
use crate::wire::checksum;

/// What [`Packet::forget`] keeps is below this.
pub const FORGETTABLE: usize = 8_192;

/// A frame whose bytes can be read at any offset without panicking.
pub trait Packet {
    /// The `N` bytes at `offset`, or `None` where the frame ends before them.
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

    /// The same number, which is below [`FORGETTABLE`]. In the kernel program the verifier then
    /// forgets what it knew of it: what can be reached with several values is checked once for all
    /// of them, not once for each.
    #[inline(always)]
    fn forget(&self, number: usize) -> usize {
        debug_assert!(number < FORGETTABLE, "the kernel program would lose bits of {number}");
        number
    }

    /// The one's complement sum of `len` bytes at `offset`, as [`checksum::sum_words`].
    #[inline(always)]
    fn sum(&self, offset: usize, len: usize) -> Option<u64> {
        checksum::sum_words(self, offset, len)
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
