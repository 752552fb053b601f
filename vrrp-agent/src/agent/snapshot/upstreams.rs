//! The status of upstreams, from what the loop knows and the socket programs count.

use super::super::observed::Observed;
use crate::effects::Standing;
use vrrp_model::time::Instant;
use vrrp_model::{Upstream, UpstreamBackend};
use vrrp_status::{BackendState, UpstreamBackendStatus, UpstreamStatus};

pub(super) fn upstreams(observed: &Observed, now: Instant) -> Vec<UpstreamStatus> {
    let configured = observed.running.config.upstreams.iter();
    let known = observed.plane.upstreams.iter().zip(observed.upstream_checks.results());
    configured
        .zip(known)
        .map(|(upstream, (standing, health))| status(upstream, standing, health, now))
        .collect()
}

fn status(
    upstream: &Upstream,
    standing: &Standing,
    health: &[Option<bool>],
    now: Instant,
) -> UpstreamStatus {
    let counters = standing.counters.as_ref();
    let outcomes = counters
        .zip(standing.index)
        .map(|(counters, index)| counters.outcomes(index))
        .unwrap_or_default();
    let of = |((backend, place), up): ((&UpstreamBackend, &Option<u32>), &Option<bool>)| {
        let load =
            counters.zip(*place).map(|(counters, place)| counters.load(place)).unwrap_or_default();
        UpstreamBackendStatus {
            address: backend.address,
            weight: backend.weight,
            state: match up {
                None => BackendState::Unknown,
                Some(true) => BackendState::Up,
                Some(false) => BackendState::Down,
            },
            usable: *up == Some(true) && backend.weight > 0,
            suspect: Instant::from_nanos(load.suspect_until) > now,
            in_flight: u64::try_from(load.in_flight).unwrap_or(0),
            connects: load.connects,
            failures: load.failures,
        }
    };
    UpstreamStatus {
        name: upstream.name.clone(),
        address: upstream.address,
        cgroup: upstream.cgroup.to_string(),
        balance: upstream.balance.label().to_owned(),
        attached: standing.unusable.is_none(),
        reason: standing.unusable.clone(),
        connects: outcomes.steered,
        refused: outcomes.refused,
        uncounted: outcomes.uncounted,
        backends: upstream.backends.iter().zip(&standing.places).zip(health).map(of).collect(),
    }
}
