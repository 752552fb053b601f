//! When gratuitous ARP is due for one virtual router: bursts after a takeover, and a refresh while
//! master.
//!
//! Pure: [`Schedule::poll`] returns whether a round, one frame for each virtual address, is due;
//! the owner of the socket sends it. The rounds of a burst are paced: the repetitions of one
//! takeover do not delay the first rounds of a hundred others, and a queue that is full for a
//! moment does not lose all rounds.

use std::time::Duration;

use vrrp_model::Announce;
use vrrp_model::time::Instant;

/// Delay of the repetition after an advert of a lower-priority master, whose own gratuitous ARP may
/// cross this node's.
const REANNOUNCE_DELAY: Duration = Duration::from_millis(100);

/// Gratuitous ARP of one virtual router. Silent unless started.
#[derive(Debug, Clone)]
pub struct Schedule {
    announce: Announce,
    /// Pending bursts: now, shortly after, and after the configured delay.
    bursts: [Option<Instant>; 3],
    refresh_at: Option<Instant>,
    /// Remaining rounds of the present burst, and the time of the next one.
    rounds: u32,
    round_at: Instant,
}

impl Schedule {
    pub fn new(announce: Announce) -> Self {
        Self {
            announce,
            bursts: [None; 3],
            refresh_at: None,
            rounds: 0,
            round_at: Instant::default(),
        }
    }

    /// A takeover: a burst now, a second one after the configured delay, then the refresh.
    pub fn takeover(&mut self, now: Instant) {
        self.stop();
        self.bursts = [Some(now), None, self.later(now)];
        self.refresh_at = self.next_refresh(now);
    }

    /// An advert of a lower-priority master: neighbour caches may point at it.
    pub fn reannounce(&mut self, now: Instant) {
        self.bursts = [Some(now), Some(now + REANNOUNCE_DELAY), self.later(now)];
    }

    /// Master without a takeover (a resumed mastership): the refresh only.
    pub fn resume(&mut self, now: Instant) {
        self.stop();
        self.refresh_at = self.next_refresh(now);
    }

    /// No longer master: sends nothing more.
    pub fn stop(&mut self) {
        *self = Self::new(self.announce);
    }

    /// Time of the next round.
    pub fn next_deadline(&self) -> Option<Instant> {
        let round = (self.rounds > 0).then_some(self.round_at);
        self.bursts.into_iter().chain([self.refresh_at, round]).flatten().min()
    }

    /// Whether a round is due now. Call until it returns false.
    ///
    /// Bursts that are due at the same time, for example after a stall, count as one.
    pub fn poll(&mut self, now: Instant) -> bool {
        for burst in &mut self.bursts {
            if burst.is_some_and(|at| at <= now) {
                *burst = None;
                begin(&mut self.rounds, &mut self.round_at, self.announce.repeat, now);
            }
        }
        if self.refresh_at.is_some_and(|at| at <= now) {
            self.refresh_at = self.next_refresh(now);
            begin(&mut self.rounds, &mut self.round_at, self.announce.refresh_repeat, now);
        }
        if self.rounds == 0 || now < self.round_at {
            return false;
        }
        self.rounds -= 1;
        self.round_at = now + self.announce.interval;
        true
    }

    fn later(&self, now: Instant) -> Option<Instant> {
        (!self.announce.delay.is_zero()).then(|| now + self.announce.delay)
    }

    fn next_refresh(&self, now: Instant) -> Option<Instant> {
        (!self.announce.refresh.is_zero()).then(|| now + self.announce.refresh)
    }
}

/// Ensures at least that many rounds from now on; a due round stays due.
fn begin(rounds: &mut u32, round_at: &mut Instant, wanted: u32, now: Instant) {
    if *rounds == 0 {
        *round_at = now;
    }
    *rounds = wanted.max(*rounds);
}

#[cfg(test)]
mod tests;
