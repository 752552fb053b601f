//! `[[upstream]]`: what it means, and what is refused.

use super::*;
use vrrp_model::{Balance, Cgroup, CheckKind};

const ROUTER: &str = "[[virtual_router]]\nname = \"VI_1\"\ninterface = \"eth1\"\nvrid = 51\naddresses = [\"192.168.1.249\"]\n";

/// A file with an upstream of these lines.
fn file(upstream: &str) -> String {
    format!("{ROUTER}\n[[upstream]]\n{upstream}\n")
}

fn said(upstream: &str) -> Vec<String> {
    lines(&file(upstream), Language::Toml, Mode::Strict)
}

fn says(upstream: &str, what: &str) {
    let said = said(upstream);
    assert!(said.iter().any(|line| line.contains(what)), "{what}: {said:?}");
}

const PHP: &str = "name = \"php\"\naddress = \"10.0.0.100\"\nport = 9000\n";
const UNIT: &str = "unit = \"nginx.service\"\n";
const BACKENDS: &str = "backends = [{ address = \"10.0.0.22\" }, { address = \"10.0.0.23\", port = 9001, weight = 0 }]\n";

#[test]
fn an_upstream_has_defaults() {
    let text = file(&format!("{PHP}{UNIT}{BACKENDS}"));
    let config = read(&text, Language::Toml, Mode::Strict).0.config.expect("a good file");
    let upstream = &config.upstreams[0];
    assert_eq!(upstream.address.to_string(), "10.0.0.100:9000");
    assert_eq!(upstream.cgroup, Cgroup::Unit("nginx.service".to_owned()));
    assert_eq!(upstream.balance, Balance::LeastConnections);
    assert_eq!(upstream.check.kind, CheckKind::Tcp { port: None });
    let backends: Vec<_> = upstream
        .backends
        .iter()
        .map(|backend| (backend.address.to_string(), backend.weight))
        .collect();
    assert_eq!(backends, [("10.0.0.22:9000".to_owned(), 1), ("10.0.0.23:9001".to_owned(), 0)]);
}

#[test]
fn an_upstream_says_whose_connections_it_is_for() {
    says(&format!("{PHP}{BACKENDS}"), "upstream `php` does not say whose connections it is for");
    says(
        &format!("{PHP}{UNIT}cgroup = \"/sys/fs/cgroup/x\"\n{BACKENDS}"),
        "either a cgroup or a unit",
    );
    says(&format!("{PHP}cgroup = \"x\"\n{BACKENDS}"), "cgroup must be an absolute path");
    for unit in ["nginx", "a/b.service", ".service", "nginx.timer", ""] {
        says(
            &format!("{PHP}unit = \"{unit}\"\n{BACKENDS}"),
            "is not the name of a unit that has a cgroup",
        );
    }
}

#[test]
fn backends_are_few_different_and_of_one_family() {
    let with = |backends: &str| format!("{PHP}{UNIT}backends = [{backends}]");
    says(&with(""), "upstream `php` has no backend");
    says(&with("{ address = \"2001:db8::1\" }"), "are not of one family");
    says(
        &with("{ address = \"10.0.0.22\" }, { address = \"10.0.0.22\", port = 9000 }"),
        "listed twice",
    );
    says(&with("{ address = \"10.0.0.22\", weight = 0 }"), "has weight 0");
    says(&with("{ address = \"10.0.0.22\", port = 0 }"), "port must be 1 to 65535");
    says(&with("{ address = \"10.0.0.100\" }"), "is itself an upstream");
    let many: Vec<String> =
        (1..=65).map(|host| format!("{{ address = \"10.0.1.{host}\" }}")).collect();
    says(&with(&many.join(", ")), "at most 64");
    assert_eq!(
        said(&with("{ address = \"10.0.0.22\" }, { address = \"10.0.0.22\", port = 9001 }")),
        [""; 0]
    );
}

#[test]
fn an_address_belongs_to_one_upstream() {
    let other = PHP.replace("\"php\"", "\"other\"");
    let text = format!("{PHP}{UNIT}{BACKENDS}\n[[upstream]]\n{other}{UNIT}{BACKENDS}");
    says(&text, "upstream `other` has the address and port of `php`");
}

#[test]
fn an_upstream_has_no_real_path() {
    let check = "check = { type = \"tcp\", real_path = false }\n";
    let text = format!("{PHP}{UNIT}{BACKENDS}\n{check}");
    says(
        &text,
        "a check of an upstream has no `real_path`: its connections go to the backends' own addresses",
    );
}
