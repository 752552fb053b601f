//! The timer of the thread's next deadline.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::time::Instant;

/// A timerfd on the clock that deadlines are in, set to points in time.
///
/// A time limit of `poll` would be less exact in three ways. It is relative: what passes between
/// reading the clock and going to sleep is added to it. It counts on CLOCK_MONOTONIC, which stands
/// still in a suspend: a woken node would sleep on although its deadline has passed. And without
/// real-time scheduling the kernel may stretch it by the thread's timer slack, 50 us.
pub struct Timer(TimerFd);

impl Timer {
    pub fn new() -> Result<Self, Errno> {
        TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)
            .map(Self)
    }

    /// Readable from `deadline` on, at once where that has passed; never for `None`. Forgets an
    /// expiry that nobody read.
    pub fn set(&self, deadline: Option<Instant>) -> Result<(), Errno> {
        let Some(deadline) = deadline else {
            return self.0.unset();
        };
        // The kernel takes zero for "never".
        let since_boot = Duration::from_micros(deadline.as_micros().max(1));
        self.0.set(
            Expiration::OneShot(TimeSpec::from(since_boot)),
            TimerSetTimeFlags::TFD_TIMER_ABSTIME,
        )
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;
    use crate::clock;

    /// Waits at most `limit` for `timer` to be readable.
    fn expires(timer: &Timer, limit: Duration) -> bool {
        let mut fds = [PollFd::new(timer.as_fd(), PollFlags::POLLIN)];
        let limit = PollTimeout::try_from(limit).expect("fits");
        poll(&mut fds, limit).expect("a poll") == 1
    }

    #[test]
    fn it_expires_at_its_time_and_never_before() {
        let timer = Timer::new().expect("a timer");
        for millis in [1, 7, 30] {
            let deadline = clock::now() + Duration::from_millis(millis);
            timer.set(Some(deadline)).expect("set");
            assert!(expires(&timer, Duration::from_secs(10)));
            assert!(clock::now() >= deadline);
        }
    }

    #[test]
    fn a_time_that_has_passed_expires_at_once() {
        let timer = Timer::new().expect("a timer");
        for deadline in [Instant::default(), clock::now() - Duration::from_secs(1), clock::now()] {
            timer.set(Some(deadline)).expect("set");
            assert!(expires(&timer, Duration::from_secs(10)));
        }
    }

    #[test]
    fn set_anew_it_forgets_what_it_was_set_to() {
        let timer = Timer::new().expect("a timer");
        timer.set(Some(clock::now())).expect("set");
        assert!(expires(&timer, Duration::from_secs(10)));
        timer.set(Some(clock::now() + Duration::from_secs(3_600))).expect("set");
        assert!(!expires(&timer, Duration::from_millis(20)));
        timer.set(Some(clock::now())).expect("set");
        timer.set(None).expect("unset");
        assert!(!expires(&timer, Duration::from_millis(20)));
        timer.set(Some(Instant::from_micros(u64::MAX))).expect("the end of time is a time");
    }
}
