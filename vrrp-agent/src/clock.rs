//! The only clock reads of the agent.

use std::time::SystemTime;

use nix::time::{ClockId, clock_gettime};

use crate::auth::serial::UnixTime;
use crate::time::Instant;

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

/// Now by the wall clock: nothing but the serial numbers of signed adverts, which other nodes
/// compare with theirs. A clock before 1970 is one that was never set.
pub fn unix() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ClockId, clock_gettime, now};

    /// The wall clock can be set; the time since boot cannot.
    #[test]
    fn vc115_time_counts_from_boot_and_not_by_the_wall_clock() {
        let read = |clock| clock_gettime(clock).expect("every kernel has it").tv_sec();
        let (running, wall) = (read(ClockId::CLOCK_MONOTONIC), read(ClockId::CLOCK_REALTIME));
        let ours = i64::try_from(now().as_micros() / 1_000_000).expect("a time");
        assert!(ours >= running, "{ours} s since boot, of which {running} s awake");
        assert!(ours < wall / 2, "{ours} s, as the wall clock's {wall} s");
    }

    #[test]
    fn time_goes_forward_at_its_pace() {
        let before = now();
        std::thread::sleep(Duration::from_millis(5));
        let passed = now().saturating_since(before);
        assert!(passed >= Duration::from_millis(5), "{passed:?}");
        assert!(passed < Duration::from_secs(5), "{passed:?}");
    }
}
