use super::programs::{Outcome, describe};
use super::*;
use crate::net::sysctl::Setting;
use crate::plane::refusal::Object;
use vrrp_config::{Language, Mode, Severity, Source, parse};
use vrrp_model::Missing;
use vrrp_model::XdpUse;
use vrrp_model::host::{Address, Link};

const ALL: u64 = 1 << 12 | 1 << 13 | 1 << 38 | 1 << 39;

fn config(more: &str) -> Config {
    let text = format!("{}\n{more}", include_str!("../../../../crates/config/testdata/node1.toml"));
    parse(&Source::new("F", text.as_bytes()), Language::Toml, Mode::Strict, "host")
        .config
        .expect("a good file")
}

fn link(index: u32, name: &str, addresses: &[[u8; 4]]) -> Link {
    let address = |address: &[u8; 4]| Address {
        address: (*address).into(),
        // A virtual address as keepalived installs it.
        prefix_len: if address[3] == 249 { 32 } else { 24 },
        protocol: 0,
        label: None,
        scope: 0,
        secondary: false,
        deprecated: false,
        usable: true,
    };
    Link {
        name: name.to_owned(),
        index,
        up: true,
        addresses: addresses.iter().map(address).collect(),
        ..Link::default()
    }
}

fn facts(links: Vec<Link>) -> Facts {
    let links = links.into_iter().map(|link| (link.index, link)).collect();
    Facts {
        network: Arc::new(HostView { links, ..HostView::default() }),
        capabilities: Some(ALL),
        scripts: vec![None],
        bpffs: true,
        ..Facts::default()
    }
}

fn said(config: &Config, facts: &Facts) -> Vec<String> {
    let word = |severity| if severity == Severity::Error { "error" } else { "warning" };
    findings(config, facts)
        .into_iter()
        .map(|found| format!("{}: {}", word(found.severity), found.message))
        .collect()
}

#[test]
fn a_host_with_everything_has_no_findings() {
    assert_eq!(said(&config(""), &facts(vec![link(2, "eth1", &[[192, 168, 1, 205]])])), [""; 0]);
}

#[test]
fn what_would_be_a_fault_is_an_error() {
    let config = config("");
    assert_eq!(
        said(&config, &facts(vec![link(1, "lo", &[])])),
        ["error: VI_1: interface eth1 does not exist"]
    );
    let down = Link { up: false, ..link(2, "eth1", &[]) };
    assert_eq!(said(&config, &facts(vec![down])), ["error: VI_1: interface eth1 is down"]);
    let bare = facts(vec![link(2, "eth1", &[])]);
    assert_eq!(
        said(&config, &bare),
        ["error: VI_1: interface eth1 has no IPv4 address to send adverts from"]
    );
}

#[test]
fn a_unicast_peer_behind_a_router_needs_a_range_of_ttls() {
    let text = include_str!("../../../../crates/config/testdata/node1.toml");
    let host = facts(vec![link(2, "eth1", &[[192, 168, 1, 205]])]);
    let with = |peer: &str| {
        let text = text.replacen(
            "vrid = 51\n",
            &format!("vrid = 51\nunicast = true\npeers = [{peer}]\n"),
            1,
        );
        let config =
            parse(&Source::new("F", text.as_bytes()), Language::Toml, Mode::Strict, "host")
                .config
                .expect("a good file");
        said(&config, &host)
    };
    assert_eq!(with("\"192.168.1.206\""), [""; 0]);
    assert_eq!(with("{ address = \"192.168.2.206\", min_ttl = 254 }"), [""; 0]);
    let expected = "warning: VI_1: the peer 192.168.2.206 is on no network of eth1: routers decrement its adverts' TTL below 255";
    assert_eq!(with("\"192.168.2.206\""), [expected]);
}

#[test]
fn an_address_of_the_host_among_the_virtual_ones_and_a_source_that_is_nowhere_are_errors() {
    let mut own = link(2, "eth1", &[[192, 168, 1, 205], [192, 168, 1, 249]]);
    own.addresses[1].prefix_len = 24;
    let found = said(&config(""), &facts(vec![own]));
    let expected = "error: VI_1: 192.168.1.249/24 on eth1 is the host's own: take it out of the virtual addresses, or off the host";
    assert!(found.iter().any(|line| line == expected), "{found:?}");
    let text = include_str!("../../../../crates/config/testdata/node1.toml").replacen(
        "vrid = 51\n",
        "vrid = 51\nsource = \"192.168.1.215\"\n",
        1,
    );
    let config = parse(&Source::new("F", text.as_bytes()), Language::Toml, Mode::Strict, "host")
        .config
        .expect("a good file");
    let found = said(&config, &facts(vec![link(2, "eth1", &[[192, 168, 1, 205]])]));
    assert_eq!(found, ["error: VI_1: the source address 192.168.1.215 is not on this host"]);
}

#[test]
fn what_it_can_do_without_is_a_warning() {
    let bare = Facts {
        capabilities: Some(1 << 12 | 1 << 13 | 1 << 39),
        scripts: vec![Some("no user www".to_owned())],
        bpffs: false,
        metrics: Some("Address already in use".to_owned()),
        keepalived: vec![7, 8],
        thread: vec![Degraded { what: Missing::CpuAffinity, reason: "CPU 9 is off".to_owned() }],
        ..facts(vec![link(2, "eth1", &[[192, 168, 1, 205], [192, 168, 1, 249]])])
    };
    assert_eq!(
        said(&config(""), &bare),
        [
            "error: script chk_nginx cannot be run: no user www",
            "warning: VI_1: 192.168.1.249 is on eth1 already",
            "warning: this process has no CAP_PERFMON: the kernel program cannot be loaded",
            "warning: the election thread would run with reduced privileges: not on its CPUs: CPU 9 is off",
            "warning: /sys/fs/bpf/vrrp-agent is not on a bpffs: no kernel program",
            "warning: no metrics: cannot listen on 127.0.0.1:9165: Address already in use",
            "warning: keepalived runs on this host (process 7)",
        ]
    );
    let running = Facts {
        agent_runs: true,
        keepalived: vec![],
        scripts: vec![None],
        bpffs: true,
        capabilities: Some(ALL),
        thread: vec![],
        ..bare
    };
    assert_eq!(said(&config(""), &running), [""; 0]);
}

