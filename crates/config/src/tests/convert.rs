//! `convert`: what is written lowers to the same model, and reads well.

use super::garbage::Random;
use super::*;
use crate::{Loaded, Severity, convert, to_toml};
use vrrp_model::Config;

fn model(text: &str, language: Language) -> Config {
    let (outcome, source) = read(text, language, Mode::Lenient);
    let said: String =
        outcome.diagnostics.iter().map(|diagnostic| render(&source, diagnostic)).collect();
    outcome.config.unwrap_or_else(|| panic!("{text}\n{said}"))
}

fn converted(text: &str) -> String {
    let (Outcome { config, diagnostics }, source) = read(text, Language::Keepalived, Mode::Lenient);
    let loaded = Loaded { config, diagnostics, source, language: Language::Keepalived };
    convert(&loaded).expect("the file has no error")
}

#[test]
fn every_model_survives_being_written() {
    let mut random = Random(20);
    for _ in 0..2000 {
        let config = models::config(&mut random);
        let text = to_toml(&config);
        assert_eq!(model(&text, Language::Toml), config, "{text}");
    }
}

#[test]
fn every_keepalived_file_keeps_its_meaning() {
    let comments = format!("! head\n\n# above\n{NODE1_TRACK}\n# tail with \u{1} in it")
        .replace("priority 100", "priority 100 # \"main\n");
    for text in [NODE1, NODE2, NODE1_TRACK, NODE2_TRACK, &comments] {
        let toml = converted(text);
        assert_eq!(model(&toml, Language::Toml), model(text, Language::Keepalived), "{toml}");
        let (outcome, _) = read(&toml, Language::Toml, Mode::Strict);
        assert!(
            outcome.diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error)
        );
    }
    assert_eq!(
        to_toml(&model(&to_toml(&model(NODE1_TOML, Language::Toml)), Language::Toml)),
        to_toml(&model(NODE1_TOML, Language::Toml))
    );
}

#[test]
fn conversion_reads_well_and_keeps_comments() {
    let text = "\
# edge pair, see the wiki

global_defs {
    router_id node1 # as in DNS
}
! is nginx there?
vrrp_script chk_nginx {
    script \"/etc/keepalived/chk.sh -q\"
    interval 2
    weight -10
}

# shop
vrrp_instance VI_1 { # first
    interface eth1
    virtual_router_id 51
    priority 100   # the other has 99
    # changed by joe
    authentication {
        auth_type PASS
        auth_pass \"a#b\"
    }
    track_script {
        chk_nginx
    }
    virtual_ipaddress {
        192.168.1.249/24 dev eth1 label eth1:1
        192.168.1.248 # old shop
    }
}
";
    let expected = r##"# Converted from F. Keys that are not written have their defaults.
# edge pair, see the wiki
# router_id: as in DNS
node = "node1"
script_security = false

# shop
# first
# priority: the other has 99
# changed by joe
# 192.168.1.248: old shop
[[virtual_router]]
name = "VI_1"
interface = "eth1"
vrid = 51
version = 2
priority = 100
interval = "1s"
auth_pass = "a#b"
addresses = [{ address = "192.168.1.249/24", device = "eth1", label = "eth1:1" }, "192.168.1.248"]
garp = { repeat = 5, interval = "10ms", delay = "5s", refresh = "60s", refresh_repeat = 1 }
# weight: negative is added while it fails, positive while it is well, 0 makes its failure a fault
track_scripts = [{ script = "chk_nginx", weight = -10 }]

# is nginx there?
[[script]]
name = "chk_nginx"
command = ["/etc/keepalived/chk.sh", "-q"]
interval = "2s"
timeout = "2s"
rise = 1
fall = 1
"##;
    assert_eq!(converted(text), expected);
}
