//! VLAN offloads of an interface: ethtool's features `rx-vlan-hw-parse` and
//! `rx-vlan-stag-hw-parse`.

use std::ffi::c_char;
use std::io;
use std::os::fd::AsRawFd;

use socket2::{Domain, Socket, Type};

/// Commands and the set of feature names of linux/ethtool.h.
const GET_STRINGS: u32 = 0x1b;
const GET_STRING_COUNT: u32 = 0x37;
const GET_FEATURES: u32 = 0x3a;
const SET_FEATURES: u32 = 0x3b;
const FEATURE_NAMES: u32 = 4;
/// Bytes of a name.
const NAME_LEN: usize = 32;
/// Features of one block of words.
const BLOCK: usize = 32;

/// Features that remove VLAN tags from received frames: 802.1Q, and 802.1ad.
const STRIPPING: [&str; 2] = ["rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"];

/// The kernel's interface for ethtool(8).
#[derive(Debug)]
pub struct Ethtool(Socket);

/// A set of the two features, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stripping(pub u32);

/// What an interface does with VLAN tags now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tags {
    /// Offloads that are on.
    pub on: Stripping,
    /// Those of `on` that can be turned off.
    pub changeable: Stripping,
}

/// Positions of the two features, and the number of blocks that all features take.
struct Layout {
    bits: [Option<usize>; STRIPPING.len()],
    blocks: usize,
}

impl Stripping {
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Ethtool {
    /// # Errors
    /// No socket can be opened.
    pub fn open() -> io::Result<Self> {
        Socket::new(Domain::IPV4, Type::DGRAM.cloexec(), None).map(Self)
    }

    /// # Errors
    /// The interface is gone, or the kernel does not report its features; likewise below.
    pub fn tags(&self, interface: &str) -> io::Result<Tags> {
        let Layout { bits, blocks } = self.layout(interface)?;
        let mut request = vec![0; 2 + 4 * blocks];
        request[..2].copy_from_slice(&[GET_FEATURES, blocks as u32]);
        self.call(interface, &mut request)?;
        let mut tags = Tags::default();
        for (index, bit) in bits.iter().enumerate() {
            let Some(bit) = *bit else { continue };
            // Available (to be changed), requested, active, never changed.
            let word = |which: usize| {
                request
                    .get(2 + 4 * (bit / BLOCK) + which)
                    .is_some_and(|word| word >> (bit % BLOCK) & 1 != 0)
            };
            tags.on.0 |= u32::from(word(2)) << index;
            tags.changeable.0 |= u32::from(word(2) && word(0)) << index;
        }
        Ok(tags)
    }

    /// Turns some of the features on or off. A feature that the driver does not let change keeps
    /// its state.
    pub fn set(&self, interface: &str, features: Stripping, on: bool) -> io::Result<()> {
        let Layout { bits, blocks } = self.layout(interface)?;
        let mut request = vec![0; 2 + 2 * blocks];
        request[..2].copy_from_slice(&[SET_FEATURES, blocks as u32]);
        for (index, bit) in bits.iter().enumerate() {
            let Some(bit) = bit.filter(|_| features.0 >> index & 1 != 0) else { continue };
            // Valid, requested.
            let at = 2 + 2 * (bit / BLOCK);
            request[at] |= 1 << (bit % BLOCK);
            request[at + 1] |= u32::from(on) << (bit % BLOCK);
        }
        self.call(interface, &mut request)
    }

    /// Positions of the features among all features of the kernel.
    fn layout(&self, interface: &str) -> io::Result<Layout> {
        // The mask of sets is a 64-bit word.
        let mask = (1_u64 << FEATURE_NAMES).to_ne_bytes();
        let half = |at: usize| mask[at..].first_chunk().copied().map_or(0, u32::from_ne_bytes);
        let mut count = [GET_STRING_COUNT, 0, half(0), half(4), 0];
        self.call(interface, &mut count)?;
        let count = count[4] as usize;
        let mut request = vec![0; 3 + count * NAME_LEN / 4];
        request[..3].copy_from_slice(&[GET_STRINGS, FEATURE_NAMES, count as u32]);
        self.call(interface, &mut request)?;
        let bytes: Vec<u8> = request[3..].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let is = |name: &[u8], wanted: &str| {
            name.strip_prefix(wanted.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
        };
        let bits = STRIPPING.map(|wanted| bytes.chunks(NAME_LEN).position(|name| is(name, wanted)));
        Ok(Layout { bits, blocks: count.div_ceil(BLOCK) })
    }

    /// `request` is a structure of linux/ethtool.h as words, with room for everything that the
    /// kernel writes for its command.
    fn call(&self, interface: &str, request: &mut [u32]) -> io::Result<()> {
        let mut ifr_name: [c_char; libc::IFNAMSIZ] = [0; libc::IFNAMSIZ];
        // The last byte stays zero, as the terminator.
        if interface.len() >= ifr_name.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (to, from) in ifr_name.iter_mut().zip(interface.bytes()) {
            *to = from as c_char;
        }
        let ifr_ifru = libc::__c_anonymous_ifr_ifru { ifru_data: request.as_mut_ptr().cast() };
        let mut ifreq = libc::ifreq { ifr_name, ifr_ifru };
        // SAFETY: `ifreq` and `request` live through the call, and nothing else refers to them.
        // Every caller above makes `request` as long as the kernel's answer to its command: the
        // counts in it come from the kernel.
        let result =
            unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut ifreq) };
        if result >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(test)]
mod tests;
