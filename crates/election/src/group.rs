//! Sync groups: virtual routers that are masters together or not at all.
//!
//! A group decides by what its members are, not by what happened to them: [`settle`] is called
//! after every input or timer of a member and gives the others what follows, in the same instant.
//!
//! - One member at fault: the whole group is. Masters release first. All stand again when all are
//!   well.
//! - A member yielded, or stands below a master while others are masters: the others hand over.
//! - Others are masters and nothing speaks against it: a backup takes over at once.
//! - A master down timer ran out: the whole group takes over, unless a member is not there to
//!   (init, fault), or still follows a master that is no lower. Then the timer starts again. So a
//!   peer that lost one segment of several stays what it is on all.
//!
//! To preempt, no member may follow any master any more: the group preempts together.
//!
//! Between the first priority 0 and the successor's first advert a group is half on one node and
//! half on the other; the release bound ([`super::timing::release_bound`]) limits that. Where
//! members' priorities order the nodes differently, the group that fires first wins and stays: no
//! preemption follows, since a member of the other node follows a better master.

use super::VirtualRouter;
use super::event::{Input, Output};
use super::state::{AfterRelease, Backup, Reason, State};
use vrrp_model::time::Instant;

/// Brings a group to agreement; what follows is in the members' outputs. With `complete` false a
/// member is not known yet: it counts as one in init.
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

/// Whose only fault was the group's stands again.
fn recover(now: Instant, members: &mut [&mut VirtualRouter]) {
    for member in members {
        let idle = match member.state {
            State::Fault => true,
            State::Releasing(releasing) => releasing.then == AfterRelease::Fault,
            State::Init | State::Backup(_) | State::Master(_) => false,
        };
        if idle {
            let source = member.source;
            member.handle(now, Input::Startup { source, resume: None });
        }
    }
}

/// Some are masters and some are not: down together where one yielded or is below another master,
/// else up together.
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

/// Acts on the master down timers that have run out.
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
    /// Makes it a member of a sync group, or not. One that stands alone again owes the group
    /// nothing: settle it as a group of one.
    pub fn set_grouped(&mut self, grouped: bool) {
        self.grouped = grouped;
        self.yielded = false;
    }

    /// Priority of the master whose adverts hold the master down timer up.
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

    /// What it means that the master down timer has run out.
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

    /// Whatever held the timer up before now does so no longer.
    pub(super) fn wait_for_group(&mut self, now: Instant, backup: Backup) {
        let down_at = now + self.master_down_interval();
        self.state = State::Backup(Backup { down_at, armed_at: now, ..backup });
    }

    /// A backup whose timer has run out: the group's decision is due.
    pub(super) fn become_due(&mut self, now: Instant, reason: Reason, expiry: Reason) {
        let from = self.role();
        self.interval = self.settings.interval;
        self.state =
            State::Backup(Backup { down_at: now, armed_at: now, expiry, follow_until: None });
        self.outputs.push_back(Output::Transition { from, to: self.role(), reason });
    }
}
