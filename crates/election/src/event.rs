//! Inputs and outputs of an election.

use std::net::IpAddr;
use std::time::Duration;

use super::state::{Reason, Role};
use vrrp_model::time::Instant;
use vrrp_model::{Router, Version};

/// The part of a router's configuration that the election needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Settings {
    pub version: Version,
    /// Configured priority, 1..=255; 255 is the address owner.
    pub priority: u8,
    /// Configured advertisement interval.
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
        /// Source address of this node's adverts; the tie break.
        source: IpAddr,
        /// A mastership that an earlier agent left in the kernel, not fenced (its lease may have
        /// lapsed: then no other master has advertised since): taken up without interruption. Where
        /// something is at fault, give this first and the fault after it, so that the mastership is
        /// handed over instead of dropped.
        resume: Option<Resume>,
    },
    /// The router stops. A master releases first: wait for [`Role::Init`].
    Shutdown,
    /// A tracked script or interface failed, but adverts can still be sent: a master releases
    /// first.
    Fault,
    /// The link or the source address is gone: no release is possible.
    InterfaceDown,
    /// The effective priority changed (1..=255).
    Priority(u8),
    /// The source address of this node's adverts changed.
    Source(IpAddr),
    /// The configuration changed. Only [`Input::Priority`] changes the effective priority.
    Settings(Settings),
    /// A valid advert.
    Advert(Heard),
    /// The kernel program fenced the present epoch.
    Fenced,
    /// Another node should be master: a master releases, and from then on does not preempt until
    /// [`Input::EndStandby`], or until it is master again because no other node is. Only a master
    /// obeys.
    Standby,
    /// Standby ends: the router preempts again as configured.
    EndStandby,
    /// From [`super::group`]: the sync group takes over, at once.
    TakeOver,
    /// From [`super::group`]: another member yielded; a master releases and then is a backup.
    HandOver,
    /// From [`super::group`]: the timer expired, but the group may not take over yet.
    Wait,
    /// From [`super::group`]: another member is at fault; a master releases first.
    GroupFault,
}

/// The mastership that an earlier agent left in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    pub epoch: u64,
}

/// A valid advert of another router, from the socket or the kernel's liveness map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Heard {
    /// Arrival: the kernel's timestamp, or the time of the read without one.
    pub at: Instant,
    pub source: IpAddr,
    pub priority: u8,
    /// The advertised interval.
    pub interval: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Output {
    /// Send an advert now, with the configured interval. Priority 0 is a release.
    Send {
        priority: u8,
    },
    /// Write the end of the lease and the advertised priority to the kernel.
    Lease {
        until: Instant,
        priority: u8,
    },
    /// End the lease in the kernel: the next advert of another master fences this node.
    Lapse,
    /// Write the mastership to the kernel: active in this epoch, or `None`.
    Mastership(Option<u64>),
    Transition {
        from: Role,
        to: Role,
        reason: Reason,
    },
    /// A takeover: send gratuitous ARP for every virtual address.
    Announce,
    /// An advert of a lower-priority master: neighbour caches may point at it, so send gratuitous
    /// ARP again.
    Reannounce,
}
