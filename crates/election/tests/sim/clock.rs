//! The clock of one node. It started at another time than the world's, and runs a little faster or
//! slower.

use std::time::Duration;

use vrrp_model::time::Instant;

use super::rng::Rng;

/// Worse than any quartz crystal in use, in millionths.
const DRIFT: u64 = 200;

const MILLION: u64 = 1_000_000;

#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Its reading when the world began.
    offset: Duration,
    /// Its advance in a million microseconds of the world.
    rate: u64,
}

impl Clock {
    /// The world's own time.
    pub const TRUE: Self = Self { offset: Duration::ZERO, rate: MILLION };

    pub fn random(rng: &mut Rng) -> Self {
        let offset = rng.duration(Duration::ZERO, Duration::from_secs(1_000));
        Self { offset, rate: rng.range(MILLION - DRIFT, MILLION + DRIFT) }
    }

    /// Its reading at a time of the world.
    pub fn local(&self, world: Instant) -> Instant {
        Instant::from_micros(world.as_micros() * self.rate / MILLION) + self.offset
    }

    /// The first time of the world at which this clock shows `local`.
    pub fn world(&self, local: Instant) -> Instant {
        let elapsed = (local - self.offset).as_micros();
        Instant::from_micros((elapsed * MILLION).div_ceil(self.rate))
    }
}
