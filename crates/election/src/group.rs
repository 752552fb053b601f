//! Sync groups: virtual routers that are master together or not at all.
//!
//! Sync groups are level-triggered: after every input or timer of a member, [`settle`] evaluates
//! the states of all members and gives the others the inputs that follow, at the same time.
//!
//! - One member is at fault: the whole group is. Masters release first. All members take part in
//!   the election again when no member is at fault.
//! - A member yielded, or follows a better master while others are masters: the others hand over.
//! - Others are masters and no rule forbids it: a backup takes over at once.
//! - A master down timer expired: the whole group takes over, unless a member cannot
//!   (init, fault), or still follows a master that is no lower. Then the timer starts again. So a
//!   node that lost one segment of several keeps its role on all.
//!
//! A group preempts as a whole: only when no member follows a master.
//!
//! Between the first priority 0 and the successor's first advert a group may be split between two
//! nodes; the release bound ([`super::timing::release_bound`]) limits that time. If the members'
//! priorities order the nodes differently, the group whose timer expires first stays master: the
//! other node does not preempt, because one of its members follows a better master.

use super::VirtualRouter;
use super::event::{Input, Output};
use super::state::{AfterRelease, Backup, Reason, State};
use vrrp_model::time::Instant;

/// Brings the members into agreement; the effects are in their outputs. With `complete` false a
/// member is not known yet and counts as one in init.
pub fn settle(now: Instant, members: &mut [&mut VirtualRouter], complete: bool) {
    if members.iter().any(|member| member.at_fault) {
        for member in members {
            member.yielded = false;
            if !member.at_fault {
                member.handle(now, Input::GroupFault);
            }
        }
        return;
    }
    recover(now, members);
    follow_masters(now, members);
    fire(now, members, complete);
}

/// No member is at fault: those that were, or whose group was, take part in the election again.
fn recover(now: Instant, members: &mut [&mut VirtualRouter]) {
    for member in members {
        match member.state {
            State::Fault => member.start_election(now, None),
            State::Releasing(releasing) if releasing.then == AfterRelease::Fault => {
                let source = member.source;
                member.handle(now, Input::Startup { source, resume: None });
            }
            State::Init | State::Backup(_) | State::Master(_) | State::Releasing(_) => {}
        }
    }
}

/// Resolves a group of masters and backups: all hand over if one yielded or follows a better
/// master; otherwise all take over.
fn follow_masters(now: Instant, members: &mut [&mut VirtualRouter]) {
    let mut down = false;
    for member in &mut *members {
        down |= std::mem::take(&mut member.yielded) || member.follows_no_lower(now);
    }
    if !members.iter().any(|member| matches!(member.state, State::Master(_))) {
        return;
    }
    for member in members {
        member.handle(now, if down { Input::HandOver } else { Input::TakeOver });
    }
}

/// Handles expired master down timers.
fn fire(now: Instant, members: &mut [&mut VirtualRouter], complete: bool) {
    let due: Vec<(usize, Reason)> = members
        .iter()
        .enumerate()
        .filter_map(|(index, member)| Some((index, member.due(now)?)))
        .collect();
    if due.is_empty() {
        return;
    }
    let present = |member: &&mut VirtualRouter| !matches!(member.state, State::Init | State::Fault);
    let may = |&(_, expiry): &(usize, Reason)| {
        let blocks = |other: &&mut VirtualRouter| match expiry {
            Reason::Preempted => other.followed(now).is_some(),
            _ => other.follows_no_lower(now),
        };
        !members.iter().any(blocks)
    };
    if complete && members.iter().all(present) && due.iter().any(may) {
        for member in members {
            member.handle(now, Input::TakeOver);
        }
    } else {
        for (index, _) in due {
            members[index].handle(now, Input::Wait);
        }
    }
}

impl VirtualRouter {
    /// Adds the router to a sync group or removes it. Settle a removed router as a group of one,
    /// which ends a fault of its group.
    pub fn set_grouped(&mut self, grouped: bool) {
        self.grouped = grouped;
        self.yielded = false;
    }

    /// Priority of the master whose adverts restart the master down timer.
    fn followed(&self, now: Instant) -> Option<u8> {
        let State::Backup(backup) = self.state else {
            return None;
        };
        let heard = self.last_heard?;
        let holds = backup.expiry == Reason::MasterTimeout
            && heard.at >= backup.armed_at
            && now < backup.down_at;
        holds.then_some(heard.priority)
    }

    fn follows_no_lower(&self, now: Instant) -> bool {
        self.followed(now).is_some_and(|priority| priority >= self.priority)
    }

    /// Reason of a takeover at the expiry of the master down timer.
    pub fn due(&self, now: Instant) -> Option<Reason> {
        match self.state {
            State::Backup(backup) if self.grouped && backup.down_at <= now => Some(backup.expiry),
            _ => None,
        }
    }

    pub(super) fn take_over_with_group(&mut self, now: Instant, backup: Backup) {
        let reason = if backup.down_at <= now { backup.expiry } else { Reason::GroupTookOver };
        self.take_over(now, reason);
    }

    /// Restarts the timer with the full interval; adverts from before `now` no longer count.
    pub(super) fn wait_for_group(&mut self, now: Instant, backup: Backup) {
        let down_at = now + self.master_down_interval();
        self.state = State::Backup(Backup { down_at, armed_at: now, ..backup });
    }

    /// Makes the router a backup with an expired timer: the group decides.
    pub(super) fn become_due(&mut self, now: Instant, reason: Reason, expiry: Reason) {
        let from = self.role();
        self.interval = self.settings.interval;
        self.state =
            State::Backup(Backup { down_at: now, armed_at: now, expiry, follow_until: None });
        self.outputs.push_back(Output::Transition { from, to: self.role(), reason });
    }
}
