//! Intervals of the election (RFC 9568 section 6.1, RFC 3768 section 6.1), in microseconds.
//!
//! Nothing here is rounded to seconds or centiseconds: at 10 ms adverts a backup's whole advantage
//! over the next priority is 39 microseconds.

use std::time::Duration;

use vrrp_common::lease;

use crate::model::Version;
use crate::time::Instant;

/// The shortest interval the wire can express: one centisecond.
const SHORTEST: Duration = Duration::from_millis(10);

/// How much longer than one interval a releasing master waits for its successor.
const RELEASE_MARGIN: Duration = Duration::from_millis(50);

/// Gratuitous ARP in answer to a lower-priority master is sent at most this often.
const REANNOUNCE_GAP: Duration = Duration::from_secs(1);

/// `Skew_Time`: how much longer a backup of this priority waits than the owner would.
///
/// v2: (256 - priority) / 256 seconds, whatever the interval. v3: (256 - priority) / 256 of
/// `interval`.
pub fn skew(version: Version, priority: u8, interval: Duration) -> Duration {
    let unit = match version {
        Version::V2 => Duration::from_secs(1),
        Version::V3 => interval,
    };
    let micros = micros(unit) * (256 - u64::from(priority)) / 256;
    Duration::from_micros(micros)
}

/// `Master_Down_Interval` (RFC 9568: `Active_Down_Interval`): silence after which a backup takes
/// over.
pub fn master_down_interval(version: Version, priority: u8, interval: Duration) -> Duration {
    interval * 3 + skew(version, priority, interval)
}

/// Until when a master that sent an advert at `sent` surely has no rival: three of its own
/// intervals, skew not counted.
pub fn lease_until(sent: Instant, interval: Duration) -> Instant {
    let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    Instant::from_nanos(lease::lease_until(sent.as_nanos(), nanos))
}

/// How long a releasing master goes on acting if no successor speaks.
///
/// After priority 0 every backup waits its skew time, which is below one interval (in v2 below one
/// second, and no v2 interval is shorter). One interval therefore covers the slowest backup; the
/// margin covers its scheduling and the flight of two adverts. Whoever has not spoken by then does
/// not exist.
pub fn release_bound(interval: Duration) -> Duration {
    interval + RELEASE_MARGIN
}

/// Shortest time between two adverts sent in answer to lower-priority ones (RFC 9568 section 6.4.3
/// sets none; two routers that each hear only some of the other's adverts would answer each other
/// without end).
pub fn readvertise_gap(interval: Duration) -> Duration {
    (interval / 4).max(SHORTEST)
}

/// Shortest time between two re-announcements in answer to lower-priority adverts.
pub fn reannounce_gap(interval: Duration) -> Duration {
    interval.max(REANNOUNCE_GAP)
}

/// The interval a v3 backup adopts from an accepted advert: at least one centisecond, at most four
/// times our own.
///
/// Without the upper bound one forged advert that announces 40.95 s leaves the segment without a
/// master for minutes.
pub fn learned_interval(own: Duration, heard: Duration) -> Duration {
    heard.min(own * 4).max(SHORTEST)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 256)
}

#[cfg(test)]
mod tests {
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
                    skew(Version::V3, priority, interval)
                        > skew(Version::V3, priority + 1, interval)
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
        for (version, interval) in
            [(Version::V2, Duration::from_secs(1)), (Version::V3, CENTISECOND)]
        {
            assert!(
                release_bound(interval) > skew(version, 1, interval) + Duration::from_millis(50)
            );
        }
    }

    #[test]
    fn vc044_learned_interval_is_clamped() {
        let own = Duration::from_millis(100);
        assert_eq!(learned_interval(own, Duration::from_millis(200)), Duration::from_millis(200));
        assert_eq!(learned_interval(own, CENTISECOND * 4095), Duration::from_millis(400));
        assert_eq!(learned_interval(own, Duration::ZERO), CENTISECOND);
    }
}
