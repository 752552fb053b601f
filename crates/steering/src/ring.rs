//! A service's rings: membership, rollout and precomputed rings. Pure: the same members give the
//! same ring on every node.

mod membership;
mod precomputed;
mod rollout;

use std::collections::BTreeMap;
use std::sync::Arc;

use vrrp_common::maglev::{self, Member, TooManyMembers};
use vrrp_common::maps::{NO_BACKEND, RING_CHANGED, Ring};

pub use membership::{Candidate, Membership, Serving};
pub use precomputed::Likely;
pub use rollout::{Drain, Found, GRACE, Next, RingRollout, RingUpdate};

/// A ring and its data for status.
#[derive(Clone)]
pub struct RingTable {
    pub ring: Arc<Ring>,
    /// Equal on two nodes if both choose the same backend for every flow.
    pub digest: u64,
    /// Slots by backend number.
    slots: BTreeMap<u16, u32>,
    members: Vec<Member>,
}

impl RingTable {
    /// # Errors
    /// More members than a ring can hold.
    pub fn new(members: &[Member]) -> Result<Self, TooManyMembers> {
        let mut ring = Arc::new(Ring::EMPTY);
        maglev::fill(&mut Arc::make_mut(&mut ring).0, members)?;
        Ok(Self::of(ring, members))
    }

    /// The plan of a ring that is already in use, with `members` as far as they are known. Marks
    /// are removed.
    pub fn found(mut ring: Arc<Ring>, members: &[Member]) -> Self {
        for slot in &mut Arc::make_mut(&mut ring).0 {
            *slot &= !RING_CHANGED;
        }
        Self::of(ring, members)
    }

    fn of(ring: Arc<Ring>, members: &[Member]) -> Self {
        let names: BTreeMap<u16, _> =
            members.iter().map(|member| (member.index, (member.address, member.port))).collect();
        let digest =
            maglev::digest(&ring.0, |index| names.get(&index).copied().unwrap_or_default());
        let mut slots = BTreeMap::new();
        for &number in ring.0.iter().filter(|&&number| number != NO_BACKEND) {
            *slots.entry(number).or_default() += 1;
        }
        Self { ring, digest, slots, members: members.to_vec() }
    }

    /// Whether these members give this ring, so that it need not be computed again.
    pub fn is_of(&self, members: &[Member]) -> bool {
        self.members == members
    }

    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Number of slots with the backend `index`.
    pub fn slots(&self, index: u16) -> u32 {
        self.slots.get(&index).copied().unwrap_or(0)
    }

    /// Backends that have slots.
    pub fn named(&self) -> impl Iterator<Item = u16> {
        self.slots.keys().copied()
    }
}

/// Members sorted by address and port, independent of their order in the configuration.
fn ordered(members: impl Iterator<Item = Member>) -> Vec<Member> {
    let mut members: Vec<Member> = members.collect();
    members.sort_unstable_by_key(|member| (member.address, member.port));
    members
}

#[cfg(test)]
mod tests;
