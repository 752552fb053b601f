//! When gratuitous ARP is due for one virtual router: bursts after a takeover, and a refresh while master.
//!
//! Pure: [`Schedule::poll`] says how many frames each virtual address gets now; whoever holds the socket sends them.

use std::time::Duration;

use crate::model::Announce;
use crate::time::Instant;

/// After a lower-priority master was heard, its own gratuitous ARP may cross ours: once more shortly after.
const REANNOUNCE_DELAY: Duration = Duration::from_millis(100);

/// Gratuitous ARP of one virtual router. Silent unless started.
#[derive(Debug, Clone)]
pub struct Schedule {
    announce: Announce,
    /// Bursts still to come, earliest first: now, shortly after, and after the configured delay.
    bursts: [Option<Instant>; 3],
    refresh_at: Option<Instant>,
}

impl Schedule {
    pub fn new(announce: Announce) -> Self {
        Self { announce, bursts: [None; 3], refresh_at: None }
    }

    /// We took over: a burst now, a second one after the configured delay, then the refresh.
    pub fn takeover(&mut self, now: Instant) {
        self.bursts = [Some(now), None, self.later(now)];
        self.refresh_at = self.next_refresh(now);
    }

    /// A lower-priority master was heard while we are master: caches may point at it.
    pub fn reannounce(&mut self, now: Instant) {
        self.bursts = [Some(now), Some(now + REANNOUNCE_DELAY), self.later(now)];
    }

    /// Master without having taken over just now (an agent that resumed): the refresh only.
    pub fn resume(&mut self, now: Instant) {
        self.bursts = [None; 3];
        self.refresh_at = self.next_refresh(now);
    }

    /// No longer master: nothing more is sent.
    pub fn stop(&mut self) {
        self.bursts = [None; 3];
        self.refresh_at = None;
    }

    /// When [`Schedule::poll`] has something next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.bursts.iter().flatten().chain(&self.refresh_at).min().copied()
    }

    /// Frames to send for each virtual address now; `None` when nothing is due. Call until it returns `None`.
    ///
    /// Bursts that a stall has made due together are sent as one.
    pub fn poll(&mut self, now: Instant) -> Option<u32> {
        let mut frames = None;
        for burst in &mut self.bursts {
            if burst.is_some_and(|at| at <= now) {
                *burst = None;
                frames = Some(self.announce.repeat);
            }
        }
        if self.refresh_at.is_some_and(|at| at <= now) {
            self.refresh_at = self.next_refresh(now);
            frames = frames.max(Some(self.announce.refresh_repeat));
        }
        frames.filter(|&frames| frames > 0)
    }

    fn later(&self, now: Instant) -> Option<Instant> {
        (!self.announce.delay.is_zero()).then(|| now + self.announce.delay)
    }

    fn next_refresh(&self, now: Instant) -> Option<Instant> {
        (!self.announce.refresh.is_zero()).then(|| now + self.announce.refresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(delay: u32, refresh: u32) -> Schedule {
        Schedule::new(Announce { repeat: 5, delay: SECOND * delay, refresh: SECOND * refresh, refresh_repeat: 2 })
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    /// (milliseconds, frames) of everything due up to `end`.
    fn run(schedule: &mut Schedule, end: u64) -> Vec<(u64, u32)> {
        let mut sent = vec![];
        while let Some(due) = schedule.next_deadline().filter(|&due| due <= at(end)) {
            sent.extend(schedule.poll(due).map(|frames| (due.as_micros() / 1_000, frames)));
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
        assert_eq!(schedule.poll(at(30_000)), Some(5));
        assert_eq!(schedule.poll(at(30_000)), None);
        assert_eq!(schedule.next_deadline(), Some(at(31_000)));
    }
}
