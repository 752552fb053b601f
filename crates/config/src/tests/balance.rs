//! LVS blocks to services.

use std::time::Duration;

use super::*;
use vrrp_model::{
    Backend, CheckKind, Forward, HttpCheck, HttpRequest, Persistence, Protocol, Service,
};

const ROUTER: &str = "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1\n10.0.0.2 }\n}\n";
const SERVER: &str = "\
virtual_server 10.0.0.1 80 {
    delay_loop 6
    lvs_sched mh
    lvs_method DR
    protocol TCP
    real_server 10.0.0.11 80 {
        weight 3
        HTTP_GET {
            url {
                path /health
            }
            connect_timeout 2
            retry 2
        }
    }
    real_server 10.0.0.12 80 { HTTP_GET { url { path /health } connect_timeout 2
        retry 2
    } }
}
";

fn said(server: &str, mode: Mode) -> Vec<String> {
    lines(&format!("{server}{ROUTER}"), Language::Keepalived, mode)
}

fn services(server: &str, mode: Mode) -> Vec<Service> {
    let (outcome, _) = read(&format!("{server}{ROUTER}"), Language::Keepalived, mode);
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics)).services
}

/// An HTTP_GET of one URL.
fn http(path: &str) -> CheckKind {
    let request = HttpRequest { status: vec![200..=299], ..HttpRequest::new(path) };
    CheckKind::Http(HttpCheck { requests: vec![request], ..HttpCheck::new(None, path) })
}

#[test]
fn a_virtual_server_is_a_service() {
    assert_eq!(said(SERVER, Mode::Strict), [""; 0]);
    let service = &services(SERVER, Mode::Strict)[0];
    assert_eq!(
        (service.name.as_str(), service.port, service.protocol),
        ("10.0.0.1:80", 80, Protocol::Tcp)
    );
    let backends: Vec<_> =
        service.backends.iter().map(|b| (b.address.to_string(), b.weight, b.forward)).collect();
    assert_eq!(
        backends,
        [("10.0.0.11".to_owned(), 3, Forward::Auto), ("10.0.0.12".to_owned(), 1, Forward::Auto)]
    );
    assert_eq!(service.check.kind, http("/health"));
    let check = &service.check;
    assert_eq!((check.interval, check.timeout), (Duration::from_secs(6), Duration::from_secs(2)));
    assert_eq!((check.rise, check.fall), (1, 3));
}

