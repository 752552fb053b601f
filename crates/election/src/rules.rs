//! The state machine of RFC 9568 section 6.4. Every state handles every input; a new input does not
//! compile until every state handles it.

use vrrp_common::lease::{self, Claim};
use vrrp_common::wire::vrrp::{PRIORITY_OWNER as OWNER, PRIORITY_RELEASE as RELEASE};

use super::event::{Heard, Input, Output, Resume, Settings};
use super::state::{AfterRelease, Backup, Master, Reason, State};
use super::{VirtualRouter, timing};
use vrrp_model::Version;
use vrrp_model::time::Instant;

/// What an advert means to a master.
enum Rival {
    /// This node's own advert, looped back, or its source address on another host. The kernel
    /// program counts it; the election ignores it.
    Ourselves,
    /// Priority 0: another master releases.
    Leaving,
    /// Higher priority, or equal and a higher address.
    Better,
    /// Lower priority, received after the lease had lapsed: it took over while this node was
    /// silent.
    Successor,
    /// Lower priority, with a valid lease.
    Lower,
}

impl VirtualRouter {
    pub(super) fn in_init(&mut self, now: Instant, input: Input) {
        match input {
            Input::Startup { source, resume } => {
                self.source = source;
                self.start_election(now, resume);
            }
            Input::Fault => self.become_idle(State::Fault, Reason::Fault),
            Input::InterfaceDown => self.become_idle(State::Fault, Reason::InterfaceDown),
            Input::Priority(priority) => self.priority = priority.max(1),
            Input::Source(source) => self.source = source,
            Input::Settings(settings) => self.settings = settings,
            Input::Shutdown
            | Input::Advert(_)
            | Input::Fenced
            | Input::Standby
            | Input::EndStandby => {}
            Input::TakeOver | Input::HandOver | Input::Wait | Input::GroupFault => {}
        }
    }

    pub(super) fn in_fault(&mut self, now: Instant, input: Input) {
        match input {
            // A member waits for its group: another one may still be at fault.
            Input::Startup { source, resume: None } if self.grouped => self.source = source,
            Input::Startup { source, resume } => {
                self.source = source;
                self.start_election(now, resume);
            }
            Input::Shutdown => self.become_idle(State::Init, Reason::Shutdown),
            Input::Priority(priority) => self.priority = priority.max(1),
            Input::Source(source) => self.source = source,
            Input::Settings(settings) => self.settings = settings,
            Input::Fault | Input::InterfaceDown | Input::Advert(_) | Input::Fenced => {}
            Input::Standby | Input::EndStandby => {}
            Input::TakeOver | Input::HandOver | Input::Wait | Input::GroupFault => {}
        }
    }

    pub(super) fn in_backup(&mut self, now: Instant, backup: Backup, input: Input) {
        match input {
            Input::Shutdown => self.become_idle(State::Init, Reason::Shutdown),
            Input::Fault => self.become_idle(State::Fault, Reason::Fault),
            Input::InterfaceDown => self.become_idle(State::Fault, Reason::InterfaceDown),
            Input::Priority(priority) => self.reprioritise_backup(now, backup, priority.max(1)),
            Input::Source(source) => self.source = source,
            Input::Settings(settings) => self.reconfigure_backup(now, backup, settings),
            Input::Advert(heard) => self.hear_as_backup(now, backup, heard),
            Input::TakeOver => self.take_over_with_group(now, backup),
            Input::Wait => self.wait_for_group(now, backup),
            Input::GroupFault => self.become_idle(State::Fault, Reason::GroupFault),
            Input::Startup { .. }
            | Input::Fenced
            | Input::HandOver
            | Input::Standby
            | Input::EndStandby => {}
        }
    }

    pub(super) fn in_master(&mut self, now: Instant, master: Master, input: Input) {
        match input {
            Input::Shutdown => self.release(now, master, AfterRelease::Init, Reason::Shutdown),
            Input::Fault => self.release(now, master, AfterRelease::Fault, Reason::Fault),
            Input::InterfaceDown => {
                self.stop_being_active(State::Fault, Reason::InterfaceDown);
                self.outputs.push_back(Output::Send { priority: RELEASE });
            }
            Input::Priority(priority) => self.priority = priority.max(1),
            Input::Source(source) => {
                self.source = source;
                self.advertise(now, Master { advert_at: now + self.settings.interval, ..master });
            }
            Input::Settings(settings) => {
                self.settings = settings;
                self.interval = settings.interval;
                self.advertise(now, Master { advert_at: now + settings.interval, ..master });
            }
            Input::Advert(heard) => self.hear_as_master(now, master, heard),
            Input::Fenced => {
                self.fenced(now, master.epoch, Reason::Fenced);
                if now <= master.lease_until {
                    self.final_advert();
                }
            }
            Input::HandOver => {
                self.release(now, master, AfterRelease::Backup, Reason::GroupHandedOver)
            }
            Input::GroupFault => self.release(now, master, AfterRelease::Fault, Reason::GroupFault),
            Input::Standby => self.standby(now, master),
            Input::Startup { .. } | Input::TakeOver | Input::Wait | Input::EndStandby => {}
        }
    }

