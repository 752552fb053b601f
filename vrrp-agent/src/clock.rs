//! The clock reads of the agent. The lint `disallowed_methods` refuses others.
#![allow(clippy::disallowed_methods, reason = "the one place for them")]

use std::time::SystemTime;

use nix::time::{ClockId, clock_gettime};

use vrrp_election::auth::sequence::UnixTime;
use vrrp_model::time::Instant;

/// Now on CLOCK_BOOTTIME: the clock that the kernel program stamps with, and the one that keeps
/// counting through a suspend.
///
/// # Panics
/// Where the kernel has no CLOCK_BOOTTIME, which means older than 2.6.39: no kernel with XDP.
pub fn now() -> Instant {
    let time =
        clock_gettime(ClockId::CLOCK_BOOTTIME).expect("every kernel with XDP has CLOCK_BOOTTIME");
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec()).unwrap_or(0);
    Instant::from_micros(seconds * 1_000_000 + nanos / 1_000)
}

/// Now by the wall clock, for what people and other nodes read: status, captures, and the serial
/// numbers of signed adverts. It may jump.
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// [`wall`] since 1970. A clock before 1970 was never set: zero.
pub fn unix() -> UnixTime {
    UnixTime(wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// Now for the runtime's timers, which use CLOCK_MONOTONIC only.
pub fn timer() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

#[cfg(test)]
mod tests;
