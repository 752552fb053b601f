//! Services in TOML: what each key means, and what does not go together.

use std::time::Duration;

use super::*;
use vrrp_model::{Backend, Config, Forward, Fragments, Persistence, Rate};

const ROUTERS: &str = r#"
[[virtual_router]]
name = "VI_1"
interface = "eth1"
vrid = 51
addresses = ["192.0.2.1", "192.0.2.2"]

[[virtual_router]]
name = "VI_6"
interface = "eth1"
vrid = 51
addresses = ["fe80::1", "2001:db8::1"]
"#;

/// With every key.
const FULL: &str = r#"
[[service]]
name = "web"
address = "192.0.2.1"
port = 80
persistence = "source"
drain = "90s"
quorum = 3
sorry_server = { address = "127.0.0.1", forward = "local" }
backends = [
    { address = "10.0.0.21", weight = 2, forward = "nat", port = 8080 },
    { address = "2001:db8:1::22", forward = "ipip" },
]

[service.guard]
new_per_source = { per_second = 10, burst = 20 }
new_total = { per_second = 5000 }
allow = ["192.0.2.0/24", "198.51.100.7"]
deny = ["192.0.2.128/25"]
"#;

/// Fragments steered, and the other family.
const STEERED: &str = r#"
[[service]]
name = "dns"
address = "2001:db8::1"
port = 53
protocol = "udp"
persistence = "source"
fragments = "steer"
drain = "0s"
backends = [{ address = "2001:db8::53", forward = "dr" }]
"#;

fn said(text: &str) -> Vec<String> {
    lines(&format!("{text}{ROUTERS}"), Language::Toml, Mode::Strict)
}

fn model(text: &str) -> Config {
    let (outcome, _) = read(&format!("{text}{ROUTERS}"), Language::Toml, Mode::Strict);
    outcome.config.unwrap_or_else(|| panic!("{text}: {:?}", outcome.diagnostics))
}

#[test]
fn every_key_reaches_the_model() {
    let text = format!(
        "[tunnel]\nsource_v4 = \"10.255.0.0/16\"\nsource_v6 = \"fd00::/64\"\n{FULL}{STEERED}"
    );
    assert_eq!(said(&text), [""; 0]);
    let config = model(&text);
    let [web, dns] = config.services.as_slice() else { panic!("{config:?}") };
    assert_eq!((web.persistence, web.fragments), (Persistence::Source, Fragments::Drop));
    assert_eq!((web.drain, web.quorum), (Duration::from_secs(90), 3));
    let sorry =
        Backend { address: [127, 0, 0, 1].into(), port: 80, weight: 1, forward: Forward::Local };
    assert_eq!(web.sorry, Some(sorry));
    let nat =
        Backend { address: [10, 0, 0, 21].into(), port: 8080, weight: 2, forward: Forward::Nat };
    let ipip = Backend {
        address: "2001:db8:1::22".parse().unwrap(),
        port: 80,
        weight: 1,
        forward: Forward::Ipip,
    };
    assert_eq!(web.backends, [nat, ipip]);
    assert_eq!(web.guard.new_per_source, Some(Rate { per_second: 10, burst: 20 }));
    assert_eq!(web.guard.new_total, Some(Rate { per_second: 5000, burst: 5000 }));
    let allowed: Vec<String> = web.guard.allow.iter().map(ToString::to_string).collect();
    assert_eq!(allowed, ["192.0.2.0/24", "198.51.100.7/32"]);
    assert_eq!(web.guard.deny, ["192.0.2.128/25".parse().unwrap()]);
    assert_eq!(
        (dns.address, dns.fragments, dns.drain),
        ("2001:db8::1".parse().unwrap(), Fragments::Steer, Duration::ZERO)
    );
    assert_eq!(config.tunnel.source_v4, "10.255.0.0/16".parse().ok());
    assert_eq!(config.tunnel.source_v6, "fd00::/64".parse().ok());
}

