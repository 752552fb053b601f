//! A status with one of everything, for tests of its output.

use std::collections::BTreeMap;
use std::net::IpAddr;

use vrrp_election::Role;
use vrrp_model::Missing;
use vrrp_model::{Forward, Protocol};

use crate::*;

fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
}

/// A histogram with these bounds and counts, and a count above them.
fn histogram(bounded: &[(f64, u64)], beyond: u64, sum_seconds: f64) -> HistogramStatus {
    let bounded =
        bounded.iter().map(|&(bound, count)| BucketStatus { up_to_seconds: Some(bound), count });
    let buckets = bounded.chain([BucketStatus { up_to_seconds: None, count: beyond }]).collect();
    HistogramStatus { sum_seconds, buckets }
}

fn router() -> RouterStatus {
    RouterStatus {
        name: "VI_1".to_owned(),
        vrid: 51,
        interface: "eth1".to_owned(),
        version: 2,
        role: Role::Master,
        reason: "master down: no advert for 3.609 s".to_owned(),
        standby_seconds: None,
        since_seconds: 192.4,
        last_transition_unix: 1_700_000_000.25,
        last_transition_reason: Some("master timeout".to_owned()),
        priority: 80,
        group: None,
        base_priority: 100,
        tracking: vec![TrackedStatus {
            kind: TrackedKind::Script,
            name: "chk_nginx".to_owned(),
            weight: -20,
            reverse: false,
            state: TrackedState::Bad,
            contributes: -20,
        }],
        master: Some(MasterStatus { source: [192, 168, 1, 205].into(), priority: 80 }),
        master_heard_ms: Some(192_900),
        deadline_ms: Some(650),
        preempt: true,
        peers: vec![[192, 168, 1, 206].into()],
        addresses: vec![
            AddressStatus { address: [192, 168, 1, 249].into(), installed: true },
            AddressStatus { address: [192, 168, 1, 248].into(), installed: false },
        ],
        not_advertised: 0,
        epoch: 3,
        fenced: false,
        lease_remaining_ms: Some(2_150),
        lease_margin_seconds: Some(1.999),
        lease_margin_min_seconds: Some(-0.25),
        failovers: histogram(&[(0.1, 0), (5.0, 2)], 1, 17.5),
        interval_ms: 1_000,
        master_down_ms: 3_609,
        transitions: Role::ALL
            .into_iter()
            .map(|role| (role, u64::from(role == Role::Master)))
            .collect(),
        adverts_sent: 193,
        adverts_received: 7,
        priority_zero_sent: 0,
        priority_zero_received: 1,
        announcements_sent: 10,
        arp_answered: 4,
        arp_suppressed: 2,
        vip_dropped: 5,
        lower_priority_adverts: 6,
        interval_errors: 8,
        address_list_errors: 9,
        message_only_adverts: 11,
        events: counts(&[("fenced", 1)]),
    }
}

fn service() -> ServiceStatus {
    let node1 = BackendStatus {
        address: [192, 168, 1, 205].into(),
        port: None,
        weight: 100,
        forward: Forward::Local,
        state: BackendState::Up,
        real_path: None,
        usable: true,
        drained_seconds: None,
        reason: "connected".to_owned(),
        interface: Some("eth1".to_owned()),
        next_hop: None,
        mac: None,
        slots: 16_381,
        packets: 9,
        bytes: 900,
    };
    let node2 = BackendStatus {
        address: [192, 168, 1, 206].into(),
        forward: Forward::Dr,
        state: BackendState::Down,
        real_path: Some(false),
        usable: false,
        reason: "connection refused".to_owned(),
        next_hop: Some([192, 168, 1, 206].into()),
        mac: Some("02:00:00:00:00:06".to_owned()),
        slots: 0,
        packets: 0,
        bytes: 0,
        ..node1.clone()
    };
    ServiceStatus {
        name: "web".to_owned(),
        address: [192, 168, 1, 249].into(),
        port: 80,
        protocol: Protocol::Tcp,
        digest: "00c0ffee00c0ffee".to_owned(),
        peers: vec![PeerRing {
            node: IpAddr::from([192, 168, 1, 206]),
            digest: "00c0ffee00c0ffee".to_owned(),
            agrees: true,
        }],
        generation: 2,
        draining_seconds: None,
        marked_slots: 0,
        quorum_met: true,
        sorry: false,
        backends: vec![node1, node2],
        packets: 9,
        bytes: 900,
    }
}

fn upstream() -> UpstreamStatus {
    let backend = |host: u8, state: BackendState, counts: [u64; 3]| UpstreamBackendStatus {
        address: ([10, 0, 0, host], 9000).into(),
        weight: 1,
        state,
        usable: state == BackendState::Up,
        suspect: host == 23,
        in_flight: counts[0],
        connects: counts[1],
        failures: counts[2],
    };
    UpstreamStatus {
        name: "php".to_owned(),
        address: ([10, 0, 0, 100], 9000).into(),
        cgroup: "nginx.service".to_owned(),
        balance: "least-connections".to_owned(),
        attached: true,
        reason: None,
        connects: 61,
        refused: 2,
        uncounted: 0,
        backends: vec![
            backend(22, BackendState::Up, [4, 30, 0]),
            backend(23, BackendState::Up, [1, 20, 3]),
            backend(24, BackendState::Down, [0, 11, 5]),
        ],
    }
}

/// A small node with something in every table.
pub fn sample() -> Status {
    Status {
        schema: SCHEMA,
        node: "node1".to_owned(),
        version: "0.1.0".to_owned(),
        pid: 42,
        started_unix: 1_699_999_000.5,
        uptime_seconds: 3_725.0,
        config: "/etc/keepalived/keepalived.conf".to_owned(),
        reload: None,
        election: ElectionStatus {
            missing: vec![MissingStatus {
                what: Missing::RealtimeScheduling,
                reason: "EPERM; needs CAP_SYS_NICE; runs at nice -20".to_owned(),
            }],
            lateness: histogram(&[(0.0001, 40), (0.001, 2)], 1, 0.25),
            lateness_max_seconds: 0.2125,
            transitions_dropped: 0,
        },
        interfaces: vec![InterfaceStatus {
            vlan_tags: VlanTags::Seen,
            name: "eth1".to_owned(),
            index: 2,
            up: true,
            xdp: XdpStatus {
                mode: XdpMode::Generic,
                prog_id: Some(17),
                reason: Some("driver mode: not supported".to_owned()),
            },
            verdicts: counts(&[("pass", 10), ("drop", 3), ("tx", 4), ("redirect", 0)]),
            dropped_adverts: counts(&[("ttl", 3), ("auth", 0)]),
        }],
        routers: vec![router()],
        services: vec![service()],
        upstreams: vec![upstream()],
        flips: histogram(&[(0.0001, 5), (0.001, 1)], 0, 0.0006),
        scripts: vec![ScriptStatus {
            name: "chk_nginx".to_owned(),
            state: ScriptState::Bad,
            last_exit: Some(1),
            last_duration_ms: Some(12),
            runs: 20,
            failures: 3,
            timeouts: 1,
        }],
        shortages: counts(&[("backend_check", 2), ("script", 0), ("connection", 0)]),
        notify_commands: counts(&[
            ("succeeded", 4),
            ("failed", 1),
            ("timed_out", 0),
            ("not_started", 0),
            ("left_out", 0),
        ]),
        notify_lines: counts(&[("written", 3), ("dropped", 0)]),
        notify_mails: counts(&[("sent", 2), ("failed", 0), ("left_out", 0)]),
    }
}