    /// Section 6.4.1: takes part in the election, or resumes the mastership of an earlier agent.
    pub(super) fn start_election(&mut self, now: Instant, resume: Option<Resume>) {
        match resume {
            Some(Resume { epoch }) => {
                // The epoch stays the same, so a fence that the kernel sets at this moment holds.
                self.last_epoch = self.last_epoch.max(epoch);
                self.become_master(now, epoch, Reason::Resumed);
            }
            None if self.standby.is_some() => self.become_backup(now, Reason::Startup),
            None if self.priority == OWNER && self.grouped => {
                self.become_due(now, Reason::Startup, Reason::Owner)
            }
            None if self.priority == OWNER => self.take_over(now, Reason::Owner),
            None => self.become_backup(now, Reason::Startup),
        }
    }

    /// Moves the master down timer by the difference in skew. A master that this node was about to
    /// preempt, and whose priority is no longer lower, is followed from its last advert on.
    /// Otherwise this node would take over with the lower priority.
    fn reprioritise_backup(&mut self, now: Instant, backup: Backup, priority: u8) {
        let without_skew = backup.down_at - self.skew();
        self.priority = priority;
        match self.last_heard {
            Some(heard) if backup.expiry == Reason::Preempted && heard.priority >= priority => {
                self.follow(heard.at, heard, None);
            }
            Some(_) | None => {
                let down_at = (without_skew + self.skew()).max(now);
                self.state = State::Backup(Backup { down_at, ..backup });
            }
        }
    }

    /// Moves the master down timer by the change of this node's interval, if the timer is computed
    /// from it.
    fn reconfigure_backup(&mut self, now: Instant, backup: Backup, settings: Settings) {
        let own = self.interval == self.settings.interval;
        let begun = backup.down_at - self.master_down_interval();
        self.settings = settings;
        if own || settings.version == Version::V2 {
            self.interval = settings.interval;
        }
        let down_at = match backup.expiry {
            Reason::Released => backup.down_at,
            _ => (begun + self.master_down_interval()).max(now),
        };
        self.state = State::Backup(Backup { down_at, ..backup });
    }

    /// Section 6.4.2, on an advert.
    fn hear_as_backup(&mut self, now: Instant, backup: Backup, heard: Heard) {
        let at = heard.at.min(now);
        if at < backup.armed_at || heard.source == self.source {
            return;
        }
        self.last_heard = Some(Heard { at, ..heard });
        if heard.priority == RELEASE {
            let down_at = at + self.skew();
            self.state =
                State::Backup(Backup { down_at, armed_at: at, expiry: Reason::Released, ..backup });
        } else if heard.priority >= self.priority {
            self.follow(at, heard, None);
        } else {
            self.hear_lower_as_backup(at, backup, heard);
        }
    }

    /// A lower-priority master: lets the timer run out, unless preemption is off or delayed.
    fn hear_lower_as_backup(&mut self, at: Instant, backup: Backup, heard: Heard) {
        if !self.preempts() {
            return self.follow(at, heard, None);
        }
        let follow_until = match backup.follow_until {
            Some(until) => until,
            None if self.priority == OWNER => at,
            None => at + self.settings.preempt_delay,
        };
        if at < follow_until {
            self.follow(at, heard, Some(follow_until));
        } else {
            self.state = State::Backup(Backup {
                follow_until: Some(follow_until),
                expiry: Reason::Preempted,
                ..backup
            });
        }
    }

    /// The address owner always preempts (section 6.1), except on standby.
    fn preempts(&self) -> bool {
        self.standby.is_none() && (self.settings.preempt || self.priority == OWNER)
    }

    /// Accepts `heard` as the master: learns its interval (v3) and starts the master down timer
    /// again.
    fn follow(&mut self, at: Instant, heard: Heard, follow_until: Option<Instant>) {
        self.interval = match self.settings.version {
            Version::V2 => self.settings.interval,
            Version::V3 => timing::learned_interval(self.settings.interval, heard.interval),
        };
        let down_at = at + self.master_down_interval();
        self.state = State::Backup(Backup {
            down_at,
            armed_at: at,
            expiry: Reason::MasterTimeout,
            follow_until,
        });
    }

    /// Section 6.4.3, on an advert.
    fn hear_as_master(&mut self, now: Instant, master: Master, heard: Heard) {
        let at = heard.at.min(now);
        match self.judge(at, &master, &heard) {
            Rival::Ourselves => return,
            Rival::Leaving => {
                self.advertise(now, Master { advert_at: now + self.settings.interval, ..master })
            }
            Rival::Better => {
                self.yield_mastership(at, Reason::BetterMaster);
                self.final_advert();
                self.handle(now, Input::Advert(heard));
            }
            Rival::Successor => {
                self.yield_mastership(at, Reason::Fenced);
                self.handle(now, Input::Advert(heard));
            }
            Rival::Lower => self.answer_lower(now, master),
        }
        self.last_heard = Some(Heard { at, ..heard });
    }

