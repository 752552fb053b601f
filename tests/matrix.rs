//! The interop matrix as data: the programs and their settings, the actions, and the expected
//! observations.

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

/// One side of a duel.
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

/// The action of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Start(Side),
    StartBoth,
    /// SIGTERM.
    Stop(Side),
    /// SIGKILL.
    Kill(Side),
    /// The bridge drops every frame between the two.
    Part,
    /// The bridge works again, just after an advert of this side: the other side's comes next.
    HealAfter(Side),
    /// The virtual address is removed with ip(8).
    RemoveAddress(Side),
    /// A host that is no configured peer sends an advert of priority 254 to this side alone, with
    /// this TTL.
    Forge(Side, u8),
}

/// An expected observation after an action.
#[derive(Debug, Clone)]
pub enum See {
    /// Only this side is master, and stays it.
    Master(Side),
    /// Both are masters, and stay it.
    BothMasters,
    /// Its first advert above priority 0 comes this many milliseconds after the action.
    Takes(Side, RangeInclusive<u64>),
    /// It sends an advert of priority 0.
    Resigns(Side),
    /// It sends no advert until the end of the step.
    Silent(Side),
    /// It claims the address by gratuitous ARP, or by an unsolicited neighbour advertisement.
    Claims(Side),
    /// It does so within this many milliseconds after the action.
    ClaimsWithin(Side, u64),
    /// It has not done so.
    NoClaims(Side),
    /// The sides that answer the client's ARP request or neighbour solicitation.
    Answers(&'static [Side]),
    /// It is not master, but its kernel has the address.
    Holds(Side),
    /// The description of its last advert contains this.
    Wire(Side, &'static str),
    /// Its log contains this, ignoring case.
    Logs(Side, &'static str),
    /// Our agent dropped adverts for this reason and no other.
    Drops(&'static str),
    /// Our agent dropped none.
    NoDrops,
    /// The master down interval that our agent uses, milliseconds.
    Learned(RangeInclusive<u64>),
    /// Our agent's mastership has the same epoch as at the last check; with `false`, a new one.
    SameEpoch,
}

/// An action and the expected observations after it.
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
    /// Our agent; a peer in the cases that test the harness.
    pub us: Speaker,
    pub peer: Speaker,
    /// Our agent's node: node 1 has the lower address.
    pub our_node: Node,
    pub ours: Setup,
    pub theirs: Setup,
    pub steps: Vec<Step>,
    /// A deviation of the peer from the RFC that is seen here.
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
        Self {
            name,
            us: Speaker::Agent,
            peer,
            our_node: Node::Node1,
            ours,
            theirs,
            steps,
            remark: "",
        }
    }

    /// Replaces our agent by another program.
    pub fn instead_of_us(self, us: Speaker) -> Self {
        Self { us, ..self }
    }

    /// Puts our agent on the node with the higher address.
    pub fn on_the_higher_address(self) -> Self {
        Self { our_node: Node::Node2, ..self }
    }

    pub fn remark(self, remark: &'static str) -> Self {
        Self { remark, ..self }
    }

    pub fn node(&self, side: Side) -> Node {
        if side == Ours { self.our_node } else { self.our_node.other() }
    }

    pub fn setup(&self, side: Side) -> &Setup {
        if side == Ours { &self.ours } else { &self.theirs }
    }
}
