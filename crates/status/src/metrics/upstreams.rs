//! Metrics of upstreams.

use std::fmt;

use super::page::{Column, Page, with};
use crate::{BackendState, UpstreamBackendStatus, UpstreamStatus};

const COUNTERS: [Column<UpstreamStatus, u64>; 3] = [
    ("vrrp_upstream_connects", "Connections steered to a backend.", |upstream| upstream.connects),
    ("vrrp_upstream_refused", "Connections refused because no backend was usable.", |upstream| {
        upstream.refused
    }),
    (
        "vrrp_upstream_uncounted",
        "Connections steered to a backend but, for lack of memory, not counted as in flight.",
        |upstream| upstream.uncounted,
    ),
];

const BACKEND_COUNTERS: [Column<UpstreamBackendStatus, u64>; 2] = [
    ("vrrp_upstream_backend_connects", "Connections steered to the backend.", |backend| {
        backend.connects
    }),
    (
        "vrrp_upstream_backend_failures",
        "Connections to the backend that were not established or were reset.",
        |backend| backend.failures,
    ),
];

const BACKEND_GAUGES: [Column<UpstreamBackendStatus, u64>; 5] = [
    ("vrrp_upstream_backend_up", "1 while its health check passes.", |backend| {
        u64::from(backend.state == BackendState::Up)
    }),
    ("vrrp_upstream_backend_usable", "1 while it takes new connections.", |backend| {
        u64::from(backend.usable)
    }),
    (
        "vrrp_upstream_backend_suspect",
        "1 while the last failed connection to it is less than a second old.",
        |backend| u64::from(backend.suspect),
    ),
    ("vrrp_upstream_backend_weight", "Weight as configured.", |backend| u64::from(backend.weight)),
    ("vrrp_upstream_backend_in_flight", "Open connections.", |backend| backend.in_flight),
];

pub(super) fn upstreams(page: &mut Page, upstreams: &[UpstreamStatus]) -> fmt::Result {
    let named = |upstream: &UpstreamStatus| vec![("upstream", upstream.name.clone())];
    page.infos(
        "vrrp_upstream",
        "Address, cgroup and balancing of the upstream.",
        upstreams.iter().map(|upstream| {
            let labels = with(
                with(named(upstream), "address", upstream.address),
                "cgroup",
                &upstream.cgroup,
            );
            with(labels, "balance", &upstream.balance)
        }),
    )?;
    page.gauges(
        "vrrp_upstream_attached",
        "1 while connections are steered, 0 while the cgroup or the kernel programs are missing.",
        upstreams.iter().map(|upstream| (named(upstream), u32::from(upstream.attached))),
    )?;
    let rows: Vec<_> = upstreams.iter().map(|upstream| (named(upstream), upstream)).collect();
    page.counter_columns(&COUNTERS, &rows)?;
    let mut rows = Vec::new();
    for upstream in upstreams {
        let labelled =
            |backend: &UpstreamBackendStatus| with(named(upstream), "backend", backend.address);
        rows.extend(upstream.backends.iter().map(|backend| (labelled(backend), backend)));
    }
    page.counter_columns(&BACKEND_COUNTERS, &rows)?;
    page.gauge_columns(&BACKEND_GAUGES, &rows)
}
