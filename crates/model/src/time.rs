//! The one time type of the pure rooms: microseconds of the boot clock.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time: microseconds since boot (CLOCK_BOOTTIME), the clock the kernel program stamps
/// with.
///
/// Only `clock.rs` makes one from a real clock; tests and the simulation make their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Nanoseconds since boot, as the maps hold them.
    pub const fn as_nanos(self) -> u64 {
        self.0.saturating_mul(1_000)
    }

    /// From nanoseconds since boot, rounded down.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos / 1_000)
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub const fn saturating_since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates at the end of time.
    fn add(self, rhs: Duration) -> Instant {
        let micros = u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(micros))
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    /// Saturates at boot.
    fn sub(self, rhs: Duration) -> Instant {
        let micros = u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_sub(micros))
    }
}