#[test]
fn the_real_path_is_probed_where_that_is_possible_unless_it_is_switched_off() {
    let probed = |keys: &str| {
        let backends = "backends = [{ address = \"192.0.2.9\" }]";
        model(&format!(
            "[[service]]\nname = \"a\"\naddress = \"192.0.2.1\"\nport = 80\n{backends}\n{keys}\n"
        ))
        .services[0]
            .real_path
    };
    assert!(probed(""));
    assert!(probed("check = { type = \"http\" }"));
    assert!(probed("check = { type = \"tcp\", real_path = true }"));
    assert!(!probed("check = { type = \"tcp\", real_path = false }"));
    assert!(!probed("check = { type = \"none\" }"));
    assert!(!probed("check = { type = \"none\", real_path = false }"));
    assert!(!probed("protocol = \"udp\""));
}

#[test]
fn what_is_not_written_has_its_default() {
    let text = "[[service]]\nname = \"a\"\naddress = \"192.0.2.1\"\nport = 80\nbackends = [{ address = \"192.0.2.9\" }]\n";
    let config = model(text);
    let service = &config.services[0];
    assert_eq!((service.persistence, service.fragments), (Persistence::Flow, Fragments::Drop));
    assert_eq!(
        (service.drain, service.quorum, &service.sorry),
        (Duration::from_secs(60), 1, &None)
    );
    assert_eq!(service.guard, vrrp_model::Guard::default());
    assert_eq!((service.backends[0].port, service.backends[0].forward), (80, Forward::Auto));
    assert_eq!(config.tunnel, vrrp_model::Tunnel::default());
}

