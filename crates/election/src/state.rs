//! The states of one virtual router. Each state carries its own deadlines.

use std::fmt;

use serde::{Deserialize, Serialize};

use vrrp_model::time::Instant;

/// The state of a virtual router as logs, status and metrics show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Not started, or shut down (RFC: Initialize).
    Init,
    /// Something it depends on is missing: a tracked script or interface, a link, an address.
    Fault,
    /// Receives the adverts of a master, or waits for the master timeout.
    Backup,
    /// Advertises and is active for the virtual addresses (RFC 9568: Active).
    Master,
    /// Has sent priority 0 and is active until the successor's first advert.
    Releasing,
}

impl Role {
    pub const ALL: [Role; 5] =
        [Role::Init, Role::Fault, Role::Backup, Role::Master, Role::Releasing];

    /// Name in logs, status and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Init => "init",
            Role::Fault => "fault",
            Role::Backup => "backup",
            Role::Master => "master",
            Role::Releasing => "releasing",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a role changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Started, and not the address owner.
    Startup,
    /// Started as the address owner (priority 255).
    Owner,
    /// Resumed the mastership of an earlier agent.
    Resumed,
    /// The master down timer expired without an advert.
    MasterTimeout,
    /// The master sent priority 0 and no better router advertised.
    Released,
    /// Preempted a master of lower priority.
    Preempted,
    /// An advert of a better master: higher priority, or equal priority and higher address.
    BetterMaster,
    /// An advert of another master after the lease had lapsed.
    Fenced,
    /// The agent stops.
    Shutdown,
    /// An order to hand over to another node.
    Standby,
    /// A tracked script or interface failed.
    Fault,
    /// The interface cannot send.
    InterfaceDown,
    /// While releasing, the successor's first advert was received.
    SuccessorHeard,
    /// While releasing, no successor advertised in time.
    NoSuccessor,
    /// Another member of its sync group took over, and the group with it.
    GroupTookOver,
    /// Another member of its sync group yielded.
    GroupHandedOver,
    /// Another member of its sync group is at fault.
    GroupFault,
}

impl Reason {
    /// Text in logs and status.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Startup => "startup",
            Reason::Owner => "address owner",
            Reason::Resumed => "resumed",
            Reason::MasterTimeout => "master timeout",
            Reason::Released => "master released",
            Reason::Preempted => "preempted",
            Reason::BetterMaster => "better master",
            Reason::Fenced => "fenced",
            Reason::Shutdown => "shutdown",
            Reason::Standby => "standby",
            Reason::Fault => "fault",
            Reason::InterfaceDown => "interface down",
            Reason::SuccessorHeard => "successor heard",
            Reason::NoSuccessor => "no successor",
            Reason::GroupTookOver => "its group took over",
            Reason::GroupHandedOver => "its group handed over",
            Reason::GroupFault => "its group is at fault",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum State {
    Init,
    Fault,
    Backup(Backup),
    Master(Master),
    Releasing(Releasing),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Backup {
    /// `Master_Down_Timer`: time of the takeover.
    pub(super) down_at: Instant,
    /// Start of the timer. An older advert is stale.
    pub(super) armed_at: Instant,
    /// Reason of the takeover if the timer expires.
    pub(super) expiry: Reason,
    /// End of the preempt delay, until which a lower-priority master is followed. `None` before the
    /// first advert of such a master.
    pub(super) follow_until: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Master {
    pub(super) epoch: u64,
    /// `Adver_Timer`: when the next regular advert is due.
    pub(super) advert_at: Instant,
    /// End of the lease as last written to the kernel.
    pub(super) lease_until: Instant,
    /// No advert in answer to a lower-priority advert before this time.
    pub(super) quiet_until: Instant,
    /// No re-announcement before this time.
    pub(super) no_announce_until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Releasing {
    pub(super) epoch: u64,
    /// When this node stops being active without a successor.
    pub(super) until: Instant,
    pub(super) then: AfterRelease,
}

/// The state after a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum AfterRelease {
    Init,
    Fault,
    /// Nothing is wrong, or no longer: take part again, and stay master without a successor.
    TakePart,
    /// Its sync group has handed over: a backup, with or without a successor.
    Backup,
}

impl State {
    pub(super) const fn role(&self) -> Role {
        match self {
            State::Init => Role::Init,
            State::Fault => Role::Fault,
            State::Backup(_) => Role::Backup,
            State::Master(_) => Role::Master,
            State::Releasing(_) => Role::Releasing,
        }
    }

    /// `None` in init and fault; every other state has exactly one timer.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self {
            State::Init | State::Fault => None,
            State::Backup(backup) => Some(backup.down_at),
            State::Master(master) => Some(master.advert_at),
            State::Releasing(releasing) => Some(releasing.until),
        }
    }

    pub(super) const fn epoch(&self) -> Option<u64> {
        match self {
            State::Init | State::Fault | State::Backup(_) => None,
            State::Master(master) => Some(master.epoch),
            State::Releasing(releasing) => Some(releasing.epoch),
        }
    }
}
