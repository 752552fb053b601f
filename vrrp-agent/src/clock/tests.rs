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
