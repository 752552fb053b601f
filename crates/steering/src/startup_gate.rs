//! When a starting agent is ready to take part in the election, as far as its services and
//! upstreams go. Pure.

use std::time::Duration;

use vrrp_model::{Check, CheckKind};

/// Time for starting a check and reporting its result, beyond the check's own timeout.
const SLACK: Duration = Duration::from_millis(250);

/// How long to wait for the first result of every check. A check that hangs longer than a failing
/// one does delays no start.
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
mod tests;
