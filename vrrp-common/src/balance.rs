//! Which backend a new connection goes to: one pass over the members of an upstream, in any order.
//!
//! A suspect (see `socket_maps`) is chosen only where all are suspect.

/// Fewest connections in flight for the weight.
pub const LEAST_CONNECTIONS: u32 = 0;
/// By chance, in proportion to the weight.
pub const WEIGHTED_RANDOM: u32 = 1;

/// A member as it stands for choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub backend: u32,
    /// 0 takes no connection.
    pub weight: u32,
    pub in_flight: u64,
    /// As [`suspect`] gives it.
    pub suspect: u64,
    /// Any number, a new one each time.
    pub random: u32,
}

/// 1 while a backend is suspect, else 0; times are nanoseconds since boot.
///
/// Arithmetic, and a number instead of a truth value: the verifier follows each way through a loop,
/// and remembers on each of them what a branch has taught it. A number that it knows nothing of
/// makes one way of many.
#[inline(always)]
pub const fn suspect(until: u64, now: u64) -> u64 {
    now.wrapping_sub(until) >> 63
}

/// Class of the leader where nobody has been offered yet: below a sound one (0) and a suspect (1).
const NONE_OFFERED: u64 = 2;

/// The best candidate so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    leader: Candidate,
    /// Weights of all that were offered in the leader's class.
    total: u64,
}

impl Choice {
    /// Nobody has been offered.
    pub const NONE: Self = Self {
        leader: Candidate { backend: 0, weight: 0, in_flight: 0, suspect: NONE_OFFERED, random: 0 },
        total: 0,
    };

    /// The backend that was chosen; `None` where nothing that takes connections was offered.
    #[inline(always)]
    pub const fn backend(&self) -> Option<u32> {
        if self.leader.suspect == NONE_OFFERED { None } else { Some(self.leader.backend) }
    }

    /// Offers the next candidate.
    ///
    /// Among equal loads the first offered stays: whoever begins at a random member spreads them.
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
            // Of all offered so far each leads with a chance of its weight out of the total: a
            // reservoir of one.
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
