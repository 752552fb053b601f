//! Metrics of the data plane: interfaces with the XDP program, services, backends.

use std::collections::BTreeMap;
use std::fmt;

use super::page::{Column, Labels, Page, with};
use crate::{BackendState, BackendStatus, HistogramStatus, InterfaceStatus, ServiceStatus};

const SERVICE_GAUGES: [Column<ServiceStatus, u32>; 3] = [
    (
        "vrrp_service_marked_slots",
        "Changed slots of the ring: their connections are looked up one by one.",
        |service| u32::try_from(service.marked_slots).unwrap_or(u32::MAX),
    ),
    (
        "vrrp_service_quorum_met",
        "1 while the weight of the usable backends reaches the quorum.",
        |service| u32::from(service.quorum_met),
    ),
    ("vrrp_service_sorry", "1 while the sorry server takes all new connections.", |service| {
        u32::from(service.sorry)
    }),
];

const BACKEND_GAUGES: [Column<BackendStatus, u32>; 5] = [
    ("vrrp_backend_up", "1 while its health check passes.", |backend| {
        u32::from(backend.state == BackendState::Up)
    }),
    ("vrrp_backend_usable", "1 while it takes new flows.", |backend| u32::from(backend.usable)),
    ("vrrp_backend_drained", "1 while an order drains it.", |backend| {
        u32::from(backend.drained_seconds.is_some())
    }),
    ("vrrp_backend_weight", "Weight as configured.", |backend| u32::from(backend.weight)),
    ("vrrp_backend_slots", "Its slots in the live ring.", |backend| backend.slots),
];

const BACKEND_COUNTERS: [Column<BackendStatus, u64>; 2] = [
    ("vrrp_service_packets", "Packets steered to the backend.", |backend| backend.packets),
    ("vrrp_service_bytes", "Bytes steered to the backend.", |backend| backend.bytes),
];

pub(super) fn interfaces(page: &mut Page, interfaces: &[InterfaceStatus]) -> fmt::Result {
    page.gauges(
        "vrrp_interface_up",
        "1 while the interface exists, is up and has a carrier.",
        interfaces.iter().map(|interface| (named(interface), u32::from(interface.up))),
    )?;
    page.infos(
        "vrrp_xdp",
        "Attach mode of the XDP program; off if it is not attached.",
        interfaces.iter().map(|interface| {
            let prog_id = interface.xdp.prog_id.map_or_else(String::new, |id| id.to_string());
            with(with(named(interface), "mode", interface.xdp.mode), "prog_id", prog_id)
        }),
    )?;
    page.counters(
        "vrrp_xdp_packets",
        "Packets seen by the XDP program, by verdict.",
        interfaces.iter().flat_map(|i| by_name(i, "verdict", &i.verdicts)),
    )?;
    page.counters(
        "vrrp_advertisements_dropped",
        "Adverts dropped by the XDP program, by the first check that failed.",
        interfaces.iter().flat_map(|i| by_name(i, "reason", &i.dropped_adverts)),
    )
}

fn named(interface: &InterfaceStatus) -> Labels {
    vec![("interface", interface.name.clone())]
}

/// One sample per entry of `counts`, its name in `label`.
fn by_name(
    interface: &InterfaceStatus,
    label: &'static str,
    counts: &BTreeMap<String, u64>,
) -> impl Iterator<Item = (Labels, u64)> {
    counts.iter().map(move |(name, count)| (with(named(interface), label, name), *count))
}

pub(super) fn services(
    page: &mut Page,
    services: &[ServiceStatus],
    flips: &HistogramStatus,
) -> fmt::Result {
    let named = |service: &ServiceStatus| vec![("service", service.name.clone())];
    page.infos(
        "vrrp_service",
        "Address of the service and digest of its live ring; equal digests choose the same backends.",
        services.iter().map(|service| {
            let labels = with(named(service), "address", service.place());
            with(with(labels, "protocol", service.protocol), "digest", &service.digest)
        }),
    )?;
    page.gauges(
        "vrrp_service_generation",
        "Version of the live ring.",
        services.iter().map(|service| (named(service), service.generation)),
    )?;
    page.gauges(
        "vrrp_service_draining_seconds",
        "Time left of the drain, in which older connections keep a backend that gets no new ones; 0 without a drain.",
        services.iter().map(|service| (named(service), service.draining_seconds.unwrap_or(0.0))),
    )?;
    page.gauges(
        "vrrp_service_ring_agrees",
        "1 if the other node has the same ring, and so chooses the same backend for every flow.",
        services.iter().flat_map(|service| {
            service
                .peers
                .iter()
                .map(move |peer| (with(named(service), "node", peer.node), u64::from(peer.agrees)))
        }),
    )?;
    let rows: Vec<_> = services.iter().map(|service| (named(service), service)).collect();
    page.gauge_columns(&SERVICE_GAUGES, &rows)?;
    if flips.buckets.is_empty() {
        // No kernel program, no rings.
        return Ok(());
    }
    page.histogram(
        "vrrp_ring_flip_seconds",
        "Delay from a decision about a service's backends to the ring that steers every packet by it.",
        flips,
    )
}

pub(super) fn backends(page: &mut Page, services: &[ServiceStatus]) -> fmt::Result {
    let mut rows = Vec::new();
    for service in services {
        for backend in &service.backends {
            let labels = vec![("service", service.name.clone())];
            rows.push((with(labels, "backend", backend.name()), backend));
        }
    }
    page.counter_columns(&BACKEND_COUNTERS, &rows)?;
    page.gauge_columns(&BACKEND_GAUGES, &rows)?;
    page.gauges(
        "vrrp_backend_real_path",
        "1 while connections to the virtual address get through to the backend, 0 while they do not; absent while no probe runs.",
        rows.iter().filter_map(|(labels, backend)| {
            backend.real_path.map(|works| (labels.clone(), u32::from(works)))
        }),
    )
}
