//! What goes into an election and what comes out of it.

use std::net::IpAddr;
use std::time::Duration;

use super::state::{Reason, Role};
use vrrp_model::time::Instant;
use vrrp_model::{Router, Version};

/// What the election needs of a router's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Settings {
    pub version: Version,
    /// Configured priority, 1..=255; 255 is the address owner.
    pub priority: u8,
    /// Our own advertisement interval.
    pub interval: Duration,
    /// Ignored for the address owner, which always preempts (RFC 9568 section 6.1).
    pub preempt: bool,
    pub preempt_delay: Duration,
}

impl From<&Router> for Settings {
    fn from(router: &Router) -> Self {
        Self {
            version: router.version,
            priority: router.priority,
            interval: router.interval,
            preempt: router.preempt,
            preempt_delay: router.preempt_delay,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The router may take part in the election: at start, and again when everything that was at
    /// fault is well.
    Startup {
        /// Address our adverts come from; the tie break.
        source: IpAddr,
        /// A mastership that an earlier agent left in the kernel, not fenced (its lease may have
        /// lapsed: then no other master has advertised since): taken up without interruption. Where
        /// something is at fault, give this first and the fault after it, so that the mastership is
        /// handed over instead of dropped.
        resume: Option<Resume>,
    },
    /// Stop for good. A master releases first: wait for [`Role::Init`].
    Shutdown,
    /// A tracked script or interface failed, but adverts can still be sent: a master releases
    /// first.
    Fault,
    /// The link or our address is gone: no release is possible.
    InterfaceDown,
    /// The effective priority changed (1..=255).
    Priority(u8),
    /// The address our adverts come from changed.
    Source(IpAddr),
    /// The configuration changed. The effective priority does not follow it: that is
    /// [`Input::Priority`]'s.
    Settings(Settings),
    /// A valid advert.
    Advert(Heard),
    /// The kernel program fenced the epoch we act in.
    Fenced,
    /// Another node should be master: a master releases, and from then on does not preempt until
    /// [`Input::EndStandby`], or until it is master again because no other node is. Only a master
    /// obeys.
    Standby,
    /// It may preempt again, as far as it is configured to.
    EndStandby,
    /// From [`super::group`]: the sync group takes over, at once.
    TakeOver,
    /// From [`super::group`]: another member yielded; a master releases and then is a backup.
    HandOver,
    /// From [`super::group`]: the timer ran out, but the group may not take over yet.
    Wait,
    /// From [`super::group`]: another member is at fault; a master releases first.
    GroupFault,
}

/// The mastership an earlier agent left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    pub epoch: u64,
}

/// A valid advert of another router, read from the socket or known from the kernel's liveness map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Heard {
    /// When it arrived: the kernel's stamp, or the time of reading where there is none.
    pub at: Instant,
    pub source: IpAddr,
    pub priority: u8,
    /// The interval it announces.
    pub interval: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Output {
    /// Send an advert now, with our own interval. Priority 0 when releasing.
    Send {
        priority: u8,
    },
    /// Tell the kernel until when we vouch for ourselves, and the priority that our peers have been
    /// told.
    Lease {
        until: Instant,
        priority: u8,
    },
    /// Tell the kernel that the lease has ended: the next advert of another master fences us.
    Lapse,
    /// Tell the kernel to act in this epoch, or to stop.
    Mastership(Option<u64>),
    Transition {
        from: Role,
        to: Role,
        reason: Reason,
    },
    /// We took over: gratuitous ARP for every virtual address.
    Announce,
    /// A lower-priority master was heard, and caches may point at it: gratuitous ARP again.
    Reannounce,
}
