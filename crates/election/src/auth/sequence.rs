//! Serial numbers of adverts: the time of sending, made to grow.

use std::time::Duration;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Time since 1970 as the wall clock has it: nodes can only compare that one. Handed in as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixTime(pub Duration);

impl UnixTime {
    /// Seconds, modulo 2^32 as the wire has them.
    const fn seconds(self) -> u32 {
        self.0.as_secs() as u32
    }
}

/// How far a serial number may be from the wall clock, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window(u32);

impl Window {
    /// Three intervals, but 5 s at least, as clocks are never quite the same, and 300 s at most.
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
    /// From the wire.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// As the wire has it.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// That of the time itself, its counter zero.
    pub const fn at(now: UnixTime) -> Self {
        let fraction = ((now.0.subsec_nanos() as u64) << 16) / NANOS_PER_SECOND;
        Self((now.seconds() as u64) << 32 | fraction << 16)
    }

    /// Whether it is later than `other`. Of two that are 2^63 apart none is.
    pub const fn follows(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() > 0
    }

    /// Whether its seconds are no further from `now` than `window`.
    pub const fn is_within(self, window: Window, now: UnixTime) -> bool {
        let seconds = (self.0 >> 32) as u32;
        now.seconds().wrapping_sub(seconds).cast_signed().unsigned_abs() <= window.0
    }
}

/// Gives out serial numbers, each later than the one before.
#[derive(Debug, Default)]
pub struct Sequence {
    last: Option<Serial>,
}

impl Sequence {
    /// The next one: the time, or the last one plus one where the clock stands or was set back.
    ///
    /// A clock that was set back further than `window` is followed: receivers take no number that
    /// is so far ahead, and forget those that they took.
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
