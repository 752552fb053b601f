//! The handover without a gap: a master that releases sends priority 0 and stays active until its
//! successor's first advert.

use vrrp_common::wire::vrrp::PRIORITY_RELEASE as RELEASE;

use super::event::{Input, Output};
use super::state::{AfterRelease, Master, Reason, Releasing, State};
use super::{VirtualRouter, timing};
use vrrp_model::time::Instant;

impl VirtualRouter {
    pub(super) fn in_releasing(&mut self, now: Instant, releasing: Releasing, input: Input) {
        let and_then = |then| State::Releasing(Releasing { then, ..releasing });
        match input {
            Input::Startup { source, .. } => {
                self.source = source;
                match releasing.then {
                    AfterRelease::Backup => {}
                    AfterRelease::Init | AfterRelease::Fault | AfterRelease::TakePart => {
                        self.state = and_then(AfterRelease::TakePart)
                    }
                }
            }
            Input::Shutdown => self.state = and_then(AfterRelease::Init),
            Input::Fault | Input::GroupFault => match releasing.then {
                AfterRelease::Init => {}
                AfterRelease::Fault | AfterRelease::TakePart | AfterRelease::Backup => {
                    self.state = and_then(AfterRelease::Fault)
                }
            },
            Input::InterfaceDown => match releasing.then {
                AfterRelease::Init => self.stop_being_active(State::Init, Reason::InterfaceDown),
                AfterRelease::Fault | AfterRelease::TakePart | AfterRelease::Backup => {
                    self.stop_being_active(State::Fault, Reason::InterfaceDown);
                }
            },
            Input::Priority(priority) => self.priority = priority.max(1),
            Input::Settings(settings) => self.settings = settings,
            Input::Source(source) => self.source = source,
            Input::Advert(heard) => {
                if heard.priority != RELEASE && heard.source != self.source {
                    self.released_to_successor(heard.at.min(now), releasing);
                    self.handle(now, input);
                }
            }
            Input::Fenced => match releasing.then {
                AfterRelease::TakePart | AfterRelease::Backup => {
                    self.fenced(now, releasing.epoch, Reason::SuccessorHeard)
                }
                AfterRelease::Init | AfterRelease::Fault => {
                    self.released_to_successor(now, releasing)
                }
            },
            Input::TakeOver => match releasing.then {
                AfterRelease::Init | AfterRelease::Fault => {}
                AfterRelease::TakePart | AfterRelease::Backup => {
                    self.take_over(now, Reason::GroupTookOver)
                }
            },
            Input::HandOver | Input::Wait | Input::Standby | Input::EndStandby => {}
        }
    }

    /// Hands over without a fault. Without a successor this node is master again without a
    /// gap.
    pub(super) fn standby(&mut self, now: Instant, master: Master) {
        self.standby = Some(now);
        self.release(now, master, AfterRelease::TakePart, Reason::Standby);
    }

    /// Sends priority 0 and stays active until the successor's first advert.
    pub(super) fn release(
        &mut self,
        now: Instant,
        master: Master,
        then: AfterRelease,
        reason: Reason,
    ) {
        let from = self.role();
        let until = now + timing::release_bound(self.settings.interval);
        self.state = State::Releasing(Releasing { epoch: master.epoch, until, then });
        self.outputs.push_back(Output::Lapse);
        self.outputs.push_back(Output::Send { priority: RELEASE });
        self.outputs.push_back(Output::Transition { from, to: self.role(), reason });
    }

    fn released_to_successor(&mut self, at: Instant, releasing: Releasing) {
        match releasing.then {
            AfterRelease::Init => self.stop_being_active(State::Init, Reason::SuccessorHeard),
            AfterRelease::Fault => self.stop_being_active(State::Fault, Reason::SuccessorHeard),
            AfterRelease::TakePart | AfterRelease::Backup => {
                self.yield_mastership(at, Reason::SuccessorHeard)
            }
        }
    }

    /// No node took over in the time that the slowest backup needs. If we are well again by now,
    /// the mastership is ours.
    pub(super) fn release_unanswered(&mut self, now: Instant, releasing: Releasing) {
        match releasing.then {
            AfterRelease::Init => self.stop_being_active(State::Init, Reason::NoSuccessor),
            AfterRelease::Fault => self.stop_being_active(State::Fault, Reason::NoSuccessor),
            AfterRelease::TakePart if self.grouped => {
                self.outputs.push_back(Output::Mastership(None));
                self.become_due(now, Reason::NoSuccessor, Reason::NoSuccessor);
            }
            AfterRelease::TakePart => self.take_over(now, Reason::NoSuccessor),
            AfterRelease::Backup => self.yield_mastership(now, Reason::NoSuccessor),
        }
    }

    pub(super) fn stop_being_active(&mut self, to: State, reason: Reason) {
        self.outputs.push_back(Output::Mastership(None));
        self.become_idle(to, reason);
    }
}
