//! When a starting agent is ready to stand for election, as far as its services and upstreams go.
//! Pure.

use std::time::Duration;

use crate::model::{Check, CheckKind};

/// What a check may take beyond its own time: to be started, and to be told.
const SLACK: Duration = Duration::from_millis(250);

/// How long to wait for the first result of every check. A check that hangs longer than a failing
/// one may keeps nobody out.
pub fn patience<'a>(checks: impl Iterator<Item = &'a Check>) -> Duration {
    let checked = checks.filter(|check| check.kind != CheckKind::None);
    let longest =
        checked.map(|Check { timeout, fall, .. }| timeout.saturating_mul((*fall).max(1))).max();
    longest.map_or(Duration::ZERO, |longest| longest.saturating_add(SLACK))
}

/// How many backends have no result yet.
pub fn unchecked(health: &[Vec<Option<bool>>]) -> usize {
    health.iter().flatten().filter(|up| up.is_none()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: CheckKind, millis: u64, fall: u32) -> Check {
        let timeout = Duration::from_millis(millis);
        Check { kind, interval: timeout, timeout, rise: 1, fall }
    }

    #[test]
    fn the_slowest_check_is_waited_for_until_it_must_have_failed() {
        let tcp = || CheckKind::Tcp { port: None };
        let patience = |checks: &[Check]| patience(checks.iter());
        assert_eq!(patience(&[]), Duration::ZERO);
        assert_eq!(patience(&[check(CheckKind::None, 60_000, 9)]), Duration::ZERO);
        assert_eq!(
            patience(&[check(tcp(), 200, 3), check(tcp(), 500, 1)]),
            Duration::from_millis(600) + SLACK
        );
        assert_eq!(patience(&[check(tcp(), 200, 0)]), Duration::from_millis(200) + SLACK);
    }

    #[test]
    fn a_bad_result_is_a_result() {
        assert_eq!(unchecked(&[]), 0);
        assert_eq!(unchecked(&[vec![Some(true), Some(false)], vec![]]), 0);
        assert_eq!(unchecked(&[vec![Some(true), None], vec![None]]), 2);
    }
}
