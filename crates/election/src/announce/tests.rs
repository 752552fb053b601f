use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn schedule(delay: u32, refresh: u32) -> Schedule {
    paced(Duration::ZERO, delay, refresh)
}

fn paced(interval: Duration, delay: u32, refresh: u32) -> Schedule {
    Schedule::new(Announce {
        repeat: 5,
        interval,
        delay: SECOND * delay,
        refresh: SECOND * refresh,
        refresh_repeat: 2,
    })
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

/// (milliseconds, frames for each address) of everything due up to `end`.
fn run(schedule: &mut Schedule, end: u64) -> Vec<(u64, u32)> {
    let mut sent = vec![];
    while let Some(due) = schedule.next_deadline().filter(|&due| due <= at(end)) {
        let rounds = std::iter::from_fn(|| schedule.poll(due).then_some(())).count() as u32;
        sent.extend((rounds > 0).then_some((due.as_micros() / 1_000, rounds)));
    }
    sent
}

#[test]
fn vc122_a_takeover_is_announced_now_and_again_after_the_delay() {
    let mut schedule = schedule(5, 0);
    assert_eq!(schedule.next_deadline(), None);
    schedule.takeover(at(10));
    assert_eq!(run(&mut schedule, 60_000), [(10, 5), (5_010, 5)]);
    assert_eq!(schedule.next_deadline(), None);
}

#[test]
fn without_delay_there_is_one_burst() {
    let mut schedule = schedule(0, 0);
    schedule.takeover(at(10));
    assert_eq!(run(&mut schedule, 60_000), [(10, 5)]);
}

#[test]
fn a_master_refreshes_until_it_stops() {
    let mut schedule = schedule(1, 10);
    schedule.takeover(at(0));
    assert_eq!(run(&mut schedule, 25_000), [(0, 5), (1_000, 5), (10_000, 2), (20_000, 2)]);
    schedule.stop();
    assert_eq!(run(&mut schedule, 60_000), []);
    schedule.resume(at(60_000));
    assert_eq!(run(&mut schedule, 70_000), [(70_000, 2)]);
}

#[test]
fn vc123_after_a_lower_master_the_caches_are_corrected_thrice() {
    let mut schedule = schedule(5, 0);
    schedule.reannounce(at(0));
    assert_eq!(run(&mut schedule, 60_000), [(0, 5), (100, 5), (5_000, 5)]);
}

#[test]
fn a_stall_does_not_multiply_bursts() {
    let mut schedule = schedule(1, 1);
    schedule.takeover(at(0));
    assert_eq!((0..9).filter(|_| schedule.poll(at(30_000))).count(), 5);
    assert_eq!(schedule.next_deadline(), Some(at(31_000)));
}

#[test]
fn a_paced_burst_goes_out_a_round_at_a_time() {
    let mut schedule = paced(Duration::from_millis(10), 5, 0);
    schedule.takeover(at(0));
    assert_eq!(run(&mut schedule, 1_000), [(0, 1), (10, 1), (20, 1), (30, 1), (40, 1)]);
    schedule.reannounce(at(1_000));
    schedule.poll(at(1_000));
    schedule.stop();
    assert_eq!(schedule.next_deadline(), None, "nothing of a burst is left");
}

#[test]
fn a_burst_that_begins_within_another_does_not_send_faster() {
    let mut schedule = paced(Duration::from_millis(40), 0, 0);
    schedule.reannounce(at(0));
    let sent = run(&mut schedule, 10_000);
    assert_eq!(sent, [(0, 1), (40, 1), (80, 1), (120, 1), (160, 1), (200, 1), (240, 1), (280, 1)]);
}
