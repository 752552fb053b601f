//! The election of one virtual router (RFC 9568 section 6.4, RFC 3768 section 6.4), without clock
//! or socket.
//!
//! ```text
//!            Startup                 master down timer
//!   Init ---------------> Backup ------------------------> Master
//!    ^  \                  ^ |  ^                          | |  ^
//!    |   \ Fault           | |  |  better master, Fenced   | |  |
//!    |    v        Startup | |  +--------------------------+ |  | Startup, and no other
//!    |   Fault ------------+ | Fault                         |  | took over in time
//!    |     ^  \______________/                               |  |
//!    |     |                                 Shutdown, Fault v  |
//!    +-----+---------------------------------------------- Releasing
//!             the successor's advert, or the time is over
//!
//!   Standby: Master -> Releasing; no successor in time: Master, else Backup
//! ```
//!
//! Releasing and Fault are additions. In the RFC a router stops being active in the instant it
//! sends priority 0, and has no gap-free handover. The address owner (priority 255), and an agent
//! that finds its predecessor's mastership in the kernel, go from Init straight to Master.
//!
//! On [`Input::Standby`] a master releases too, and is master again if no node takes over.
//! Otherwise it is a backup that does not preempt, not even as the owner, until standby ends, it is
//! shut down, or it is master because no other node is. Faults and changes of the configuration do
//! not end standby.
//!
//! # Contract
//!
//! Give one input ([`VirtualRouter::handle`], or [`VirtualRouter::handle_timeout`] when
//! [`VirtualRouter::next_deadline`] is reached), then drain [`VirtualRouter::poll`] and perform its
//! outputs in order before the next input. `now` never decreases. Received adverts take precedence
//! over timers, so before `handle_timeout` the caller gives, in this order:
//!
//! 1. [`Input::Fenced`] if the kernel has fenced the present epoch;
//! 2. [`Input::Advert`] for every advert in the socket, and for the liveness map's if the socket
//!    may still hold it.
//!
//! So a thread that was stalled neither takes a mastership from another node nor keeps one that it
//! has lost.
//!
//! Members of a sync group are settled ([`group::settle`]) after each input or timer of any of
//! them, before outputs are drained or after, and before the next input.
//!
//! # Order of outputs
//!
//! - Takeover: `Send`, `Lease`, `Mastership(epoch)`, `Transition`, `Announce`. The advert comes
//!   first, so that an old master falls silent before this node's gratuitous ARP. The lease is
//!   valid before the kernel acts on it. A mastership resumed from an earlier agent has no
//!   `Announce`: the addresses did not move.
//! - Each further advert: `Send`, `Lease`; in answer to a lower-priority master sometimes
//!   `Reannounce`.
//! - Yield: `Mastership(None)`, `Transition`; then, if the lease was valid, a last `Send` that
//!   renews no lease. The node is inactive before it sends.
//! - A master's interface gone: `Mastership(None)`, `Transition`, `Send` of priority 0, in case the
//!   interface still sends it.
//! - Release: `Lapse`, `Send` of priority 0, `Transition` to [`Role::Releasing`]; after the
//!   successor's first advert `Mastership(None)`, `Transition`. The lease ends before any backup
//!   can take over.

pub mod announce;
pub mod auth;
mod event;
pub mod group;
pub mod handover;
mod release;
mod rules;
mod state;
#[cfg(test)]
mod tests;
pub mod timing;
pub mod timing_stats;
pub mod view;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

pub use event::{Heard, Input, Output, Resume, Settings};
pub use state::{Reason, Role};

use state::State;
use vrrp_model::time::Instant;

/// One election: one virtual router on one interface.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VirtualRouter {
    settings: Settings,
    state: State,
    /// Effective priority.
    priority: u8,
    /// Address of our adverts; meaningless before the first Startup.
    source: IpAddr,
    /// Interval the timers of a backup are computed from: the master's in v3, our own in v2.
    interval: Duration,
    /// The newest epoch this machine is known to have used.
    last_epoch: u64,
    last_heard: Option<Heard>,
    /// Member of a sync group: whether it takes over is [`group::settle`]'s to decide.
    grouped: bool,
    /// Something of its own is at fault, not only its group's.
    at_fault: bool,
    /// It yielded, and its group does not know yet.
    yielded: bool,
    /// Since when it is on standby: it handed over by order, and does not preempt.
    standby: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl VirtualRouter {
    /// A router in Initialize, at its configured priority.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: State::Init,
            priority: settings.priority.max(1),
            source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            interval: settings.interval,
            last_epoch: 0,
            last_heard: None,
            grouped: false,
            at_fault: false,
            yielded: false,
            standby: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input; [`VirtualRouter::poll`] then returns its outputs.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Startup { .. } => self.at_fault = false,
            Input::Fault | Input::InterfaceDown => self.at_fault = true,
            Input::Shutdown | Input::EndStandby => self.standby = None,
            _ => {}
        }
        match self.state {
            State::Init => self.in_init(now, input),
            State::Fault => self.in_fault(now, input),
            State::Backup(backup) => self.in_backup(now, backup, input),
            State::Master(master) => self.in_master(now, master, input),
            State::Releasing(releasing) => self.in_releasing(now, releasing, input),
        }
    }

    /// When [`VirtualRouter::handle_timeout`] is due; `None` in Init and Fault.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.state.deadline()
    }

    /// Acts on the deadline if it has been reached; a call too early, or too many, does nothing. A
    /// backup in a sync group leaves its deadline to [`group::settle`].
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.state {
            State::Init | State::Fault => {}
            State::Backup(_) if self.grouped => {}
            State::Backup(backup) => self.take_over(now, backup.expiry),
            State::Master(master) => self.advertise_on_time(now, master),
            State::Releasing(releasing) => self.release_unanswered(now, releasing),
        }
    }

    /// The next output, oldest first.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn role(&self) -> Role {
        self.state.role()
    }

    /// The epoch in which this node is active, as master or releasing. It is also the start of the
    /// mastership, in microseconds since boot.
    pub fn epoch(&self) -> Option<u64> {
        self.state.epoch()
    }

    /// Effective priority.
    pub fn priority(&self) -> u8 {
        self.priority
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Advert interval the timers are computed from: learned from the master in v3, else our own.
    pub fn learned_interval(&self) -> Duration {
        self.interval
    }

    /// `Skew_Time`.
    pub fn skew(&self) -> Duration {
        timing::skew(self.settings.version, self.priority, self.interval)
    }

    /// `Master_Down_Interval`.
    pub fn master_down_interval(&self) -> Duration {
        timing::master_down_interval(self.settings.version, self.priority, self.interval)
    }

    /// Since when it has been on standby; `None` while it does not.
    pub fn standby_since(&self) -> Option<Instant> {
        self.standby
    }

    /// The last advert of another router that was not stale, whatever it led to.
    pub fn last_heard(&self) -> Option<&Heard> {
        self.last_heard.as_ref()
    }
}
