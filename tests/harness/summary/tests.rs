use super::*;

const INTERVAL: Duration = Duration::from_millis(10);

/// A request each 10 ms, answered 1 ms later except for those in `lost`; those in `stalled` are not
/// sent.
fn samples(count: u64, lost: impl Fn(u64) -> bool, stalled: impl Fn(u64) -> bool) -> Vec<Sample> {
    let begin = Instant::now();
    let sample = |n: u64| {
        let sent = begin + INTERVAL * n as u32;
        let outcome = if lost(n) { Err("timeout".to_owned()) } else { Ok("node1".to_owned()) };
        Sample { sent, done: sent + Duration::from_millis(1), outcome }
    };
    (0..count).filter(|n| !stalled(*n)).map(sample).collect()
}

#[test]
fn an_outage_is_the_time_between_two_answers() {
    let summary = Summary::of(&samples(100, |n| (20..50).contains(&n), |_| false), INTERVAL);
    assert_eq!((summary.ok, summary.failed), (70, 30));
    assert!((summary.outage_ms - 310.0).abs() < 0.01, "{}", summary.outage_ms);
}

#[test]
fn without_answers_there_is_one_long_outage() {
    let summary = Summary::of(&samples(100, |_| true, |_| false), INTERVAL);
    assert!((summary.outage_ms - 990.0).abs() < 0.01, "{}", summary.outage_ms);
}

#[test]
fn a_stalled_probe_is_no_outage_of_the_service() {
    let summary = Summary::of(&samples(100, |_| false, |n| (20..50).contains(&n)), INTERVAL);
    assert!((summary.stall_ms - 300.0).abs() < 0.01, "{}", summary.stall_ms);
    assert!((summary.outage_ms - 10.0).abs() < 0.01, "{}", summary.outage_ms);
}
