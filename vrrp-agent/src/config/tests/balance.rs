//! LVS blocks to services.

use std::time::Duration;

use super::*;
use crate::model::{CheckKind, Forward, Protocol};

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

fn services(server: &str, mode: Mode) -> Vec<crate::model::Service> {
    let (outcome, _) = read(&format!("{server}{ROUTER}"), Language::Keepalived, mode);
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics)).services
}

#[test]
fn a_virtual_server_is_a_service() {
    assert_eq!(said(SERVER, Mode::Strict), [""; 0]);
    let service = &services(SERVER, Mode::Strict)[0];
    assert_eq!((service.name.as_str(), service.port, service.protocol), ("10.0.0.1:80", 80, Protocol::Tcp));
    let backends: Vec<_> = service.backends.iter().map(|b| (b.address.to_string(), b.weight, b.forward)).collect();
    assert_eq!(backends, [("10.0.0.11".to_owned(), 3, Forward::Auto), ("10.0.0.12".to_owned(), 1, Forward::Auto)]);
    assert_eq!(service.check.kind, CheckKind::Http { port: None, path: "/health".to_owned() });
    let check = &service.check;
    assert_eq!((check.interval, check.timeout), (Duration::from_secs(6), Duration::from_secs(2)));
    assert_eq!((check.rise, check.fall), (1, 3));
}

#[test]
fn a_group_is_a_service_for_each_address() {
    let group = "virtual_server_group G {\n10.0.0.1-2 80\n10.0.0.1 443\n}\n";
    let text = format!("{group}{}", SERVER.replace("virtual_server 10.0.0.1 80", "virtual_server group G"));
    let text = text.replace("real_server 10.0.0.12 80", "real_server 10.0.0.12 443");
    let names: Vec<_> = services(&text, Mode::Lenient).into_iter().map(|service| service.name).collect();
    assert_eq!(names, ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.1:443"]);
    let unknown = text.replace("server group G", "server group H");
    assert_eq!(said(&unknown, Mode::Lenient)[0], "F:5:22: error: there is no virtual_server_group `H`");
}

#[test]
fn what_is_not_built_is_left_out_or_said() {
    for (from, to, first, left) in [
        ("lvs_method DR", "lvs_method NAT", "F:4:16: error: forwarding by NAT is not built yet: this virtual_server", 0),
        ("lvs_method DR", "lb_kind TUN type ipip", "F:4:13: error: forwarding by TUN is not built yet: this virtual_server", 0),
        (
            "    lvs_method DR\n",
            "",
            "F:1:1: error: forwarding by NAT, keepalived's default, is not built yet: this virtual_server",
            0,
        ),
        ("protocol TCP", "protocol SCTP", "F:5:14: error: SCTP is not supported: this virtual_server", 0),
        (
            "protocol TCP",
            "protocol TCP\nsorry_server 10.0.0.9 80",
            "F:6:1: error: `sorry_server`: quorums and sorry servers are not supported yet: traffic goes to the backends that are up",
            1,
        ),
        (
            "protocol TCP",
            "protocol TCP\npersistence_timeout 50",
            "F:6:1: error: `persistence_timeout`: persistence is not supported yet: a client's connections may reach different backends",
            1,
        ),
        ("weight 3", "weight 3\nMISC_CHECK { misc_path /bin/x }", "F:8:1: error: `MISC_CHECK`: this check is not built yet", 1),
        (
            "virtual_server 10.0.0.1 80",
            "virtual_server fwmark 5",
            "F:1:16: error: firewall marks are not supported, XDP comes before them: this virtual_server",
            0,
        ),
        (
            "real_server 10.0.0.11 80",
            "real_server 10.0.0.11 8080",
            "F:6:27: error: backends reached by DR listen on the service's port, 80: this one",
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
    assert_eq!(warnings, ["F:1:1: warning: without `protocol` this virtual_server is for UDP, as in keepalived"]);
    let rr = SERVER.replace("lvs_sched mh", "lb_algo rr");
    let message = "each connection goes to a backend by Maglev hashing, in proportion to the weights, not in turn as `rr` would";
    assert_eq!(said(&rr, Mode::Strict), [format!("F:3:13: warning: {message}")]);
    let elsewhere = SERVER.replace("10.0.0.1 80", "10.9.0.1 80");
    assert_eq!(
        said(&elsewhere, Mode::Lenient)[0],
        "F:1:16: error: `10.9.0.1` is not a virtual address of any router in this file"
    );
    assert_eq!(
        helps(&format!("{elsewhere}{ROUTER}"), Language::Keepalived, Mode::Lenient)[0],
        "virtual addresses here: 10.0.0.1, 10.0.0.2"
    );
}
