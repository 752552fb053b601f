use super::*;

const CENTISECOND: Duration = Duration::from_millis(10);

fn down_micros(version: Version, priority: u8, interval: Duration) -> u128 {
    master_down_interval(version, priority, interval).as_micros()
}

#[test]
fn vc110_v2_vectors() {
    let second = Duration::from_secs(1);
    assert_eq!(skew(Version::V2, 100, second).as_micros(), 609_375);
    assert_eq!(down_micros(Version::V2, 100, second), 3_609_375);
    assert_eq!(down_micros(Version::V2, 254, second), 3_007_812);
    assert_eq!(down_micros(Version::V2, 100, second * 5), 15_609_375);
}

#[test]
fn vc111_v3_vectors() {
    let second = CENTISECOND * 100;
    assert_eq!(skew(Version::V3, 100, second).as_micros(), 609_375);
    assert_eq!(down_micros(Version::V3, 100, second), 3_609_375);
    assert_eq!(down_micros(Version::V3, 1, second), 3_996_093);
    assert_eq!(down_micros(Version::V3, 254, second), 3_007_812);
    assert_eq!(down_micros(Version::V3, 100, CENTISECOND), 36_093);
    assert_eq!(down_micros(Version::V3, 200, CENTISECOND * 4095), 131_807_812);
}

#[test]
fn vc112_skew_strictly_decreases_with_priority_at_every_interval() {
    for centiseconds in 1..=4095 {
        let interval = CENTISECOND * centiseconds;
        for priority in 1..=254 {
            assert!(
                skew(Version::V3, priority, interval) > skew(Version::V3, priority + 1, interval)
            );
        }
    }
}

#[test]
fn vc113_v3_down_interval_lies_between_three_and_four_intervals() {
    for centiseconds in 1..=4095 {
        let interval = CENTISECOND * centiseconds;
        for priority in 1..=255 {
            let skew = skew(Version::V3, priority, interval);
            assert!(!skew.is_zero() && skew < interval);
            let down = master_down_interval(Version::V3, priority, interval);
            assert!(interval * 3 < down && down < interval * 4);
        }
        assert_eq!(skew(Version::V3, 255, interval).as_micros(), interval.as_micros() / 256);
    }
}

#[test]
fn vc114_centiseconds_are_not_seconds_and_nothing_is_narrowed() {
    let down = master_down_interval(Version::V3, 100, CENTISECOND * 100);
    assert!((3.60..=3.61).contains(&down.as_secs_f64()));
}

#[test]
fn the_lease_ends_before_any_backup_may_take_over() {
    let sent = Instant::from_micros(7);
    for priority in 1..=255 {
        for (version, interval) in
            [(Version::V2, Duration::from_secs(1)), (Version::V3, CENTISECOND)]
        {
            let takeover = sent + master_down_interval(version, priority, interval);
            assert!(lease_until(sent, interval) < takeover);
        }
    }
}

#[test]
fn a_release_outlasts_the_slowest_backup() {
    for (version, interval) in [(Version::V2, Duration::from_secs(1)), (Version::V3, CENTISECOND)] {
        assert!(release_bound(interval) > skew(version, 1, interval) + Duration::from_millis(50));
    }
}

#[test]
fn vc044_learned_interval_is_clamped() {
    let own = Duration::from_millis(100);
    assert_eq!(learned_interval(own, Duration::from_millis(200)), Duration::from_millis(200));
    assert_eq!(learned_interval(own, CENTISECOND * 4095), Duration::from_millis(400));
    assert_eq!(learned_interval(own, Duration::ZERO), CENTISECOND);
}
