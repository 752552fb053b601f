//! Timing of the election thread: lateness of wakeups, margins of leases, durations of failovers.
//!
//! The thread records plain numbers, without locks and allocations.

use std::time::Duration;

use crate::Reason;
use vrrp_model::histogram::Histogram;
use vrrp_model::time::Instant;

const LATENESS_BUCKETS: usize = 11;
const FAILOVER_BUCKETS: usize = 12;

const LATENESS: [Duration; LATENESS_BUCKETS] = [
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
];

/// The shortest master down interval is 31 ms, a release with adverts 10 ms apart is over in a skew
/// time below that; version 2 with adverts each second takes 3.6 s.
const FAILOVER: [Duration; FAILOVER_BUCKETS] = [
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

/// Delay from a deadline to its handling.
pub type Lateness = Histogram<LATENESS_BUCKETS>;

pub const fn lateness() -> Lateness {
    Histogram::new(&LATENESS)
}

/// Time left of a lease at its renewal, in microseconds; negative if it had lapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Margins {
    /// End of the lease in force; `None` without one.
    until: Option<Instant>,
    last: Option<i64>,
    least: Option<i64>,
}

impl Margins {
    /// Records that a lease up to `until` is written at `now`: the first of a mastership or a
    /// renewal.
    pub fn renew(&mut self, now: Instant, until: Instant) {
        if let Some(before) = self.until.replace(until) {
            let micros = |time: Instant| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
            let margin = micros(before) - micros(now);
            self.last = Some(margin);
            self.least = Some(self.least.map_or(margin, |least| least.min(margin)));
        }
    }

    /// Records the end of the lease.
    pub fn end(&mut self) {
        self.until = None;
    }

    /// At the last renewal; `None` before the first.
    pub const fn last(&self) -> Option<i64> {
        self.last
    }

    /// Of all renewals.
    pub const fn least(&self) -> Option<i64> {
        self.least
    }
}

/// Durations of takeovers after a master timeout or a release: from the arrival of the old master's
/// last advert until this node has sent its first gratuitous announcements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failovers {
    durations: Histogram<FAILOVER_BUCKETS>,
    /// The old master's last advert, while this node takes over.
    since: Option<Instant>,
}

impl Default for Failovers {
    fn default() -> Self {
        Self { durations: Histogram::new(&FAILOVER), since: None }
    }
}

impl Failovers {
    /// This node became master for `reason`; the last advert of another master arrived at `heard`.
    pub fn begin(&mut self, reason: Reason, heard: Option<Instant>) {
        // Preemption, and a takeover of an address that had no master, end no outage.
        let outage = matches!(reason, Reason::MasterTimeout | Reason::Released);
        self.since = heard.filter(|_| outage);
    }

    /// The first announcements were sent.
    pub fn complete(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            self.durations.record(now.saturating_since(since));
        }
    }

    /// This node is no longer active.
    pub fn give_up(&mut self) {
        self.since = None;
    }

    pub const fn durations(&self) -> &Histogram<FAILOVER_BUCKETS> {
        &self.durations
    }
}

#[cfg(test)]
mod tests;
