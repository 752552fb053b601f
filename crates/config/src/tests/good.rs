//! Files that must be read as they are.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::*;
use vrrp_model::{
    Announce, Auth, CheckKind, ChecksumForm, Config, Delivery, Forward, HttpCheck, Peer, Protocol,
    Router, Version, XdpUse,
};

fn config(text: &str, language: Language, mode: Mode) -> Config {
    let (outcome, _) = read(text, language, mode);
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

fn essence(router: &Router) -> (&str, &str, u8, u8, Vec<IpAddr>) {
    let addresses = router.addresses.iter().map(|vip| vip.address).collect();
    (&router.name, &router.interface, router.vrid, router.priority, addresses)
}

#[test]
fn plain_pair_is_read_strictly_without_a_warning() {
    let vip1 = vec![IpAddr::from([192, 168, 1, 249])];
    let vip2 = vec![IpAddr::from([192, 168, 1, 250])];
    for (text, priorities) in [(NODE1, [100, 99]), (NODE2, [99, 100])] {
        let config = config(text, Language::Keepalived, Mode::Strict);
        assert_eq!(config.node, "EDGE_PAIR");
        assert_eq!(
            config.routers.iter().map(essence).collect::<Vec<_>>(),
            [
                ("VI_1", "eth1", 51, priorities[0], vip1.clone()),
                ("VI_2", "eth1", 52, priorities[1], vip2.clone()),
            ]
        );
        assert_eq!(lines(text, Language::Keepalived, Mode::Strict), [""; 0]);
    }
}

#[test]
fn keepalived_defaults_are_keepalived_s() {
    let config = config(NODE1, Language::Keepalived, Mode::Strict);
    let router = &config.routers[0];
    assert_eq!(router.version, Version::V2);
    assert_eq!(router.interval, Duration::from_secs(1));
    assert_eq!(router.auth, Auth::Pass(*b"1111\0\0\0\0"));
    assert_eq!(router.checksum, ChecksumForm::PseudoHeader);
    assert_eq!(router.delivery, Delivery::Multicast([224, 0, 0, 18].into()));
    assert!(router.preempt);
    assert_eq!(router.addresses[0].prefix_len, 32);
    assert_eq!(router.announce, Announce::default());
    assert_eq!(config.metrics, "127.0.0.1:9165".parse().ok());
    assert_eq!(config.api_socket, Path::new("/run/vrrp-agent/api.sock"));
    assert_eq!(config.bpf_dir, Path::new("/sys/fs/bpf/vrrp-agent"));
    assert_eq!(config.xdp, XdpUse::Auto);
}

#[test]
fn tracking_typo_is_an_error_for_check_and_a_warning_for_run() {
    let message = "tracks the script `chk_nginx`, which is not defined";
    for text in [NODE1_TRACK, NODE2_TRACK] {
        let strict = lines(text, Language::Keepalived, Mode::Strict);
        assert_eq!(strict[0], format!("F:30:9: error: {message}"));
        assert_eq!(strict[1], format!("F:48:9: error: {message}"));
        let help = &helps(text, Language::Keepalived, Mode::Strict)[0];
        assert_eq!(help, "did you mean `chk_haproxy`?");
        let lenient = lines(text, Language::Keepalived, Mode::Lenient);
        assert_eq!(lenient[0], format!("F:30:9: warning: {message}; ignored"));
        let config = config(text, Language::Keepalived, Mode::Lenient);
        assert!(config.routers.iter().all(|r| r.track_scripts.is_empty()));
        assert_eq!(config.scripts[0].command.words, ["/etc/keepalived/chk_nginx.sh"]);
        assert_eq!(config.scripts[0].interval, Duration::from_secs(2));
        assert_eq!(config.scripts[0].timeout, Duration::from_secs(2));
    }
}

#[test]
fn tracking_takes_the_weight_of_the_script_unless_it_has_its_own() {
    let fixed = NODE1_TRACK.replace("        chk_nginx", "        chk_haproxy");
    let weights = |text: &str| {
        let config = config(text, Language::Keepalived, Mode::Strict);
        config.routers[0].track_scripts[0].weight.value
    };
    assert_eq!(weights(&fixed), 2);
    let own = fixed.replacen("        chk_haproxy", "        chk_haproxy weight -20", 1);
    assert_eq!(weights(&own), -20);
}

#[test]
fn global_settings_reach_instances_wherever_they_stand() {
    let text = format!(
        "{}\nglobal_defs {{ vrrp_version 3 }}\nglobal_defs {{\n vrrp_garp_master_refresh 30\n v3_checksum_as_v2\n}}\n",
        NODE1.replace("advert_int 1", "advert_int 0.1")
    );
    let config = config(&text, Language::Keepalived, Mode::Strict);
    let router = &config.routers[0];
    assert_eq!(router.version, Version::V3);
    assert_eq!(router.interval, Duration::from_millis(100));
    assert_eq!(router.announce.refresh, Duration::from_secs(30));
    assert_eq!(router.checksum, ChecksumForm::MessageOnly);
    assert_eq!(router.auth, Auth::None);
}

#[test]
fn toml_example_is_read_without_a_word() {
    let (outcome, _) = read(NODE1_TOML, Language::Toml, Mode::Strict);
    assert_eq!(outcome.diagnostics, []);
    let config = config(NODE1_TOML, Language::Toml, Mode::Strict);
    let router = &config.routers[0];
    assert_eq!((router.vrid, router.version), (51, Version::V2));
    assert_eq!(router.auth, Auth::Pass(*b"1111\0\0\0\0"));
    assert_eq!(router.track_scripts[0].weight.value, -10);
    assert_eq!(router.announce.refresh, Duration::from_secs(60));
    let service = &config.services[0];
    assert_eq!((service.port, service.protocol), (80, Protocol::Tcp));
    assert_eq!(service.backends.len(), 2);
    assert_eq!(service.backends[0].forward, Forward::Auto);
    assert_eq!(service.check.kind, CheckKind::Tcp { port: None });
    assert_eq!(service.check.interval, Duration::from_millis(250));
}

#[test]
fn every_key_of_toml_is_read() {
    let text = r#"
node = "n"
api_socket = "/run/a.sock"
bpf_dir = "/sys/fs/bpf/x"
metrics = false
xdp = "generic"
startup_delay = "5s"
release_on_exit = false
[[virtual_router]]
name = "A"
interface = "eth0"
vrid = 1
interval = "100ms"
preempt = false
preempt_delay = "1m"
checksum = "message-only"
source = "10.0.0.1"
group = "224.0.0.200"
peers = ["10.0.0.2"]
addresses = ["10.0.0.9/24", { address = "10.0.0.10", device = "eth2", label = "eth2:1" }]
excluded_addresses = ["10.0.0.11"]
garp = { repeat = 3, delay = "1s", refresh = "0s", refresh_repeat = 2 }
track_interfaces = [{ interface = "eth2", weight = -5 }]
[[script]]
name = "s"
command = "/bin/test -e '/tmp/a b'"
timeout = "500ms"
rise = 2
fall = 3
user = "nobody"
init_fail = true
[[service]]
name = "w"
address = "10.0.0.9"
port = 443
backends = [{ address = "10.0.0.2", weight = 10, forward = "dr" }]
check = { type = "http", port = 8080, path = "/ready" }
"#;
    let config = config(text, Language::Toml, Mode::Strict);
    assert_eq!((config.metrics, config.xdp), (None, XdpUse::Generic));
    let router = &config.routers[0];
    assert_eq!(router.version, Version::V3);
    assert_eq!(router.preempt_delay, Duration::from_secs(60));
    assert_eq!(router.peers, [Peer { address: [10, 0, 0, 2].into(), min_ttl: 255, max_ttl: 255 }]);
    assert_eq!(router.addresses[0].prefix_len, 24);
    assert_eq!(router.addresses[1].label.as_deref(), Some("eth2:1"));
    assert_eq!(router.announce.refresh, Duration::ZERO);
    assert_eq!(router.track_interfaces[0].weight.value, -5);
    let script = &config.scripts[0];
    assert_eq!(script.command.words, ["/bin/test", "-e", "/tmp/a b"]);
    assert_eq!((script.rise, script.fall, script.init_fail), (2, 3, true));
    let service = &config.services[0];
    assert_eq!(service.backends[0].forward, Forward::Dr);
    assert_eq!(service.check.kind, CheckKind::Http(HttpCheck::new(Some(8080), "/ready")));
}

#[test]
fn both_languages_mean_the_same() {
    let toml = config(
        r#"
node = "EDGE_PAIR"
[[virtual_router]]
name = "VI_1"
interface = "eth1"
vrid = 51
version = 2
auth_pass = "1111"
addresses = ["192.168.1.249"]
[[virtual_router]]
name = "VI_2"
interface = "eth1"
vrid = 52
version = 2
priority = 99
auth_pass = "1111"
addresses = ["192.168.1.250"]
[mail]
server = "127.0.0.1"
from = "keepalived@example.test"
to = ["admin@example.test"]
"#,
        Language::Toml,
        Mode::Strict,
    );
    assert_eq!(toml, config(NODE1, Language::Keepalived, Mode::Strict));
}
