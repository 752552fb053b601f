//! Intervals of the election (RFC 9568 section 6.1, RFC 3768 section 6.1), in microseconds.
//!
//! Nothing here is rounded to seconds or centiseconds: with an interval of 10 ms one step of
//! priority shortens the skew time by 39 microseconds.

use std::time::Duration;

use vrrp_common::lease;

use vrrp_model::Version;
use vrrp_model::time::Instant;

/// The shortest interval the wire can express: one centisecond.
const SHORTEST: Duration = Duration::from_millis(10);

/// Time beyond one interval that a releasing master waits for its successor.
const RELEASE_MARGIN: Duration = Duration::from_millis(50);

/// Gratuitous ARP in answer to a lower-priority master is sent at most this often.
const REANNOUNCE_GAP: Duration = Duration::from_secs(1);

/// `Skew_Time`: time beyond three intervals that a backup of this priority waits.
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

/// `Master_Down_Interval` (RFC 9568: `Active_Down_Interval`): time without an advert after which a
/// backup takes over.
pub fn master_down_interval(version: Version, priority: u8, interval: Duration) -> Duration {
    interval * 3 + skew(version, priority, interval)
}

/// End of the lease after an advert sent at `sent`: three intervals without skew. No backup that
/// received the advert takes over earlier.
pub fn lease_until(sent: Instant, interval: Duration) -> Instant {
    let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    Instant::from_nanos(lease::lease_until(sent.as_nanos(), nanos))
}

/// Time that a releasing master stays active without a successor.
///
/// After priority 0 every backup waits its skew time, which is below one interval (in v2 below one
/// second, and no v2 interval is shorter). One interval therefore covers the slowest backup; the
/// margin covers its scheduling and the flight of two adverts. A node that has not advertised by
/// then does not exist.
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

/// The interval that a v3 backup learns from an accepted advert: at least one centisecond, at most
/// four times the configured one.
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
mod tests;