/// Each row changes one thing of [`FULL`] or [`STEERED`]; what is said first, and the hint.
#[rustfmt::skip]
const ROWS: &[(&str, &str, &str, Option<&str>)] = &[
    ("address = \"192.0.2.1\"", "address = \"2001:db8::9\"", "F:4:11: error: `2001:db8::9` is not a virtual address of any router in this file", Some("virtual addresses here: 192.0.2.1, 192.0.2.2, fe80::1, 2001:db8::1")),
    // Backends.
    ("\"nat\", port = 8080", "\"dr\", port = 8080", "F:11:65: error: backend `10.0.0.21` gets packets with the port of the service, 80, not 8080", Some("only forward = \"nat\" rewrites ports")),
    ("\"nat\", port = 8080", "\"auto\", port = 8080", "F:11:67: error: backend `10.0.0.21` gets packets with the port of the service, 80, not 8080", None),
    ("\"nat\", port = 8080", "\"ipip\", port = 8080", "F:11:67: error: backend `10.0.0.21` gets packets with the port of the service, 80, not 8080", None),
    ("\"nat\", port = 8080", "\"nat\", port = 70000", "F:11:66: error: port must be 1 to 65535, not 70000", None),
    ("forward = \"ipip\"", "forward = \"nat\"", "F:12:17: error: backend `2001:db8:1::22` is IPv6, and the address of the service IPv4", Some("only a tunnel reaches a backend of the other family: forward = \"ipip\" (lvs_method TUN)")),
    ("\"2001:db8::53\", forward = \"dr\"", "\"192.0.2.53\"", "F:10:25: error: backend `192.0.2.53` is IPv4, and the address of the service IPv6", None),
    ("\"2001:db8:1::22\", forward = \"ipip\"", "\"10.0.0.21\", forward = \"nat\", port = 8080", "F:12:17: error: backend `10.0.0.21` is listed twice", None),
    // The sorry server.
    ("\"127.0.0.1\", forward = \"local\"", "\"127.0.0.1\"", "F:9:28: error: sorry server `127.0.0.1` is not an address a host can have on a network", None),
    ("\"127.0.0.1\", forward = \"local\"", "\"10.0.0.21\", forward = \"nat\", port = 8080", "F:9:28: error: the sorry server `10.0.0.21` is a backend of the service: it is not there when they are not", None),
    ("\"127.0.0.1\", forward = \"local\"", "\"10.0.0.9\", port = 81", "F:9:47: error: sorry server `10.0.0.9` gets packets with the port of the service, 80, not 81", None),
    ("\"127.0.0.1\", forward = \"local\"", "\"10.0.0.9\", weight = 2", "F:9:40: error: unknown field `weight`, expected one of `address`, `port`, `forward`", None),
    // Times and sums.
    ("drain = \"90s\"", "drain = \"25h\"", "F:7:9: error: drain must be at most a day", None),
    ("quorum = 3", "quorum = 0", "F:8:10: error: quorum must be 1 to 4294967295, not 0", None),
    ("quorum = 3", "quorum = 4", "F:8:10: warning: quorum 4 is above the sum of all weights, 3: the sorry server always serves", None),
    ("sorry_server = { address = \"127.0.0.1\", forward = \"local\" }\n", "", "F:8:10: warning: without a sorry server a quorum changes nothing: the backends that are up go on serving", None),
    // Fragments.
    ("persistence = \"source\"\nfragments", "fragments", "F:7:13: error: steering fragments needs persistence = \"source\": only the first fragment has the ports of its flow", None),
    ("forward = \"dr\"", "forward = \"nat\"", "F:8:13: error: fragments cannot be steered to a backend reached by nat: fragments of its answers could not be mapped back", None),
    ("fragments = \"steer\"", "fragments = \"pass\"", "F:8:13: error: unknown variant `pass`, expected `drop` or `steer`", None),
    // The real path.
    ("port = 80\n", "port = 80\ncheck = { type = \"none\", real_path = true }\n", "F:6:38: error: backends that are not checked are not asked on the real path either", Some("leave `real_path` out")),
    ("port = 53\n", "port = 53\ncheck = { type = \"tcp\", port = 53, real_path = true }\n", "F:6:48: error: UDP has no connections that could be asked for on the real path", Some("leave `real_path` out")),
    ("forward = \"ipip\"", "forward = \"ipip\", check = { type = \"tcp\", real_path = false }", "F:12:89: error: the check of a single backend has no `real_path`: it is switched for the whole service", Some("write it in the check of the service")),
    ("forward = \"dr\"", "forward = \"dr\", check = { type = \"tcp\" }", "F:10:65: error: a UDP service has no port that this check could connect to", Some("give the check a `port`, or use `type = \"none\"`")),
    // Guards.
    ("per_second = 10,", "per_second = 0,", "F:16:33: error: per_second must be 1 to 4294967295, not 0", None),
    ("burst = 20", "burst = 0", "F:16:45: error: burst must be 1 to 4294967295, not 0", None),
    ("port = 80\n", "port = 80\nprotocol = \"udp\"\ncheck = { type = \"none\" }\n", "F:18:18: error: new_per_source counts new TCP connections, and this service is for UDP", None),
    ("\"192.0.2.0/24\"", "\"192.0.2.1/24\"", "F:18:10: error: the prefix `192.0.2.1/24` has bits behind its prefix", Some("write 192.0.2.0/24")),
    ("\"192.0.2.0/24\"", "\"192.0.2.0/33\"", "F:18:10: error: the prefix `192.0.2.0/33` is not a prefix", Some("write ADDRESS/LENGTH, or an address for itself alone")),
    ("\"192.0.2.0/24\"", "\"2001:db8::/32\"", "F:18:10: error: `2001:db8::/32` is IPv6, and the address of the service IPv4", None),
    ("\"192.0.2.128/25\"", "\"192.0.2.0/24\"", "F:19:9: error: the prefix `192.0.2.0/24` is listed twice", None),
];

