//! Precomputed rings: the failure or return of a backend then needs a map write but no computation.

use std::sync::Arc;

use vrrp_common::maglev::{Member, TooManyMembers};

use super::{Membership, RingTable, Serving, ordered};

/// Number of plans kept, over all services: 2 MiB.
const MOST: usize = 64;

/// The rings of the memberships that differ by one failure or one return.
#[derive(Default)]
pub struct Likely {
    plans: Vec<Arc<RingTable>>,
    /// The memberships that the plans derive from.
    done: Vec<Membership>,
}

impl Likely {
    /// The plan of these members: a precomputed one, else computed now.
    ///
    /// # Errors
    /// More members than a ring can hold.
    pub fn plan(&self, members: &[Member]) -> Result<Arc<RingTable>, TooManyMembers> {
        match self.plans.iter().find(|plan| plan.is_of(members)) {
            Some(plan) => Ok(Arc::clone(plan)),
            None => RingTable::new(members).map(Arc::new),
        }
    }

    /// Computes up to `count` plans, each for one failure or one return in one of these services,
    /// and drops all others. Returns whether more are left to compute.
    pub fn prepare<'a>(
        &mut self,
        rosters: impl Iterator<Item = &'a Membership> + Clone,
        count: usize,
    ) -> bool {
        if rosters.clone().eq(&self.done) {
            return false;
        }
        self.done.clear();
        let share = MOST / rosters.clone().filter(|roster| roster.members.is_some()).count().max(1);
        let wanted: Vec<Vec<Member>> =
            rosters.clone().flat_map(|roster| neighbours(roster, share)).collect();
        self.plans.retain(|plan| wanted.iter().any(|members| plan.is_of(members)));
        let mut left = count;
        for members in &wanted {
            if self.plans.iter().any(|plan| plan.is_of(members)) {
                continue;
            }
            if left == 0 {
                return true;
            }
            left -= 1;
            // The error of a ring that is too large is returned when that ring is needed.
            self.plans.extend(RingTable::new(members).map(Arc::new));
        }
        self.done = rosters.cloned().collect();
        false
    }
}

/// Up to `most` memberships that differ by one backend, first those without one of the present
/// members: a failure is more urgent than a return. A ring with or without the sorry server is
/// computed when it is needed.
fn neighbours(roster: &Membership, most: usize) -> Vec<Vec<Member>> {
    let members = roster
        .members
        .as_deref()
        .filter(|_| roster.serving == Serving::Backends)
        .unwrap_or_default();
    let without = |gone: usize| {
        let others = members.iter().enumerate().filter(move |(index, _)| *index != gone);
        others.map(|(_, member)| *member).collect()
    };
    let with = |spare: &Member| ordered(members.iter().chain([spare]).copied());
    (0..members.len()).map(without).chain(roster.spare.iter().map(with)).take(most).collect()
}
