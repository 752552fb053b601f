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
fn setting_a_timer_again_replaces_its_deadline() {
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
