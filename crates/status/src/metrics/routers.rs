//! Metrics of each virtual router.

use std::fmt;

use super::page::{Column, Labels, Page, with};
use crate::RouterStatus;
use vrrp_election::Role;

const GAUGES: [Column<RouterStatus, f64>; 5] = [
    (
        "vrrp_instance_last_transition_timestamp_seconds",
        "Unix time of the last state transition.",
        |router| router.last_transition_unix,
    ),
    ("vrrp_advertisement_interval_seconds", "Advertisement interval in force.", |router| {
        seconds(router.interval_ms)
    }),
    (
        "vrrp_master_down_interval_seconds",
        "Time without an advert of the master after which a backup takes over.",
        |router| seconds(router.master_down_ms),
    ),
    (
        "vrrp_fenced",
        "1 after another master advertised while the lease had lapsed: the node is not active.",
        |router| f64::from(u8::from(router.fenced)),
    ),
    (
        "vrrp_preempt_inhibited",
        "1 after a failover by order: the node does not preempt.",
        |router| f64::from(u8::from(router.standby_seconds.is_some())),
    ),
];

const COUNTERS: [Column<RouterStatus, u64>; 11] = [
    ("vrrp_advertisements_sent", "Adverts sent.", |router| router.adverts_sent),
    ("vrrp_advertisements_received", "Valid adverts received.", |router| router.adverts_received),
    ("vrrp_priority_zero_sent", "Adverts of priority 0 (release) sent.", |router| {
        router.priority_zero_sent
    }),
    ("vrrp_priority_zero_received", "Adverts of priority 0 (release) received.", |router| {
        router.priority_zero_received
    }),
    (
        "vrrp_lower_priority_advertisements_received",
        "Adverts of a lower-priority master received as master: two masters exist.",
        |router| router.lower_priority_adverts,
    ),
    (
        "vrrp_interval_errors",
        "Valid adverts whose interval differs from the configured one.",
        |router| router.interval_errors,
    ),
    (
        "vrrp_address_list_errors",
        "Valid adverts whose address list differs from the configured one.",
        |router| router.address_list_errors,
    ),
    (
        "vrrp_message_only_checksum_received",
        "Valid adverts whose checksum omits the pseudo-header that this node includes.",
        |router| router.message_only_adverts,
    ),
    ("vrrp_arp_answered", "ARP requests for its addresses answered by XDP.", |router| {
        router.arp_answered
    }),
    (
        "vrrp_arp_suppressed",
        "ARP requests for its addresses dropped because the node is not active.",
        |router| router.arp_suppressed,
    ),
    (
        "vrrp_vip_dropped_packets",
        "Packets to its addresses dropped because the node is not active.",
        |router| router.vip_dropped,
    ),
];

pub(super) fn states(page: &mut Page, routers: &[RouterStatus]) -> fmt::Result {
    page.gauges(
        "vrrp_instance_state",
        "1 for the current state of the virtual router, 0 for the others.",
        routers.iter().flat_map(|router| {
            Role::ALL
                .map(|role| (with(instance(router), "state", role), u32::from(role == router.role)))
        }),
    )?;
    page.gauges(
        "vrrp_instance_priority",
        "Priority as configured (base) and with tracking (effective).",
        routers.iter().flat_map(|router| {
            [("base", router.base_priority), ("effective", router.priority)]
                .map(|(kind, value)| (with(instance(router), "kind", kind), u32::from(value)))
        }),
    )?;
    page.gauges(
        "vrrp_address_installed",
        "1 while the kernel holds the virtual address.",
        routers.iter().flat_map(|router| {
            router.addresses.iter().map(|held| {
                (with(instance(router), "address", held.address), u32::from(held.installed))
            })
        }),
    )?;
    page.gauges(
        "vrrp_lease_remaining_seconds",
        "Time left of the master's lease; negative once lapsed, absent without a lease.",
        routers.iter().filter_map(|router| {
            router.lease_remaining_ms.map(|ms| (instance(router), ms as f64 / 1_000.0))
        }),
    )?;
    page.gauge_columns(&GAUGES, &rows(routers))
}

pub(super) fn counters(page: &mut Page, routers: &[RouterStatus]) -> fmt::Result {
    page.counters(
        "vrrp_instance_transitions",
        "State transitions, by the state entered.",
        routers.iter().flat_map(|router| {
            Role::ALL.map(|role| {
                let count = router.transitions.get(&role).copied().unwrap_or(0);
                (with(instance(router), "to", role), count)
            })
        }),
    )?;
    page.counters(
        "vrrp_announcements_sent",
        "Gratuitous announcements sent after a takeover, in frames.",
        routers
            .iter()
            .map(|router| (with(instance(router), "kind", "arp"), router.announcements_sent)),
    )?;
    page.counters(
        "vrrp_instance_events",
        "Other events that the XDP program counts for a virtual router: fences, packets accepted as a backend, drops.",
        routers
            .iter()
            .flat_map(|router| router.events.iter().map(|(event, &count)| (with(instance(router), "event", event), count))),
    )?;
    page.counter_columns(&COUNTERS, &rows(routers))
}

/// Lease margins and durations.
pub(super) fn timing(page: &mut Page, routers: &[RouterStatus]) -> fmt::Result {
    page.infos(
        "vrrp_instance_last_transition",
        "Reason of the last state transition; empty before the first one.",
        routers.iter().map(|router| {
            with(
                instance(router),
                "reason",
                router.last_transition_reason.as_deref().unwrap_or_default(),
            )
        }),
    )?;
    let margins: [Column<RouterStatus, Option<f64>>; 2] = [
        (
            "vrrp_lease_margin_seconds",
            "Time left of the lease at its last renewal; negative if it had lapsed, absent before the first renewal.",
            |router| router.lease_margin_seconds,
        ),
        (
            "vrrp_lease_margin_min_seconds",
            "Minimum of vrrp_lease_margin_seconds since the agent started.",
            |router| router.lease_margin_min_seconds,
        ),
    ];
    for (name, help, margin) in margins {
        page.gauges(
            name,
            help,
            routers.iter().filter_map(|router| Some((instance(router), margin(router)?))),
        )?;
    }
    page.histograms(
        "vrrp_failover_duration_seconds",
        "Takeovers after a master timeout or a release: from the arrival of the master's last advert to the first gratuitous \
         announcements of this node.",
        routers.iter().map(|router| (instance(router), &router.failovers)),
    )
}

fn rows(routers: &[RouterStatus]) -> Vec<(Labels, &RouterStatus)> {
    routers.iter().map(|router| (instance(router), router)).collect()
}

/// The labels that name a virtual router.
fn instance(router: &RouterStatus) -> Labels {
    vec![
        ("instance", router.name.clone()),
        ("interface", router.interface.clone()),
        ("vrid", router.vrid.to_string()),
    ]
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}
