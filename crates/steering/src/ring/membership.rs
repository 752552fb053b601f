//! The members of a service's ring: the usable backends, or the sorry server below the quorum.

use std::time::Duration;

use vrrp_common::maglev::Member;

use super::ordered;

/// A backend, and whether it may take new flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub member: Member,
    /// Up, reachable and not drained.
    pub usable: bool,
    /// It may become usable without an order: it is neither drained nor of weight 0.
    pub precomputed: bool,
}

/// The backends that serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Serving {
    /// The usable backends.
    #[default]
    Backends,
    /// The sorry server alone: the usable backends weigh less than the quorum.
    Sorry,
}

/// The desired members of a service's ring.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Membership {
    /// By address and port; `None` while a check has no result yet: the ring stays as it is.
    pub members: Option<Vec<Member>>,
    pub serving: Serving,
    /// Whether the weight of the usable backends reaches the quorum.
    pub quorum_met: bool,
    /// Backends that are not in the ring and may join it.
    pub spare: Vec<Member>,
    /// How long flows stay with a backend that takes no new ones; zero: not at all.
    pub drain: Duration,
}

impl Membership {
    /// The membership of `candidates`. `sorry` is the sorry server if it is configured and
    /// reachable.
    pub fn new(
        candidates: &[Candidate],
        quorum: u32,
        sorry: Option<Member>,
        drain: Duration,
    ) -> Self {
        let usable = || {
            candidates.iter().filter(|candidate| candidate.usable && candidate.member.weight > 0)
        };
        let weight: u32 = usable().map(|candidate| u32::from(candidate.member.weight)).sum();
        let quorum_met = weight >= quorum;
        let (serving, members) = match sorry {
            Some(sorry) if !quorum_met => (Serving::Sorry, vec![Member { weight: 1, ..sorry }]),
            _ => (Serving::Backends, ordered(usable().map(|candidate| candidate.member))),
        };
        let spare = candidates
            .iter()
            .filter(|candidate| candidate.precomputed && !candidate.usable)
            .map(|candidate| candidate.member);
        Self { members: Some(members), serving, quorum_met, spare: spare.collect(), drain }
    }

    /// The membership before every check has a result.
    pub fn undecided(self) -> Self {
        Self { members: None, ..self }
    }
}
