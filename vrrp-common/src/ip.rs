//! One type for IPv4 and IPv6 addresses, as the maps and the kernel program hold them.

use core::cmp::Ordering;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What stands before an IPv4 address, in host order (RFC 4291 section 2.5.5.2).
const MAPPED: u32 = 0xffff;

/// An address in network order; IPv4 stands as `::ffff:a.b.c.d`.
///
/// Four words, so that the kernel program compares them without calls and without regard to bytes' alignment.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Address([u32; 4]);

impl Address {
    pub const UNSPECIFIED: Self = Self([0; 4]);

    #[inline(always)]
    pub const fn v4(octets: [u8; 4]) -> Self {
        Self([0, 0, MAPPED.to_be(), u32::from_ne_bytes(octets)])
    }

    #[inline(always)]
    pub const fn v6(octets: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = octets;
        Self([
            u32::from_ne_bytes([a, b, c, d]),
            u32::from_ne_bytes([e, f, g, h]),
            u32::from_ne_bytes([i, j, k, l]),
            u32::from_ne_bytes([m, n, o, p]),
        ])
    }

    /// The sixteen bytes; an IPv4 address stands in the last four.
    #[inline(always)]
    pub const fn octets(&self) -> [u8; 16] {
        let [a, b, c, d] = self.0[0].to_ne_bytes();
        let [e, f, g, h] = self.0[1].to_ne_bytes();
        let [i, j, k, l] = self.0[2].to_ne_bytes();
        let [m, n, o, p] = self.0[3].to_ne_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }

    /// The words in memory order, for sums.
    #[inline(always)]
    pub const fn words(&self) -> [u32; 4] {
        self.0
    }

    /// The first byte.
    #[inline(always)]
    pub const fn first(&self) -> u8 {
        (u32::from_be(self.0[0]) >> 24) as u8
    }

    /// Whether it is in fe80::/10.
    #[inline(always)]
    pub const fn is_link_local_v6(&self) -> bool {
        u32::from_be(self.0[0]) >> 22 == 0xfe80 >> 6
    }

    #[inline(always)]
    pub const fn is_unspecified_v6(&self) -> bool {
        self.0[0] | self.0[1] | self.0[2] | self.0[3] == 0
    }

    /// Whether it can be nobody's IPv6 source: multicast, unspecified or loopback.
    #[inline(always)]
    pub const fn is_impossible_source_v6(&self) -> bool {
        self.first() == 0xff || (self.0[0] | self.0[1] | self.0[2] == 0 && u32::from_be(self.0[3]) <= 1)
    }

    /// The last four bytes: all of an IPv4 address.
    #[inline(always)]
    pub const fn low(&self) -> [u8; 4] {
        self.0[3].to_ne_bytes()
    }

    #[inline(always)]
    pub fn is_v4(&self) -> bool {
        self.0[0] == 0 && self.0[1] == 0 && self.0[2] == MAPPED.to_be()
    }

    /// Whether it is the same address, in the same number of steps whatever the addresses are.
    #[inline(always)]
    pub fn is(&self, other: &Self) -> bool {
        let differ = |at: usize| self.0[at] ^ other.0[at];
        differ(0) | differ(1) | differ(2) | differ(3) == 0
    }

    /// Whether it is the higher one: unsigned, in network order (RFC 9568 section 6.4.3).
    #[inline(always)]
    pub fn exceeds(&self, other: &Self) -> bool {
        let (own, theirs) = (self.halves(), other.halves());
        own[0] > theirs[0] || (own[0] == theirs[0] && own[1] > theirs[1])
    }

    #[inline(always)]
    fn halves(&self) -> [u64; 2] {
        let half = |at: usize| u64::from(u32::from_be(self.0[at])) << 32 | u64::from(u32::from_be(self.0[at + 1]));
        [half(0), half(2)]
    }

    /// As the standard library has it.
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
