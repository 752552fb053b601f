//! A service's ring from its usable backends. Pure: the same members give the same ring on every node.

use vrrp_common::maglev::{self, Member, TooManyMembers};
use vrrp_common::maps::{NO_BACKEND, Ring};

/// A ring ready to be published, and what status shows of it.
#[derive(Clone)]
pub struct Plan {
    pub ring: Box<Ring>,
    /// Equal on two nodes when they choose the same backend for every flow.
    pub digest: u64,
    members: Vec<Member>,
}

impl Plan {
    /// # Errors
    /// More members than a ring can hold.
    pub fn new(members: &[Member]) -> Result<Self, TooManyMembers> {
        let mut ring = Box::new(Ring::EMPTY);
        maglev::fill(&mut ring.0, members)?;
        let member = |index| members.iter().find(|m| m.index == index).map_or_else(Default::default, |m| (m.address, m.port));
        let digest = maglev::digest(&ring.0, member);
        Ok(Self { ring, digest, members: members.to_vec() })
    }

    /// Whether the ring was made of these members: then it need not be made again.
    pub fn is_of(&self, members: &[Member]) -> bool {
        self.members == members
    }

    /// Slots that hold the backend `index`.
    pub fn slots(&self, index: u16) -> usize {
        self.ring.0.iter().filter(|&&slot| slot != NO_BACKEND && slot == index).count()
    }
}
