//! The probe times of one path, and its state from the answers. Pure.

use std::time::Duration;

use crate::hysteresis::Hysteresis;
use vrrp_model::Check;
use vrrp_model::time::Instant;

/// A frame may be lost without a fault, and so may its answer.
const FEWEST_FAILURES: u32 = 2;

/// Times and results of one path.
#[derive(Debug, Clone)]
pub struct Schedule {
    interval: Duration,
    timeout: Duration,
    phase: Phase,
    /// Failures in a row that make it broken.
    fall: u32,
    health: Hysteresis,
    /// What is known; `None` while nothing is.
    opinion: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle {
        until: Instant,
    },
    Asked {
        at: Instant,
    },
    /// The answer is waited for until `until`.
    Repeated {
        at: Instant,
        until: Instant,
    },
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Send a first segment.
    Ask,
    /// Send it once more.
    Repeat,
    /// No answer.
    Silence,
}

impl Schedule {
    /// Begins at once, at the interval of the service's check.
    pub fn new(check: &Check, now: Instant) -> Self {
        let fall = check.fall.max(FEWEST_FAILURES);
        Self {
            interval: check.interval,
            timeout: check.timeout,
            phase: Phase::Idle { until: now },
            fall,
            health: unproven(fall),
            opinion: None,
        }
    }

    pub fn opinion(&self) -> Option<bool> {
        self.opinion
    }

    /// When [`Schedule::poll`] has something.
    pub fn next(&self) -> Instant {
        match self.phase {
            Phase::Idle { until } => until,
            Phase::Asked { at } => at + self.timeout / 2,
            Phase::Repeated { until, .. } => until,
        }
    }

    /// What is due; after [`Due::Silence`] the caller concludes.
    pub fn poll(&mut self, now: Instant) -> Option<Due> {
        if now < self.next() {
            return None;
        }
        match self.phase {
            Phase::Idle { .. } => {
                self.phase = Phase::Asked { at: now };
                Some(Due::Ask)
            }
            Phase::Asked { at } => {
                // Also where this comes late: an agent that was held up has heard nothing
                // meanwhile.
                self.phase = Phase::Repeated { at, until: now + self.timeout / 2 };
                Some(Due::Repeat)
            }
            Phase::Repeated { .. } => Some(Due::Silence),
        }
    }

    /// An attempt has ended; `Some` is the opinion when it is another than before.
    pub fn conclude(&mut self, now: Instant, works: bool) -> Option<bool> {
        self.rest(now);
        self.health.record(works);
        let opinion =
            if works { Some(true) } else { self.health.up().filter(|up| !up).or(self.opinion) };
        if opinion == self.opinion {
            return None;
        }
        self.opinion = opinion;
        opinion
    }

    /// An attempt could not be made, which says nothing of the path.
    pub fn excuse(&mut self, now: Instant) {
        self.rest(now);
        self.health = unproven(self.fall);
        self.opinion = None;
    }

    fn rest(&mut self, now: Instant) {
        if let Phase::Asked { at } | Phase::Repeated { at, .. } = self.phase {
            self.phase = Phase::Idle { until: now.max(at + self.interval) };
        }
    }
}

/// Good until a probe fails, as the direct check reports.
fn unproven(fall: u32) -> Hysteresis {
    Hysteresis::new(1, fall).starting(true)
}

#[cfg(test)]
mod tests;
