//! The only clock read of the agent.

use nix::time::{ClockId, clock_gettime};

use crate::time::Instant;

/// Now on CLOCK_BOOTTIME: the clock that the kernel program stamps with, and the one that keeps counting through a suspend.
///
/// # Panics
/// Where the kernel has no CLOCK_BOOTTIME, which means older than 2.6.39: no kernel with XDP.
pub fn now() -> Instant {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("every kernel with XDP has CLOCK_BOOTTIME");
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec()).unwrap_or(0);
    Instant::from_micros(seconds * 1_000_000 + nanos / 1_000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::now;

    #[test]
    fn time_goes_forward_at_its_pace() {
        let before = now();
        std::thread::sleep(Duration::from_millis(5));
        let passed = now().saturating_since(before);
        assert!(passed >= Duration::from_millis(5), "{passed:?}");
        assert!(passed < Duration::from_secs(5), "{passed:?}");
    }
}