#[test]
fn each_mistake_is_named_with_its_place_and_a_hint() {
    let mut wrong = Vec::new();
    for (from, to, expected, help) in ROWS {
        let whole = if FULL.contains(from) { FULL } else { STEERED };
        let text = whole.replacen(from, to, 1);
        assert_ne!(text, whole, "{from}");
        let said = said(&text).into_iter().next().unwrap_or_default();
        if said != *expected {
            wrong.push(format!("{from} -> {to}\n  {said}\n  {expected}"));
        }
        if let Some(help) = help {
            assert_eq!(
                helps(&format!("{text}{ROUTERS}"), Language::Toml, Mode::Strict)[0],
                *help,
                "{to}"
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn answers_of_a_backend_are_of_one_service() {
    let other = FULL.replace("\"web\"", "\"web2\"").replace("192.0.2.1\"", "192.0.2.2\"");
    let both = format!("{FULL}{other}");
    let first = "F:30:17: error: port 8080 of `10.0.0.21` is reached by nat from the services `web` and `web2`: its answers could be for either";
    assert_eq!(said(&both), [first]);
    let help = "give each service a port of its own on the backends";
    assert_eq!(helps(&format!("{both}{ROUTERS}"), Language::Toml, Mode::Strict), [help]);
    // The service's own port counts where none is written, and the sorry server as any backend.
    let sorry = other
        .replace("\"127.0.0.1\", forward = \"local\"", "\"10.0.0.21\", forward = \"nat\"")
        .replace("port = 80\n", "port = 8080\n");
    let sorry = sorry.replace("forward = \"nat\", port = 8080", "forward = \"nat\", port = 8081");
    assert_eq!(said(&format!("{FULL}{sorry}")), [first.replace("30:17", "28:28")]);
    // Another port, another protocol, or no rewriting: told apart.
    for apart in [
        other.replace("port = 8080", "port = 8081"),
        other.replace("forward = \"nat\", port = 8080", "forward = \"ipip\""),
    ] {
        assert_eq!(said(&format!("{FULL}{apart}")), [""; 0]);
    }
}

#[test]
fn fragments_of_an_address_and_protocol_are_of_one_service() {
    let other = STEERED.replace("\"dns\"", "\"dot\"").replace("port = 53", "port = 853");
    let expected = "F:18:13: error: service `dns` already steers the fragments for 2001:db8::1 of this protocol: only the first fragment says for which port";
    assert_eq!(said(&format!("{STEERED}{other}")), [expected]);
    for apart in [
        other.replace("fragments = \"steer\"", "fragments = \"drop\""),
        other.replace("protocol = \"udp\"", "protocol = \"tcp\""),
        other.replace("\"2001:db8::1\"", "\"fe80::1\""),
    ] {
        assert_eq!(said(&format!("{STEERED}{apart}")), [""; 0]);
    }
}

#[test]
fn sources_of_tunnels_are_prefixes_with_room() {
    for (key, value, expected) in [
        (
            "source_v4",
            "fd00::/64",
            "F:2:13: error: source_v4 must be an IPv4 prefix, not `fd00::/64`",
        ),
        (
            "source_v6",
            "10.0.0.0/16",
            "F:2:13: error: source_v6 must be an IPv6 prefix, not `10.0.0.0/16`",
        ),
        (
            "source_v4",
            "10.0.0.0/29",
            "F:2:13: error: the prefix length of source_v4 must be 8 to 28, not 29: its host bits tell flows apart",
        ),
        (
            "source_v6",
            "fd00::/125",
            "F:2:13: error: the prefix length of source_v6 must be 8 to 124, not 125: its host bits tell flows apart",
        ),
        (
            "source_v4",
            "10.0.0.1",
            "F:2:13: error: the prefix length of source_v4 must be 8 to 28, not 32: its host bits tell flows apart",
        ),
        (
            "source_v4",
            "10.0.0.1/16",
            "F:2:13: error: source_v4 `10.0.0.1/16` has bits behind its prefix",
        ),
        (
            "source_v4",
            "127.0.0.0/16",
            "F:2:13: error: source_v4 `127.0.0.0/16` holds no address that packets can come from",
        ),
        (
            "source_v6",
            "ff00::/16",
            "F:2:13: error: source_v6 `ff00::/16` holds no address that packets can come from",
        ),
        ("source_v6", "here", "F:2:13: error: source_v6 `here` is not a prefix"),
    ] {
        assert_eq!(said(&format!("[tunnel]\n{key} = \"{value}\"\n")), [expected]);
    }
}
