//! When gratuitous ARP is due for one virtual router: bursts after a takeover, and a refresh while
//! master.
//!
//! Pure: [`Schedule::poll`] says whether a round, one frame for each virtual address, is due;
//! whoever holds the socket sends it. The rounds of a burst are paced, so that a hundred takeovers
//! at once are not held up by each other's repetitions, and one moment of a full queue somewhere
//! does not cost them all.

use std::time::Duration;

use crate::model::Announce;
use crate::time::Instant;

/// After a lower-priority master was heard, its own gratuitous ARP may cross ours: once more
/// shortly after.
const REANNOUNCE_DELAY: Duration = Duration::from_millis(100);

/// Gratuitous ARP of one virtual router. Silent unless started.
#[derive(Debug, Clone)]
pub struct Schedule {
    announce: Announce,
    /// Bursts still to come: now, shortly after, and after the configured delay.
    bursts: [Option<Instant>; 3],
    refresh_at: Option<Instant>,
    /// Rounds left of what has begun, and when the next one is due.
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

    /// We took over: a burst now, a second one after the configured delay, then the refresh.
    pub fn takeover(&mut self, now: Instant) {
        self.stop();
        self.bursts = [Some(now), None, self.later(now)];
        self.refresh_at = self.next_refresh(now);
    }

    /// A lower-priority master was heard while we are master: caches may point at it.
    pub fn reannounce(&mut self, now: Instant) {
        self.bursts = [Some(now), Some(now + REANNOUNCE_DELAY), self.later(now)];
    }

    /// Master without having taken over just now (an agent that resumed): the refresh only.
    pub fn resume(&mut self, now: Instant) {
        self.stop();
        self.refresh_at = self.next_refresh(now);
    }

    /// No longer master: nothing more is sent.
    pub fn stop(&mut self) {
        *self = Self::new(self.announce);
    }

    /// When [`Schedule::poll`] has something next.
    pub fn next_deadline(&self) -> Option<Instant> {
        let round = (self.rounds > 0).then_some(self.round_at);
        self.bursts.into_iter().chain([self.refresh_at, round]).flatten().min()
    }

    /// Whether a round is due now. Call until it returns false.
    ///
    /// Bursts that a stall has made due together are one, and so are bursts that meet.
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

/// At least so many rounds from now on; a round that is due already stays so.
fn begin(rounds: &mut u32, round_at: &mut Instant, wanted: u32, now: Instant) {
    if *rounds == 0 {
        *round_at = now;
    }
    *rounds = wanted.max(*rounds);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(delay: u32, refresh: u32) -> Schedule {
        paced(Duration::ZERO, delay, refresh)
    }

    fn paced(interval: Duration, delay: u32, refresh: u32) -> Schedule {
        Schedule::new(Announce {
            repeat: 5,
            interval,
            delay: SECOND * delay,
            refresh: SECOND * refresh,
            refresh_repeat: 2,
        })
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    /// (milliseconds, frames for each address) of everything due up to `end`.
    fn run(schedule: &mut Schedule, end: u64) -> Vec<(u64, u32)> {
        let mut sent = vec![];
        while let Some(due) = schedule.next_deadline().filter(|&due| due <= at(end)) {
            let rounds = std::iter::from_fn(|| schedule.poll(due).then_some(())).count() as u32;
            sent.extend((rounds > 0).then_some((due.as_micros() / 1_000, rounds)));
        }
        sent
    }

    #[test]
    fn vc122_a_takeover_is_announced_now_and_again_after_the_delay() {
        let mut schedule = schedule(5, 0);
        assert_eq!(schedule.next_deadline(), None);
        schedule.takeover(at(10));
        assert_eq!(run(&mut schedule, 60_000), [(10, 5), (5_010, 5)]);
        assert_eq!(schedule.next_deadline(), None);
    }

    #[test]
    fn without_delay_there_is_one_burst() {
        let mut schedule = schedule(0, 0);
        schedule.takeover(at(10));
        assert_eq!(run(&mut schedule, 60_000), [(10, 5)]);
    }

    #[test]
    fn a_master_refreshes_until_it_stops() {
        let mut schedule = schedule(1, 10);
        schedule.takeover(at(0));
        assert_eq!(run(&mut schedule, 25_000), [(0, 5), (1_000, 5), (10_000, 2), (20_000, 2)]);
        schedule.stop();
        assert_eq!(run(&mut schedule, 60_000), []);
        schedule.resume(at(60_000));
        assert_eq!(run(&mut schedule, 70_000), [(70_000, 2)]);
    }

    #[test]
    fn vc123_after_a_lower_master_the_caches_are_corrected_thrice() {
        let mut schedule = schedule(5, 0);
        schedule.reannounce(at(0));
        assert_eq!(run(&mut schedule, 60_000), [(0, 5), (100, 5), (5_000, 5)]);
    }

    #[test]
    fn a_stall_does_not_multiply_bursts() {
        let mut schedule = schedule(1, 1);
        schedule.takeover(at(0));
        assert_eq!((0..9).filter(|_| schedule.poll(at(30_000))).count(), 5);
        assert_eq!(schedule.next_deadline(), Some(at(31_000)));
    }

    #[test]
    fn a_paced_burst_goes_out_a_round_at_a_time() {
        let mut schedule = paced(Duration::from_millis(10), 5, 0);
        schedule.takeover(at(0));
        assert_eq!(run(&mut schedule, 1_000), [(0, 1), (10, 1), (20, 1), (30, 1), (40, 1)]);
        schedule.reannounce(at(1_000));
        schedule.poll(at(1_000));
        schedule.stop();
        assert_eq!(schedule.next_deadline(), None, "nothing of a burst is left");
    }

    #[test]
    fn a_burst_that_begins_within_another_does_not_send_faster() {
        let mut schedule = paced(Duration::from_millis(40), 0, 0);
        schedule.reannounce(at(0));
        let sent = run(&mut schedule, 10_000);
        assert_eq!(
            sent,
            [(0, 1), (40, 1), (80, 1), (120, 1), (160, 1), (200, 1), (240, 1), (280, 1)]
        );
    }
}