#[test]
fn capabilities_are_read_from_the_process_status() {
    assert_eq!(
        realtime::effective_capabilities(
            "Name:\tx\nCapPrm:\t0000000000000001\nCapEff:\t000000c000003000\n"
        ),
        Some(ALL)
    );
    assert_eq!(realtime::effective_capabilities("Name:\tx\n"), None);
}

#[test]
fn sysctls_that_nat_needs_are_reported_with_their_fix() {
    let service = "[[service]]\nname = \"far\"\naddress = \"192.168.1.249\"\nport = 81\n\
                   backends = [{ address = \"10.0.0.21\", forward = \"nat\" }]\n";
    let lack = |interface: &str, setting| Lack {
        interface: interface.to_owned(),
        setting,
        found: 0,
        wanted: 1,
    };
    let mut host = facts(vec![link(2, "eth1", &[[192, 168, 1, 205]])]);
    host.forwarding = vec![lack("eth2", Setting::Forwarding), lack("all", Setting::Forwarding6)];
    let routes = [([10, 0, 0, 21].into(), None)].into();
    host.network = Arc::new(HostView { routes, ..HostView::clone(&host.network) });
    let expected = [
        "warning: far: no route to the backend 10.0.0.21",
        "warning: net.ipv4.conf.eth2.forwarding is 0, and NAT needs 1",
        "warning: net.ipv6.conf.all.forwarding is 0, and NAT needs 1",
    ];
    assert_eq!(said(&config(service), &host), expected);
}

#[test]
fn a_missing_cgroup_is_waited_for_and_upstreams_need_the_kernel_even_without_xdp() {
    let upstream = "[[upstream]]\nname = \"php\"\naddress = \"10.0.0.100\"\nport = 9000\nunit = \"nginx.service\"\n\
                    backends = [{ address = \"10.0.0.22\" }]\n";
    let mut config = config(upstream);
    let mut host = facts(vec![link(2, "eth1", &[[192, 168, 1, 205]])]);
    host.upstreams = vec![Some("no cgroup of unit nginx.service: it does not run".to_owned())];
    assert_eq!(
        said(&config, &host),
        ["warning: upstream php: no cgroup of unit nginx.service: it does not run"]
    );
    host.upstreams = vec![None];
    config.xdp = XdpUse::Off;
    host.bpffs = false;
    assert_eq!(said(&config, &host).len(), 1, "{:?}", said(&config, &host));
}

#[test]
fn a_refused_program_is_an_error_and_an_untried_one_is_not_reported_as_loaded() {
    let trial = |object, outcome| Trial { object, outcome };
    let mut host = facts(vec![link(2, "eth1", &[[192, 168, 1, 205]])]);
    host.programs = vec![trial(Object::Xdp, Outcome::Loads)];
    assert_eq!(said(&config(""), &host), [""; 0]);
    assert!(
        describe(&host.programs).ends_with("(minimum 6.1): the XDP program loads"),
        "{}",
        describe(&host.programs)
    );
    host.programs = vec![
        trial(Object::Xdp, Outcome::Refused("kernel 5.10.0 refuses the program".to_owned())),
        trial(Object::Sockets, Outcome::Untried("not permitted".to_owned())),
    ];
    let expected = [
        "error: the XDP program does not load: kernel 5.10.0 refuses the program",
        "warning: could not find out whether this kernel loads the socket programs: not permitted",
    ];
    assert_eq!(said(&config(""), &host), expected);
    let line = describe(&host.programs);
    assert!(
        line.ends_with("the XDP program does not load, the socket programs not tried"),
        "{line}"
    );
}

#[test]
#[ignore = "needs root: loads the kernel programs"]
fn what_this_kernel_loads_is_found_by_loading_it() {
    let upstream = "[[upstream]]\nname = \"php\"\naddress = \"10.0.0.100\"\nport = 9000\nunit = \"nginx.service\"\n\
                    backends = [{ address = \"10.0.0.22\" }]\n";
    let mut config = config(upstream);
    let outcomes = |config: &Config| {
        programs::try_out(config).into_iter().map(|trial| trial.outcome).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&config), [Outcome::Loads, Outcome::Loads]);
    config.xdp = XdpUse::Off;
    assert_eq!(
        outcomes(&config),
        [Outcome::Loads],
        "without XDP only the socket programs are needed"
    );
    config.upstreams.clear();
    assert_eq!(outcomes(&config), []);
}

#[test]
fn an_interface_that_hides_vlan_tags_is_reported() {
    let facts = Facts {
        hidden_tags: vec!["eth1".to_owned()],
        ..facts(vec![link(2, "eth1", &[[192, 168, 1, 205]])])
    };
    let said = said(&config(""), &facts);
    assert!(
        said.iter()
            .any(|line| line.starts_with("warning") && line.contains("eth1 removes VLAN tags")),
        "{said:?}"
    );
}
