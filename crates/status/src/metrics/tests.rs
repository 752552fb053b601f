use super::*;
use crate::sample::sample;

/// A label pair of the sample's only virtual router.
const VI_1: &str = r#"instance="VI_1",interface="eth1",vrid="51""#;

fn page() -> String {
    render(&sample()).unwrap()
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "no line {line}\nin\n{text}");
}

#[test]
fn the_exact_text_of_an_idle_node() {
    let mut status = sample();
    status.routers.clear();
    status.services.clear();
    status.upstreams.clear();
    status.flips = Default::default();
    status.scripts.clear();
    let text = render(&status).unwrap();
    let samples: Vec<_> = text.lines().filter(|line| !line.starts_with("# ")).collect();
    assert_eq!(
        samples,
        [
            r#"vrrp_build_info{version="0.1.0",node="node1"} 1"#,
            "process_start_time_seconds 1699999000.5",
            "vrrp_config_last_reload_successful 1.0",
            "vrrp_config_last_reload_success_timestamp_seconds 1699999000.5",
            r#"vrrp_resource_shortages_total{what="backend_check"} 2"#,
            r#"vrrp_resource_shortages_total{what="connection"} 0"#,
            r#"vrrp_resource_shortages_total{what="script"} 0"#,
            r#"vrrp_election_thread_degraded{what="locked_memory"} 0"#,
            r#"vrrp_election_thread_degraded{what="cpu_affinity"} 0"#,
            r#"vrrp_election_thread_degraded{what="realtime_scheduling"} 1"#,
            "vrrp_election_wakeup_lateness_seconds_sum 0.25",
            "vrrp_election_wakeup_lateness_seconds_count 43",
            r#"vrrp_election_wakeup_lateness_seconds_bucket{le="0.0001"} 40"#,
            r#"vrrp_election_wakeup_lateness_seconds_bucket{le="0.001"} 42"#,
            r#"vrrp_election_wakeup_lateness_seconds_bucket{le="+Inf"} 43"#,
            "vrrp_election_wakeup_lateness_max_seconds 0.2125",
            "vrrp_transitions_dropped_total 0",
            r#"vrrp_interface_up{interface="eth1"} 1"#,
            r#"vrrp_xdp_info{interface="eth1",mode="generic",prog_id="17"} 1"#,
            r#"vrrp_xdp_packets_total{interface="eth1",verdict="drop"} 3"#,
            r#"vrrp_xdp_packets_total{interface="eth1",verdict="pass"} 10"#,
            r#"vrrp_xdp_packets_total{interface="eth1",verdict="redirect"} 0"#,
            r#"vrrp_xdp_packets_total{interface="eth1",verdict="tx"} 4"#,
            r#"vrrp_advertisements_dropped_total{interface="eth1",reason="auth"} 0"#,
            r#"vrrp_advertisements_dropped_total{interface="eth1",reason="ttl"} 3"#,
            r#"vrrp_notify_commands_total{outcome="failed"} 1"#,
            r#"vrrp_notify_commands_total{outcome="left_out"} 0"#,
            r#"vrrp_notify_commands_total{outcome="not_started"} 0"#,
            r#"vrrp_notify_commands_total{outcome="succeeded"} 4"#,
            r#"vrrp_notify_commands_total{outcome="timed_out"} 0"#,
            r#"vrrp_notify_fifo_lines_total{outcome="dropped"} 0"#,
            r#"vrrp_notify_fifo_lines_total{outcome="written"} 3"#,
            r#"vrrp_notify_mails_total{outcome="failed"} 0"#,
            r#"vrrp_notify_mails_total{outcome="left_out"} 0"#,
            r#"vrrp_notify_mails_total{outcome="sent"} 2"#,
        ]
    );
    assert!(text.starts_with(
        "# HELP vrrp_build Version of the agent and name of the node.\n# TYPE vrrp_build info\n"
    ));
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn a_state_is_one_of_a_complete_set() {
    let text = page();
    for (state, value) in
        [("init", 0), ("backup", 0), ("master", 1), ("releasing", 0), ("fault", 0)]
    {
        has(&text, &format!("vrrp_instance_state{{{VI_1},state=\"{state}\"}} {value}"));
        has(&text, &format!("vrrp_instance_transitions_total{{{VI_1},to=\"{state}\"}} {value}"));
    }
    for (state, value) in [("good", 0), ("bad", 1), ("unknown", 0)] {
        has(&text, &format!("vrrp_script_state{{script=\"chk_nginx\",state=\"{state}\"}} {value}"));
    }
}

#[test]
fn every_number_of_a_virtual_router_is_exported() {
    let text = page();
    for (name, label, value) in [
        ("instance_priority", ",kind=\"base\"", "100"),
        ("instance_priority", ",kind=\"effective\"", "80"),
        ("instance_last_transition_timestamp_seconds", "", "1700000000.25"),
        ("advertisement_interval_seconds", "", "1.0"),
        ("master_down_interval_seconds", "", "3.609"),
        ("lease_remaining_seconds", "", "2.15"),
        ("instance_last_transition_info", ",reason=\"master timeout\"", "1"),
        ("lease_margin_seconds", "", "1.999"),
        ("lease_margin_min_seconds", "", "-0.25"),
        ("failover_duration_seconds_sum", "", "17.5"),
        ("failover_duration_seconds_count", "", "3"),
        ("fenced", "", "0.0"),
        ("address_installed", ",address=\"192.168.1.249\"", "1"),
        ("address_installed", ",address=\"192.168.1.248\"", "0"),
        ("advertisements_sent_total", "", "193"),
        ("advertisements_received_total", "", "7"),
        ("priority_zero_sent_total", "", "0"),
        ("priority_zero_received_total", "", "1"),
        ("lower_priority_advertisements_received_total", "", "6"),
        ("interval_errors_total", "", "8"),
        ("address_list_errors_total", "", "9"),
        ("message_only_checksum_received_total", "", "11"),
        ("arp_answered_total", "", "4"),
        ("arp_suppressed_total", "", "2"),
        ("vip_dropped_packets_total", "", "5"),
        ("announcements_sent_total", ",kind=\"arp\"", "10"),
    ] {
        has(&text, &format!("vrrp_{name}{{{VI_1}{label}}} {value}"));
    }
    for (bound, count) in [("0.1", 0), ("5.0", 2), ("+Inf", 3)] {
        has(
            &text,
            &format!("vrrp_failover_duration_seconds_bucket{{le=\"{bound}\",{VI_1}}} {count}"),
        );
    }
}

#[test]
fn services_and_their_backends() {
    let text = page();
    has(
        &text,
        r#"vrrp_service_info{service="web",address="192.168.1.249:80",protocol="tcp",digest="00c0ffee00c0ffee"} 1"#,
    );
    has(&text, r#"vrrp_service_generation{service="web"} 2"#);
    has(&text, r#"vrrp_service_draining_seconds{service="web"} 0.0"#);
    has(&text, r#"vrrp_service_marked_slots{service="web"} 0"#);
    has(&text, r#"vrrp_service_quorum_met{service="web"} 1"#);
    has(&text, r#"vrrp_service_sorry{service="web"} 0"#);
    has(&text, r#"vrrp_backend_drained{service="web",backend="192.168.1.205"} 0"#);
    has(&text, r#"vrrp_ring_flip_seconds_bucket{le="0.0001"} 5"#);
    has(&text, "vrrp_ring_flip_seconds_count 6");
    has(
        &text,
        r#"vrrp_instance_events_total{instance="VI_1",interface="eth1",vrid="51",event="fenced"} 1"#,
    );
    for (name, node1, node2) in [
        ("service_packets_total", 9, 0),
        ("service_bytes_total", 900, 0),
        ("backend_up", 1, 0),
        ("backend_usable", 1, 0),
        ("backend_weight", 100, 100),
        ("backend_slots", 16_381, 0),
    ] {
        for (backend, value) in [("192.168.1.205", node1), ("192.168.1.206", node2)] {
            has(&text, &format!("vrrp_{name}{{service=\"web\",backend=\"{backend}\"}} {value}"));
        }
    }
    for (name, value) in [("runs", 20), ("failures", 3), ("timeouts", 1)] {
        has(&text, &format!("vrrp_script_{name}_total{{script=\"chk_nginx\"}} {value}"));
    }
}

#[test]
fn upstreams_and_their_backends() {
    let text = render(&sample()).unwrap();
    has(
        &text,
        "vrrp_upstream_info{upstream=\"php\",address=\"10.0.0.100:9000\",cgroup=\"nginx.service\",balance=\"least-connections\"} 1",
    );
    for (name, value) in
        [("attached", 1), ("connects_total", 61), ("refused_total", 2), ("uncounted_total", 0)]
    {
        has(&text, &format!("vrrp_upstream_{name}{{upstream=\"php\"}} {value}"));
    }
    let of_backend = [
        ("up", [1, 1, 0]),
        ("usable", [1, 1, 0]),
        ("suspect", [0, 1, 0]),
        ("weight", [1, 1, 1]),
        ("in_flight", [4, 1, 0]),
        ("connects_total", [30, 20, 11]),
        ("failures_total", [0, 3, 5]),
    ];
    for (name, values) in of_backend {
        for (host, value) in (22..).zip(values) {
            has(
                &text,
                &format!(
                    "vrrp_upstream_backend_{name}{{upstream=\"php\",backend=\"10.0.0.{host}:9000\"}} {value}"
                ),
            );
        }
    }
}

#[test]
fn a_node_without_a_lease_shows_none() {
    let mut status = sample();
    let router = &mut status.routers[0];
    (router.lease_remaining_ms, router.lease_margin_seconds) = (None, None);
    let text = render(&status).unwrap();
    assert!(
        !text.contains("vrrp_lease_remaining_seconds{")
            && !text.contains("vrrp_lease_margin_seconds{"),
        "{text}"
    );
}

#[test]
fn names_with_quotes_are_escaped() {
    let mut status = sample();
    status.scripts[0].name = "a \"b\" \\ c".to_owned();
    has(&render(&status).unwrap(), r#"vrrp_script_runs_total{script="a \"b\" \\ c"} 20"#);
}
