//! One type for IPv4 and IPv6 addresses, as the maps and the kernel program hold them.

use core::cmp::Ordering;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Prefix of a mapped IPv4 address, in host order (RFC 4291 section 2.5.5.2).
const MAPPED: u64 = 0xffff << 32;

/// An address in network order; IPv4 in the mapped form `::ffff:a.b.c.d`.
///
/// It has two words, so that the kernel program compares addresses without calls and map keys that
/// contain one are aligned on the stack.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Address([u64; 2]);

impl Address {
    pub const UNSPECIFIED: Self = Self([0; 2]);

    #[inline(always)]
    pub const fn v4(octets: [u8; 4]) -> Self {
        Self([0, (MAPPED | u32::from_be_bytes(octets) as u64).to_be()])
    }

    #[inline(always)]
    pub const fn v6(octets: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = octets;
        Self([
            u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
            u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
        ])
    }

    /// The sixteen bytes; an IPv4 address is in the last four.
    #[inline(always)]
    pub const fn octets(&self) -> [u8; 16] {
        let [a, b, c, d, e, f, g, h] = self.0[0].to_ne_bytes();
        let [i, j, k, l, m, n, o, p] = self.0[1].to_ne_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }

    /// From words in memory order.
    #[inline(always)]
    pub const fn from_words(words: [u64; 2]) -> Self {
        Self(words)
    }

    /// Its words in memory order, for sums.
    #[inline(always)]
    pub const fn words(&self) -> [u64; 2] {
        self.0
    }

    /// The first byte.
    #[inline(always)]
    pub const fn first(&self) -> u8 {
        (self.halves()[0] >> 56) as u8
    }

    /// The last four bytes: all of an IPv4 address.
    #[inline(always)]
    pub const fn low(&self) -> [u8; 4] {
        (self.halves()[1] as u32).to_be_bytes()
    }

    /// A 32-bit digest: unique for IPv4 addresses, nearly unique for IPv6 addresses.
    #[inline(always)]
    pub const fn fold(&self) -> u32 {
        let [high, low] = self.halves();
        let both = high ^ low;
        (both >> 32) as u32 ^ both as u32
    }

    #[inline(always)]
    pub const fn is_v4(&self) -> bool {
        self.0[0] == 0 && self.halves()[1] >> 32 == MAPPED >> 32
    }

    /// Whether it is in fe80::/10.
    #[inline(always)]
    pub const fn is_link_local_v6(&self) -> bool {
        self.halves()[0] >> 54 == 0xfe80 >> 6
    }

    #[inline(always)]
    pub const fn is_unspecified_v6(&self) -> bool {
        self.0[0] | self.0[1] == 0
    }

    /// Whether it is multicast: 224.0.0.0/4 or ff00::/8.
    #[inline(always)]
    pub const fn is_multicast(&self) -> bool {
        if self.is_v4() { self.low()[0] >> 4 == 0xe } else { self.first() == 0xff }
    }

    /// Whether it can be no host's IPv6 source: multicast, unspecified or loopback.
    #[inline(always)]
    pub const fn is_impossible_source_v6(&self) -> bool {
        self.first() == 0xff || (self.0[0] == 0 && self.halves()[1] <= 1)
    }

    /// Whether it is the same address, in constant time.
    #[inline(always)]
    pub const fn is(&self, other: &Self) -> bool {
        (self.0[0] ^ other.0[0]) | (self.0[1] ^ other.0[1]) == 0
    }

    /// Whether it is higher: unsigned, in network order (RFC 9568 section 6.4.3).
    #[inline(always)]
    pub const fn exceeds(&self, other: &Self) -> bool {
        let (own, theirs) = (self.halves(), other.halves());
        own[0] > theirs[0] || (own[0] == theirs[0] && own[1] > theirs[1])
    }

    /// Its words as numbers.
    #[inline(always)]
    pub const fn halves(&self) -> [u64; 2] {
        [u64::from_be(self.0[0]), u64::from_be(self.0[1])]
    }

    /// As the standard library's type.
    pub fn ip(&self) -> IpAddr {
        Ipv6Addr::from(self.octets()).to_canonical()
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::from(address),
            IpAddr::V6(address) => Self::v6(address.octets()),
        }
    }
}

impl From<Ipv4Addr> for Address {
    fn from(address: Ipv4Addr) -> Self {
        Self::v4(address.octets())
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.halves().cmp(&other.halves())
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.ip(), f)
    }
}
