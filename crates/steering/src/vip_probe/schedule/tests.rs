use super::*;
use vrrp_model::CheckKind;

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

fn schedule(fall: u32) -> Schedule {
    let (interval, timeout) = (Duration::from_millis(250), Duration::from_millis(200));
    Schedule::new(
        &Check { interval, timeout, rise: 3, fall, ..Check::new(CheckKind::Tcp { port: None }) },
        at(1_000),
    )
}

/// Everything due up to `end`, with each silence concluded.
fn run(schedule: &mut Schedule, end: u64) -> Vec<(u64, Due, Option<bool>)> {
    let mut seen = Vec::new();
    while schedule.next() <= at(end) {
        let now = schedule.next();
        let due = schedule.poll(now).expect("something is due");
        let news = if due == Due::Silence { schedule.conclude(now, false) } else { None };
        seen.push((now.as_micros() / 1_000, due, news));
    }
    seen
}

#[test]
fn a_frame_is_repeated_once_and_two_silences_make_a_path_broken_independent_of_the_check() {
    let mut schedule = schedule(1);
    let expected = [
        (1_000, Due::Ask, None),
        (1_100, Due::Repeat, None),
        (1_200, Due::Silence, None),
        (1_250, Due::Ask, None),
        (1_350, Due::Repeat, None),
        (1_450, Due::Silence, Some(false)),
        (1_500, Due::Ask, None),
        (1_600, Due::Repeat, None),
        (1_700, Due::Silence, None),
    ];
    assert_eq!(run(&mut schedule, 1_700), expected);
    assert_eq!(schedule.known(), Some(false));
    assert_eq!(schedule.poll(at(1_750)), Some(Due::Ask));
    assert_eq!(schedule.conclude(at(1_760), true), Some(true), "one success is enough");
    assert_eq!(schedule.next(), at(2_000));
}

#[test]
fn a_single_silence_is_no_news() {
    let mut schedule = schedule(1);
    schedule.poll(at(1_000));
    assert_eq!(schedule.conclude(at(1_001), true), Some(true));
    let results = [false, true, false, true, false, false];
    let news = results.map(|works| schedule.conclude(at(1_001), works));
    assert_eq!(news, [None, None, None, None, None, Some(false)]);
}

#[test]
fn the_fall_of_the_check_counts_where_it_is_larger() {
    let mut schedule = schedule(4);
    let news = [(); 5].map(|()| schedule.conclude(at(1_000), false));
    assert_eq!(news, [None, None, None, Some(false), None]);
}

#[test]
fn a_probe_that_was_not_sent_is_no_failure_and_resets_the_others() {
    let mut schedule = schedule(1);
    schedule.poll(at(1_000));
    assert_eq!(schedule.conclude(at(1_000), false), None);
    schedule.poll(at(1_250));
    schedule.excuse(at(1_250));
    assert_eq!((schedule.known(), schedule.next()), (None, at(1_500)));
    assert_eq!([(); 2].map(|()| schedule.conclude(at(1_500), false)), [None, Some(false)]);
    schedule.excuse(at(1_600));
    assert_eq!(schedule.known(), None);
}

#[test]
fn a_late_poll_does_not_send_two_probes_at_once() {
    let mut schedule = schedule(1);
    schedule.poll(at(1_000));
    assert_eq!(schedule.poll(at(9_000)), Some(Due::Repeat));
    assert_eq!(
        (schedule.poll(at(9_000)), schedule.next()),
        (None, at(9_100)),
        "the answer has its time"
    );
    assert_eq!(schedule.poll(at(9_100)), Some(Due::Silence));
    schedule.conclude(at(9_100), false);
    assert_eq!(schedule.poll(at(9_100)), Some(Due::Ask));
    assert_eq!(schedule.poll(at(9_100)), None);
}
