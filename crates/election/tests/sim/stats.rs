//! Observations of runs, summed over seeds.

use std::fmt;
use std::time::Duration;

/// The longest duration of a forbidden situation, as a share of its bound in that run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Longest {
    pub lasted: Duration,
    pub bound: Duration,
}

impl Longest {
    /// Keeps the larger share; bounds differ from run to run, as intervals and flight times do.
    pub fn note(&mut self, lasted: Duration, bound: Duration) {
        if lasted.as_micros() * self.bound.as_micros().max(1)
            > self.lasted.as_micros() * bound.as_micros()
        {
            *self = Self { lasted, bound };
        }
    }
}

impl fmt::Display for Longest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |duration: Duration| duration.as_secs_f64() * 1_000.0;
        write!(f, "{:.3} ms of at most {:.3} ms", millis(self.lasted), millis(self.bound))
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    pub seeds: u64,
    pub events: u64,
    /// Valid adverts that a kernel accepted.
    pub adverts: u64,
    /// Backups that became master.
    pub takeovers: u64,
    /// After the last fault.
    pub without_active: Longest,
    /// Where the links were whole.
    pub two: Longest,
}

impl Stats {
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.adverts += other.adverts;
        self.takeovers += other.takeovers;
        self.without_active.note(other.without_active.lasted, other.without_active.bound);
        self.two.note(other.two.lasted, other.two.bound);
    }
}
