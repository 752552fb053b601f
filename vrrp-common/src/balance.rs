//! Chooses the backend of a new connection in one pass over the members of an upstream, in any
//! order.
//!
//! A suspect backend (see `socket_maps`) is chosen only if all are suspect.

/// Fewest connections in flight for the weight.
pub const LEAST_CONNECTIONS: u32 = 0;
/// Random, in proportion to the weight.
pub const WEIGHTED_RANDOM: u32 = 1;

/// A member of the upstream with its load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub backend: u32,
    /// 0: it gets no connections.
    pub weight: u32,
    pub in_flight: u64,
    /// As [`suspect`] gives it.
    pub suspect: u64,
    /// A random number, new for each candidate.
    pub random: u32,
}

/// 1 while a backend is suspect, else 0; times are nanoseconds since boot.
///
/// Arithmetic on a number instead of a branch on a `bool`: the verifier follows both sides of a
/// branch in each iteration and keeps a state for each. An unknown number needs one state.
#[inline(always)]
pub const fn suspect(until: u64, now: u64) -> u64 {
    now.wrapping_sub(until) >> 63
}

/// Class of the leader before the first candidate: worse than sound (0) and suspect (1).
const NONE_OFFERED: u64 = 2;

/// The best candidate so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    leader: Candidate,
    /// Sum of the weights offered in the leader's class.
    total: u64,
}

impl Choice {
    /// None has been offered.
    pub const NONE: Self = Self {
        leader: Candidate { backend: 0, weight: 0, in_flight: 0, suspect: NONE_OFFERED, random: 0 },
        total: 0,
    };

    /// The chosen backend; `None` if no candidate with a weight was offered.
    #[inline(always)]
    pub const fn backend(&self) -> Option<u32> {
        if self.leader.suspect == NONE_OFFERED { None } else { Some(self.leader.backend) }
    }

    /// Offers the next candidate.
    ///
    /// Among equal loads the first offered stays: a caller that begins at a random member spreads
    /// them.
    #[inline(always)]
    pub fn offer(&mut self, balance: u32, candidate: Candidate) {
        if candidate.weight == 0 || candidate.suspect > self.leader.suspect {
            return;
        }
        if candidate.suspect < self.leader.suspect {
            *self = Self { leader: candidate, total: u64::from(candidate.weight) };
            return;
        }
        self.total += u64::from(candidate.weight);
        let wins = if balance == WEIGHTED_RANDOM {
            // Weighted reservoir sampling of one: each candidate so far leads with the probability
            // weight / total.
            (u64::from(candidate.random) * self.total) >> 32 < u64::from(candidate.weight)
        } else {
            candidate.in_flight * u64::from(self.leader.weight)
                < self.leader.in_flight * u64::from(candidate.weight)
        };
        if wins {
            self.leader = candidate;
        }
    }
}
