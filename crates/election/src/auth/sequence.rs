//! Serial numbers of adverts: the time of sending, always increasing.

use std::time::Duration;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Time since 1970 by the wall clock, the only clock that nodes can compare. The caller reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixTime(pub Duration);

impl UnixTime {
    /// Seconds modulo 2^32, as on the wire.
    const fn seconds(self) -> u32 {
        self.0.as_secs() as u32
    }
}

/// The allowed difference between a serial number and the wall clock, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window(u32);

impl Window {
    /// Three intervals, at least 5 s because clocks differ, at most 300 s.
    pub fn of_interval(interval: Duration) -> Self {
        let seconds = interval.saturating_mul(3).as_millis().div_ceil(1000);
        Self(u32::try_from(seconds).unwrap_or(u32::MAX).clamp(5, 300))
    }
}

/// Seconds (32 bits), 1/65536 seconds (16 bits) and a counter (16 bits), compared as serial numbers
/// (RFC 1982 section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serial(u64);

impl Serial {
    /// From its form on the wire.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its form on the wire.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The serial number of a time; its counter is zero.
    pub const fn at(now: UnixTime) -> Self {
        let fraction = ((now.0.subsec_nanos() as u64) << 16) / NANOS_PER_SECOND;
        Self((now.seconds() as u64) << 32 | fraction << 16)
    }

    /// Whether it is later than `other`. Of two numbers 2^63 apart neither is later.
    pub const fn follows(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() > 0
    }

    /// Whether its seconds differ from `now` by at most `window`.
    pub const fn is_within(self, window: Window, now: UnixTime) -> bool {
        let seconds = (self.0 >> 32) as u32;
        now.seconds().wrapping_sub(seconds).cast_signed().unsigned_abs() <= window.0
    }
}

/// Issues serial numbers, each later than the one before.
#[derive(Debug, Default)]
pub struct Sequence {
    last: Option<Serial>,
}

impl Sequence {
    /// The next number: the time, or the last number plus one if the clock has not advanced or was
    /// set back.
    ///
    /// After a step back by more than `window` the numbers follow the clock: receivers accept no
    /// number so far ahead, and ignore marks that are.
    pub fn next(&mut self, now: UnixTime, window: Window) -> Serial {
        let clock = Serial::at(now);
        let next = match self.last {
            Some(last) if !clock.follows(last) && last.is_within(window, now) => {
                Serial(last.0.wrapping_add(1))
            }
            _ => clock,
        };
        self.last = Some(next);
        next
    }
}
