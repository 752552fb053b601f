//! The interop matrix as data: who meets whom with which settings, what is done to them, and what
//! must then be seen.

pub mod carriers;
pub mod frr;
pub mod keepalived;
pub mod peers;
pub mod run;

use std::ops::RangeInclusive;
use std::time::Duration;

use vrrp_tests::Node;
use vrrp_tests::duel::{Setup, Speaker};

/// An interval that leaves time to heal a partition between two adverts.
pub const SLOW: Duration = Duration::from_millis(300);

/// One of the two in a duel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Our agent.
    Ours,
    /// Its peer.
    Theirs,
}

use Side::{Ours, Theirs};

impl Side {
    pub const BOTH: [Self; 2] = [Ours, Theirs];

    pub fn word(self) -> &'static str {
        if self == Ours { "ours" } else { "theirs" }
    }
}

/// What is done in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Start(Side),
    StartBoth,
    /// SIGTERM.
    Stop(Side),
    /// SIGKILL.
    Kill(Side),
    /// The bridge loses every frame between the two.
    Part,
    /// The bridge works again, just after an advert of this side: the other side's comes next.
    HealAfter(Side),
    /// The virtual address is deleted by hand.
    RemoveAddress(Side),
    /// A host that is nobody's peer sends an advert of priority 254 to this side alone, with this
    /// time to live.
    Forge(Side, u8),
}

/// What must be seen after an act.
#[derive(Debug, Clone)]
pub enum See {
    /// This side alone is master, and stays it.
    Master(Side),
    /// Both are masters, and stay it.
    BothMasters,
    /// Its first advert above priority 0 comes this many milliseconds after the act.
    Takes(Side, RangeInclusive<u64>),
    /// It sends an advert of priority 0.
    Resigns(Side),
    /// It sends no advert for the whole time.
    Silent(Side),
    /// It claims the address by gratuitous ARP, or by an unsolicited neighbour advertisement.
    Claims(Side),
    /// It does so within this many milliseconds after the act.
    ClaimsWithin(Side, u64),
    /// It has not done so.
    NoClaims(Side),
    /// Who answers the client's ARP or neighbour solicitation.
    Answers(&'static [Side]),
    /// Though it is not master, its kernel holds the address.
    Holds(Side),
    /// Its last advert, in words, has this in it.
    Wire(Side, &'static str),
    /// Its log has this, in whatever case.
    Logs(Side, &'static str),
    /// Our agent dropped adverts for this reason and no other.
    Drops(&'static str),
    /// Our agent dropped none.
    NoDrops,
    /// The master down interval our agent goes by, milliseconds.
    Learned(RangeInclusive<u64>),
    /// Our agent's mastership is the one it had at the last look at it; a new one with `false`.
    SameEpoch,
}

/// An act and what must be seen after it.
#[derive(Debug, Clone)]
pub struct Step {
    pub act: Act,
    pub sees: Vec<See>,
}

pub fn step(act: Act, sees: impl Into<Vec<See>>) -> Step {
    Step { act, sees: sees.into() }
}

/// One row of the matrix.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: &'static str,
    /// Our agent; a peer where the harness itself is looked at.
    pub us: Speaker,
    pub peer: Speaker,
    /// Where our agent is: node 1 has the lower address.
    pub seat: Node,
    pub ours: Setup,
    pub theirs: Setup,
    pub steps: Vec<Step>,
    /// What the peer does otherwise than the RFC, if that is seen here.
    pub remark: &'static str,
}

impl Case {
    pub fn new(
        name: &'static str,
        peer: Speaker,
        ours: Setup,
        theirs: Setup,
        steps: Vec<Step>,
    ) -> Self {
        Self { name, us: Speaker::Agent, peer, seat: Node::Node1, ours, theirs, steps, remark: "" }
    }

    /// Another speaker takes our agent's place.
    pub fn instead_of_us(self, us: Speaker) -> Self {
        Self { us, ..self }
    }

    /// Our agent gets the higher address.
    pub fn on_the_higher_address(self) -> Self {
        Self { seat: Node::Node2, ..self }
    }

    pub fn remark(self, remark: &'static str) -> Self {
        Self { remark, ..self }
    }

    pub fn node(&self, side: Side) -> Node {
        if side == Ours { self.seat } else { self.seat.other() }
    }

    pub fn setup(&self, side: Side) -> &Setup {
        if side == Ours { &self.ours } else { &self.theirs }
    }
}
