//! The lease and the fence: who acts for a virtual router, decided by arithmetic that the kernel
//! program, the agent and the simulation share.
//!
//! Three words a virtual router has in the kernel: *mastership* (agent: epoch of the present
//! mastership, 0 for none), *lease* (agent: boot time up to which the agent vouches for itself) and
//! *fence* (kernel program: the epoch it has fenced). Agent and kernel program never write the same
//! word. All times are nanoseconds since boot.

use crate::ip::Address;
use crate::maps::Liveness;
use crate::wire::vrrp::{Centis, PRIORITY_RELEASE};

/// Adverts a backup misses before its down interval has passed (RFC 9568 section 6.1), without the
/// skew time.
const DOWN_ADVERTS: u64 = 3;

/// What an advert says of its sender, as far as the election compares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub priority: u8,
    /// Source address; compared unsigned, in network order (RFC 9568 section 6.4.3).
    pub source: Address,
}

impl Claim {
    /// Whether a master with claim `other` yields to this one: higher priority, or equal and higher
    /// address.
    #[inline(always)]
    pub fn beats(&self, other: &Claim) -> bool {
        self.priority > other.priority
            || (self.priority == other.priority && self.source.exceeds(&other.source))
    }
}

/// End of the lease that an advert sent at `sent` buys: no backup that heard it may take over
/// earlier.
#[inline(always)]
pub const fn lease_until(sent: u64, interval: u64) -> u64 {
    sent.saturating_add(interval.saturating_mul(DOWN_ADVERTS))
}

/// Whether the node acts: answers ARP, carries the traffic.
#[inline(always)]
pub const fn active(mastership: u64, fence: u64) -> bool {
    mastership != 0 && mastership != fence
}

/// Whether an advert heard at `now` ends the present mastership in the kernel.
///
/// A lapsed lease yields to any other master, a good one only to a master that beats us. A release
/// (priority 0) claims nothing.
#[inline(always)]
pub fn fences(now: u64, lease: u64, heard: &Claim, own: &Claim) -> bool {
    heard.priority != PRIORITY_RELEASE && (now > lease || heard.beats(own))
}

/// Likewise for an advert whose authentication the kernel program cannot verify: while the lease is
/// good only the agent, who can, ends the mastership; once it has lapsed silence would be worse
/// than a forgery.
#[inline(always)]
pub fn fences_unverified(now: u64, lease: u64, heard: &Claim) -> bool {
    heard.priority != PRIORITY_RELEASE && now > lease
}

/// Adverts of a master that may be missing before another one is followed: its down interval, skew
/// time included, is no longer.
const FOLLOWED_ADVERTS: u64 = 4;
/// Longest interval that is believed, in intervals of our own; the election learns no longer one
/// either.
const LONGEST_INTERVAL: u16 = 4;

/// Whether `heard` at `now` is the master to follow from here on, after `followed`: the same one,
/// one that beats it, or any once that one has resigned or been silent for its down interval.
/// `own_centis` is our own interval, in hundredths of a second.
///
/// An advert of a lower priority than the master's changes nothing, whatever its source.
#[inline(always)]
pub fn follows(now: u64, followed: &Liveness, heard: &Claim, own_centis: u16) -> bool {
    if followed.seen == 0 || followed.source.is(&heard.source) {
        return true;
    }
    if heard.priority == PRIORITY_RELEASE {
        return false;
    }
    let longest = own_centis.saturating_mul(LONGEST_INTERVAL);
    let interval =
        if followed.interval_centis < longest { followed.interval_centis } else { longest };
    let silent = now.saturating_sub(followed.seen) > Centis(interval).as_nanos() * FOLLOWED_ADVERTS;
    silent
        || followed.priority == PRIORITY_RELEASE
        || heard.beats(&Claim { priority: followed.priority, source: followed.source })
}