    /// Applies the kernel program's rule for the lease, so that both decide alike.
    fn judge(&self, at: Instant, master: &Master, heard: &Heard) -> Rival {
        let own = Claim { priority: self.priority, source: self.source.into() };
        let other = Claim { priority: heard.priority, source: heard.source.into() };
        if heard.source == self.source {
            Rival::Ourselves
        } else if heard.priority == RELEASE {
            Rival::Leaving
        } else if other.beats(&own) {
            Rival::Better
        } else if lease::fences(at.as_nanos(), master.lease_until.as_nanos(), &other, &own) {
            Rival::Successor
        } else {
            Rival::Lower
        }
    }

    /// Sends one more advert after yielding to a better master with a valid lease (keepalived:
    /// `higher_prio_send_advert`).
    ///
    /// After a partition has healed, neighbour caches point at either of two masters. The better
    /// one re-announces itself when it receives a lower-priority advert. If its own advert arrived
    /// first, this node would yield in silence and the better master would never receive one.
    fn final_advert(&mut self) {
        self.outputs.push_back(Output::Send { priority: self.priority });
    }

    /// RFC 9568 section 6.4.3: sends one advert at once and leaves the advert timer unchanged; v2
    /// likewise.
    fn answer_lower(&mut self, now: Instant, mut master: Master) {
        if now < master.quiet_until {
            return;
        }
        let announce = now >= master.no_announce_until;
        master.quiet_until = now + timing::readvertise_gap(self.settings.interval);
        if announce {
            master.no_announce_until = now + timing::reannounce_gap(self.settings.interval);
        }
        self.advertise(now, master);
        if announce {
            self.outputs.push_back(Output::Reannounce);
        }
    }

    /// Keeps the cadence when the thread was late by less than an interval; starts it again after a
    /// stall.
    pub(super) fn advertise_on_time(&mut self, now: Instant, master: Master) {
        let interval = self.settings.interval;
        let next = master.advert_at + interval;
        let advert_at = if now < next { next } else { now + interval };
        self.advertise(now, Master { advert_at, ..master });
    }

    /// Sends an advert and renews the lease. The kernel gets the advertised priority with the
    /// lease, because the peers compare with that priority from now on.
    fn advertise(&mut self, now: Instant, master: Master) {
        let lease_until = timing::lease_until(now, self.settings.interval);
        self.outputs.push_back(Output::Send { priority: self.priority });
        self.outputs.push_back(Output::Lease { until: lease_until, priority: self.priority });
        self.state = State::Master(Master { lease_until, ..master });
    }

    /// Becomes master in a new epoch.
    pub(super) fn take_over(&mut self, now: Instant, reason: Reason) {
        self.last_epoch = now.as_micros().max(self.last_epoch.saturating_add(1));
        self.become_master(now, self.last_epoch, reason);
        self.outputs.push_back(Output::Announce);
    }

    fn become_master(&mut self, now: Instant, epoch: u64, reason: Reason) {
        let from = self.role();
        self.yielded = false;
        self.standby = None;
        self.interval = self.settings.interval;
        let advert_at = now + self.settings.interval;
        self.advertise(
            now,
            Master { epoch, advert_at, lease_until: now, quiet_until: now, no_announce_until: now },
        );
        self.outputs.push_back(Output::Mastership(Some(epoch)));
        self.outputs.push_back(Output::Transition { from, to: self.role(), reason });
    }

    /// Becomes backup; the master down timer starts at `at` with the full interval.
    pub(super) fn become_backup(&mut self, at: Instant, reason: Reason) {
        let from = self.role();
        self.interval = self.settings.interval;
        let down_at = at + self.master_down_interval();
        self.state = State::Backup(Backup {
            down_at,
            armed_at: at,
            expiry: Reason::MasterTimeout,
            follow_until: None,
        });
        self.outputs.push_back(Output::Transition { from, to: self.role(), reason });
    }

    pub(super) fn yield_mastership(&mut self, at: Instant, reason: Reason) {
        self.outputs.push_back(Output::Mastership(None));
        self.become_backup(at, reason);
        self.yielded = true;
    }

    /// Follows a fence of the kernel. The socket may still hold the advert that caused it, so a
    /// backup accepts every advert since the mastership began.
    pub(super) fn fenced(&mut self, now: Instant, epoch: u64, reason: Reason) {
        self.yield_mastership(now, reason);
        if let State::Backup(backup) = &mut self.state {
            backup.armed_at = Instant::from_micros(epoch);
        }
    }

    pub(super) fn become_idle(&mut self, to: State, reason: Reason) {
        let from = self.role();
        self.state = to;
        self.outputs.push_back(Output::Transition { from, to: to.role(), reason });
    }
}
