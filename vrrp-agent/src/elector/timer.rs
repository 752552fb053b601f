//! The timer of the thread's next deadline.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use vrrp_model::time::Instant;

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
    /// expiry that was not read.
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
mod tests;
