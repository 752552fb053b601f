use super::*;

#[test]
fn the_first_result_decides() {
    assert_eq!(Hysteresis::new(3, 3).record(true), Some(true));
    assert_eq!(Hysteresis::new(3, 3).record(false), Some(false));
}

#[test]
fn fall_failures_in_a_row_take_it_down_and_rise_successes_bring_it_back() {
    let mut health = Hysteresis::new(2, 3);
    let results = [true, false, false, true, false, false, false, false, true, false, true, true];
    let changes = results.map(|ok| health.record(ok));
    let mut expected = [None; 12];
    expected[0] = Some(true);
    expected[6] = Some(false);
    expected[11] = Some(true);
    assert_eq!(changes, expected);
    assert_eq!(health.up(), Some(true));
}

#[test]
fn zero_counts_as_one() {
    let mut health = Hysteresis::new(0, 0);
    assert_eq!(health.record(true), Some(true));
    assert_eq!(health.record(false), Some(false));
    assert_eq!(health.record(true), Some(true));
}