#[test]
fn a_group_is_a_service_for_each_address() {
    let group = "virtual_server_group G {\n10.0.0.1-2 80\n10.0.0.1 443\n}\n";
    let text = format!(
        "{group}{}",
        SERVER.replace("virtual_server 10.0.0.1 80", "virtual_server group G")
    );
    let text = text.replace("real_server 10.0.0.12 80", "real_server 10.0.0.12 443");
    let names: Vec<_> =
        services(&text, Mode::Lenient).into_iter().map(|service| service.name).collect();
    assert_eq!(names, ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.1:443"]);
    let unknown = text.replace("server group G", "server group H");
    assert_eq!(
        said(&unknown, Mode::Lenient)[0],
        "F:5:22: warning: there is no virtual_server_group `H`; this virtual_server is left out"
    );
}

#[test]
fn what_is_not_built_is_left_out_or_said() {
    for (from, to, first, left) in [
        (
            "lvs_method DR",
            "lb_kind TUN type gue port 6080",
            "F:4:22: error: a tunnel of type `gue` is not supported: backends reached so",
            0,
        ),
        (
            "protocol TCP",
            "protocol SCTP",
            "F:5:14: error: SCTP is not supported: this virtual_server",
            0,
        ),
        (
            "protocol TCP",
            "protocol TCP\nquorum 2\nhysteresis 1\nsorry_server 10.0.0.9 80",
            "F:7:12: error: a quorum is gained and lost at the same sum of weights: this hysteresis",
            1,
        ),
        (
            "protocol TCP",
            "protocol TCP\npersistence_granularity 255.255.255.0",
            "F:6:25: error: clients are told apart by their whole addresses: this granularity",
            1,
        ),
        (
            "weight 3",
            "weight 3\nBFD_CHECK { name x }",
            "F:8:1: error: `BFD_CHECK` is not supported: real_server 10.0.0.11 is checked by its other checks alone: this check",
            1,
        ),
        (
            "virtual_server 10.0.0.1 80",
            "virtual_server fwmark 5",
            "F:1:16: error: firewall marks are not supported, XDP comes before them: this virtual_server",
            0,
        ),
        (
            "real_server 10.0.0.11 80",
            "real_server 10.0.0.11 8080",
            "F:6:27: error: backends reached by DR or TUN listen on the service's port, 80: this one",
            1,
        ),
    ] {
        let text = SERVER.replacen(from, to, 1);
        assert_eq!(said(&text, Mode::Strict)[0], first, "{to}");
        assert_eq!(services(&text, Mode::Lenient).len(), left, "{to}");
    }
}

#[test]
fn what_differs_is_a_warning() {
    let udp = SERVER.replace("    protocol TCP\n", "");
    let warnings = said(&udp, Mode::Strict);
    assert_eq!(
        warnings,
        ["F:1:1: warning: without `protocol` this virtual_server is for UDP, as in keepalived"]
    );
    let rr = SERVER.replace("lvs_sched mh", "lb_algo rr");
    let message = "each connection goes to a backend by Maglev hashing, in proportion to the weights, not in turn as `rr` would";
    assert_eq!(said(&rr, Mode::Strict), [format!("F:3:13: warning: {message}")]);
    let elsewhere = SERVER.replace("10.0.0.1 80", "10.9.0.1 80");
    assert_eq!(
        said(&elsewhere, Mode::Lenient)[0],
        "F:1:16: warning: `10.9.0.1` is not a virtual address of any router in this file; this service is not served"
    );
    assert_eq!(
        helps(&format!("{elsewhere}{ROUTER}"), Language::Keepalived, Mode::Lenient)[0],
        "virtual addresses here: 10.0.0.1, 10.0.0.2"
    );
}

#[test]
fn each_way_of_lvs_has_its_own_here() {
    let backends = |text: &str| {
        assert_eq!(said(text, Mode::Strict), [""; 0], "{text}");
        let all: Vec<Backend> = services(text, Mode::Strict).remove(0).backends;
        all.into_iter().map(|backend| (backend.forward, backend.port)).collect::<Vec<_>>()
    };
    let default = SERVER.replace("    lvs_method DR\n", "");
    assert_eq!(backends(&default), [(Forward::Nat, 80); 2]);
    assert_eq!(
        backends(&default.replace("10.0.0.12 80", "10.0.0.12 8080")),
        [(Forward::Nat, 80), (Forward::Nat, 8080)]
    );
    assert_eq!(backends(&SERVER.replace("lvs_method DR", "lb_kind TUN")), [(Forward::Ipip, 80); 2]);
    assert_eq!(
        backends(&SERVER.replace("lvs_method DR", "lb_kind TUN type ipip nocsum")),
        [(Forward::Ipip, 80); 2]
    );
    let mixed = SERVER
        .replace("real_server 10.0.0.11 80 {", "real_server 10.0.0.11 8080 {\nlvs_method NAT");
    assert_eq!(backends(&mixed), [(Forward::Nat, 8080), (Forward::Auto, 80)]);
    let other_family =
        SERVER.replace("real_server 10.0.0.11 80 {", "real_server fd00::11 80 {\nlvs_method TUN");
    assert_eq!(backends(&other_family), [(Forward::Ipip, 80), (Forward::Auto, 80)]);
}

#[test]
fn a_backend_whose_way_is_not_built_is_left_out_alone() {
    let text = SERVER.replace(
        "real_server 10.0.0.11 80 {",
        "real_server 10.0.0.11 80 {\nlvs_method TUN type gre",
    );
    let message = "F:7:21: error: a tunnel of type `gre` is not supported: backends reached so";
    assert_eq!(said(&text, Mode::Strict), [message]);
    let left: Vec<String> =
        services(&text, Mode::Lenient)[0].backends.iter().map(|b| b.address.to_string()).collect();
    assert_eq!(left, ["10.0.0.12"]);
}

#[test]
fn a_client_keeps_its_backend_where_lvs_would_see_to_it() {
    let of = |from: &str, to: &str| {
        services(&SERVER.replace(from, to), Mode::Strict).remove(0).persistence
    };
    // IPVS hashes the source address, and the port where a flag says so.
    assert_eq!(of("lvs_sched mh", "lvs_sched mh"), Persistence::Source);
    assert_eq!(of("lvs_sched mh", "lvs_sched mh\nmh-port"), Persistence::Flow);
    assert_eq!(of("lvs_sched mh", "lvs_sched sh"), Persistence::Source);
    assert_eq!(of("lvs_sched mh", "lvs_sched wrr"), Persistence::Flow);
    assert_eq!(of("lvs_sched mh", "lvs_sched rr\npersistence_timeout"), Persistence::Source);
    assert_eq!(
        of("lvs_sched mh", "lvs_sched mh\nmh-port\npersistence_granularity 255.255.255.255"),
        Persistence::Source
    );
    let timed = SERVER.replace("protocol TCP", "protocol TCP\npersistence_timeout 50");
    let message = "a client keeps its backend as long as that is in the ring: no time is kept, the value has no meaning";
    assert_eq!(said(&timed, Mode::Strict), [format!("F:6:1: warning: {message}")]);
}

#[test]
fn a_sorry_server_takes_the_way_of_its_own_or_of_all() {
    let sorry = |lines: &str| {
        let text = SERVER.replace("protocol TCP", &format!("protocol TCP\n{lines}"));
        assert_eq!(said(&text, Mode::Strict), [""; 0], "{lines}");
        let service = services(&text, Mode::Strict).remove(0);
        let sorry = service.sorry.expect("a sorry server");
        (service.quorum, sorry.address.to_string(), sorry.port, sorry.forward)
    };
    let at = |address: &str| address.to_owned();
    assert_eq!(sorry("sorry_server 10.0.0.9 80"), (1, at("10.0.0.9"), 80, Forward::Auto));
    assert_eq!(sorry("quorum 2\nsorry_server 10.0.0.9"), (2, at("10.0.0.9"), 80, Forward::Auto));
    assert_eq!(
        sorry("sorry_server_lvs_method NAT\nsorry_server 10.0.0.9 8080"),
        (1, at("10.0.0.9"), 8080, Forward::Nat)
    );
    assert_eq!(sorry("sorry_server 127.0.0.1 80"), (1, at("127.0.0.1"), 80, Forward::Local));
    let high = SERVER.replace("protocol TCP", "protocol TCP\nquorum 9\nsorry_server 10.0.0.9");
    assert_eq!(
        said(&high, Mode::Strict),
        ["F:6:8: warning: quorum 9 is above the sum of all weights: it is 4"]
    );
    assert_eq!(services(&high, Mode::Strict)[0].quorum, 4);
    let alone = SERVER.replace("protocol TCP", "protocol TCP\nquorum 2");
    let message =
        "without a sorry server a quorum changes nothing: the backends that are up go on serving";
    assert_eq!(said(&alone, Mode::Strict), [format!("F:6:8: warning: {message}")]);
}

#[test]
fn a_virtual_server_may_have_an_ipv6_address() {
    let router = "vrrp_instance B {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { fd00::1 }\n}\n";
    let server = SERVER.replace("10.0.0.1 80 {", "fd00::1 80 {").replace("10.0.0.1", "fd00::1");
    let text = format!("{router}{server}");
    let service = services(&text, Mode::Strict).remove(0);
    assert_eq!(
        (service.name.as_str(), service.address),
        ("[fd00::1]:80", "fd00::1".parse().unwrap())
    );
    assert_eq!(service.backends[0].address.to_string(), "fd00::11");
    let mixed = text.replace("fd00::12", "10.0.0.12");
    let left_out = "warning: backend `10.0.0.12` is IPv4, and the address of the service IPv6; this backend is left out";
    assert!(said(&mixed, Mode::Lenient).iter().any(|line| line.ends_with(left_out)));
}

#[test]
fn a_udp_service_is_checked_on_the_port_of_its_backends() {
    let udp = SERVER.replace("protocol TCP", "protocol UDP").replace("    lvs_method DR\n", "");
    let port = |text: &str, mode| match services(text, mode).remove(0).check.kind {
        CheckKind::Http(http) => http.port,
        kind => panic!("{kind:?}"),
    };
    let moved =
        udp.replace("10.0.0.11 80", "10.0.0.11 8080").replace("10.0.0.12 80", "10.0.0.12 8080");
    assert_eq!(port(&udp, Mode::Strict), Some(80));
    assert_eq!(port(&moved, Mode::Strict), Some(8080));
    let apart = moved.replace("10.0.0.12 8080", "10.0.0.12 8081");
    assert_eq!(port(&apart, Mode::Strict), Some(8080));
    let service = services(&apart, Mode::Strict).remove(0);
    let second = &service.check_of(1).kind;
    assert!(
        matches!(second, CheckKind::Http(HttpCheck { port: Some(8081), .. })),
        "each on its own port: {second:?}"
    );
}

#[test]
fn a_real_server_has_its_own_check_or_none_and_never_its_neighbours() {
    let checks = |text: &str| {
        let service = services(text, Mode::Strict).remove(0);
        (0..service.backends.len()).map(|index| service.check_of(index).clone()).collect::<Vec<_>>()
    };
    let http = http("/health");
    let same = checks(SERVER);
    assert_eq!((&same[0], &same[0].kind), (&same[1], &http));
    assert_eq!(services(SERVER, Mode::Strict)[0].own_checks.len(), 0);

    let second = "real_server 10.0.0.12 80 { HTTP_GET { url { path /health } connect_timeout 2\n        retry 2\n    } }";
    let without = SERVER.replace(second, "real_server 10.0.0.12 80 {\n}");
    let kinds: Vec<CheckKind> = checks(&without).into_iter().map(|check| check.kind).collect();
    assert_eq!(kinds, [http.clone(), CheckKind::None]);
    let warning =
        "F:16:17: warning: this real_server has no check: it counts as up, whatever becomes of it";
    assert_eq!(said(&without, Mode::Strict), [warning]);

    let other =
        SERVER.replace(second, "real_server 10.0.0.12 80 { delay_loop 9\nTCP_CHECK { connect_port 8080\nconnect_timeout 3 } }");
    assert_eq!(said(&other, Mode::Strict), [""; 0]);
    let [first, second_check] = checks(&other).try_into().expect("two backends");
    assert_eq!((first.kind, first.interval, first.fall), (http.clone(), Duration::from_secs(6), 3));
    assert_eq!(second_check.kind, CheckKind::Tcp { port: Some(8080) });
    let times = (second_check.interval, second_check.timeout, second_check.fall);
    assert_eq!(times, (Duration::from_secs(9), Duration::from_secs(3), 2));

    // The first one without: the order does not matter.
    let first_without = other.replace(
        "real_server 10.0.0.11 80 {",
        "real_server 10.0.0.10 80 {\n}\nreal_server 10.0.0.11 80 {",
    );
    let kinds: Vec<CheckKind> =
        checks(&first_without).into_iter().map(|check| check.kind).collect();
    assert_eq!(kinds, [CheckKind::None, http, CheckKind::Tcp { port: Some(8080) }]);

    let twice = SERVER.replace(
        second,
        "real_server 10.0.0.12 80 {\nTCP_CHECK { }\nTCP_CHECK { connect_port 81 }\n}",
    );
    assert_eq!(said(&twice, Mode::Strict), [""; 0]);
    let service = services(&twice, Mode::Strict).remove(0);
    let kinds: Vec<&CheckKind> = service.check_of(1).all().map(|check| &check.kind).collect();
    assert_eq!(kinds, [&CheckKind::Tcp { port: None }, &CheckKind::Tcp { port: Some(81) }]);
}
