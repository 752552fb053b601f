//! The probe times of one path, and its state from the answers. Pure.

use std::time::Duration;

use crate::hysteresis::Hysteresis;
use vrrp_model::Check;
use vrrp_model::time::Instant;

/// A frame and its answer may be lost without a fault.
const FEWEST_FAILURES: u32 = 2;

/// Times and results of one path.
#[derive(Debug, Clone)]
pub struct Schedule {
    interval: Duration,
    timeout: Duration,
    phase: Phase,
    /// Failures in a row that make the path broken.
    fall: u32,
    health: Hysteresis,
    /// The known state; `None` if it is unknown.
    known: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle {
        until: Instant,
    },
    Asked {
        at: Instant,
    },
    /// The answer is awaited until `until`.
    Repeated {
        at: Instant,
        until: Instant,
    },
}

/// What is due now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Send a SYN.
    Ask,
    /// Send it again.
    Repeat,
    /// The attempt has no answer.
    Silence,
}

impl Schedule {
    /// Due at once, then at the interval of the service's check.
    pub fn new(check: &Check, now: Instant) -> Self {
        let fall = check.fall.max(FEWEST_FAILURES);
        Self {
            interval: check.interval,
            timeout: check.timeout,
            phase: Phase::Idle { until: now },
            fall,
            health: unproven(fall),
            known: None,
        }
    }

    pub fn known(&self) -> Option<bool> {
        self.known
    }

    /// When [`Schedule::poll`] returns something.
    pub fn next(&self) -> Instant {
        match self.phase {
            Phase::Idle { until } => until,
            Phase::Asked { at } => at + self.timeout / 2,
            Phase::Repeated { until, .. } => until,
        }
    }

    /// What is due; after [`Due::Silence`] the caller concludes the attempt.
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
                // Also if this call is late: a delayed agent has received nothing in the meantime.
                self.phase = Phase::Repeated { at, until: now + self.timeout / 2 };
                Some(Due::Repeat)
            }
            Phase::Repeated { .. } => Some(Due::Silence),
        }
    }

    /// An attempt has ended; `Some` is the new state if it changed.
    pub fn conclude(&mut self, now: Instant, works: bool) -> Option<bool> {
        self.rest(now);
        self.health.record(works);
        let known =
            if works { Some(true) } else { self.health.up().filter(|up| !up).or(self.known) };
        if known == self.known {
            return None;
        }
        self.known = known;
        known
    }

    /// An attempt could not be made. The path's state is then unknown.
    pub fn excuse(&mut self, now: Instant) {
        self.rest(now);
        self.health = unproven(self.fall);
        self.known = None;
    }

    fn rest(&mut self, now: Instant) {
        if let Phase::Asked { at } | Phase::Repeated { at, .. } = self.phase {
            self.phase = Phase::Idle { until: now.max(at + self.interval) };
        }
    }
}

/// Working until a probe fails; the direct check reports the backend.
fn unproven(fall: u32) -> Hysteresis {
    Hysteresis::new(1, fall).starting(true)
}

#[cfg(test)]
mod tests;
