//! The lease and the fence: the rules that decide whether this node is active for a virtual router.
//! The kernel program, the agent and the simulation share them.
//!
//! A virtual router has three words in the kernel: *mastership* (written by the agent: epoch of the
//! present mastership, 0 for none), *lease* (written by the agent: boot time until which no other
//! node can have taken over) and *fence* (written by the kernel program: the last fenced epoch). No
//! word has two writers. All times are nanoseconds since boot.

use crate::ip::Address;
use crate::maps::Liveness;
use crate::wire::vrrp::{Centis, PRIORITY_RELEASE};

/// Advertisement intervals in a backup's master down interval, without the skew time (RFC 9568
/// section 6.1).
const DOWN_ADVERTS: u64 = 3;

/// The fields of an advert that the election compares.
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

/// End of the lease after an advert sent at `sent`: no backup that received it takes over earlier.
#[inline(always)]
pub const fn lease_until(sent: u64, interval: u64) -> u64 {
    sent.saturating_add(interval.saturating_mul(DOWN_ADVERTS))
}

/// Whether the node is active: answers ARP and carries the traffic.
#[inline(always)]
pub const fn active(mastership: u64, fence: u64) -> bool {
    mastership != 0 && mastership != fence
}

/// Whether an advert heard at `now` ends the present mastership in the kernel.
///
/// With a lapsed lease any other master's advert ends it; with a valid lease only one that beats
/// this node. A release (priority 0) ends nothing.
#[inline(always)]
pub fn fences(now: u64, lease: u64, heard: &Claim, own: &Claim) -> bool {
    heard.priority != PRIORITY_RELEASE && (now > lease || heard.beats(own))
}

/// Likewise for an advert whose authentication the kernel program cannot verify. While the lease is
/// valid only the agent, which verifies the advert, ends the mastership. After it has lapsed any
/// advert of another master fences, because that master may have taken over.
#[inline(always)]
pub fn fences_unverified(now: u64, lease: u64, heard: &Claim) -> bool {
    heard.priority != PRIORITY_RELEASE && now > lease
}

/// Intervals without an advert of the followed master after which another is followed. A master
/// down interval with its skew time is no longer.
const FOLLOWED_ADVERTS: u64 = 4;
/// Longest accepted interval of a master, in intervals of this node. The election has the same
/// bound.
const LONGEST_INTERVAL: u16 = 4;

/// Whether the sender of `heard` at `now` replaces `followed` as the followed master: it is the
/// same master, it beats the followed one, or the followed one has released or timed out.
/// `own_centis` is this node's interval in hundredths of a second.
///
/// An advert of a lower priority than the followed master's changes nothing.
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
