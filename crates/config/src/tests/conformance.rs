//! What the conformance list asks of a configuration.

use std::time::Duration;

use super::*;
use vrrp_election::{Input, Role, VirtualRouter};
use vrrp_model::Version;
use vrrp_model::time::Instant;

/// A router of version 3 with nothing but what it must have, and `more` lines.
fn router(vrid: u32, addresses: &str, more: &str) -> String {
    format!(
        "[[virtual_router]]\nname = \"a\"\ninterface = \"eth1\"\nvrid = {vrid}\naddresses = {addresses}\n{more}"
    )
}

fn said(text: &str) -> Vec<String> {
    lines(text, Language::Toml, Mode::Strict)
}

#[test]
fn vc028_vrid_0_is_refused() {
    assert_eq!(
        said(&router(0, "[\"192.0.2.9\"]", "")),
        ["F:4:8: error: a VRID must be 1 to 255, not 0"]
    );
    assert_eq!(said(&router(255, "[\"192.0.2.9\"]", "")), Vec::<String>::new());
}

#[test]
fn vc064_a_router_without_addresses_is_refused() {
    assert_eq!(
        said(&router(51, "[]", "")),
        ["F:2:8: error: virtual router `a` has no virtual address"]
    );
}

#[test]
fn vc066_the_defaults_are_the_rfcs() {
    for (more, version) in [("", Version::V3), ("version = 2\n", Version::V2)] {
        let (outcome, _) = read(&router(51, "[\"192.0.2.9\"]", more), Language::Toml, Mode::Strict);
        let config = outcome.config.expect("a configuration");
        let router = &config.routers[0];
        assert_eq!((router.version, router.priority, router.preempt), (version, 100, true));
        assert_eq!(
            (router.interval, router.preempt_delay),
            (Duration::from_secs(1), Duration::ZERO)
        );
    }
}

#[test]
fn vc067_an_owner_preempts_even_with_preemption_off() {
    let text = router(51, "[\"192.0.2.9\"]", "priority = 255\npreempt = false\n");
    let config = read(&text, Language::Toml, Mode::Strict).0.config.expect("a configuration");
    let mut machine = VirtualRouter::new((&config.routers[0]).into());
    machine
        .handle(Instant::default(), Input::Startup { source: [192, 0, 2, 9].into(), resume: None });
    assert_eq!(machine.role(), Role::Master);
}

#[test]
fn vc119_a_first_ipv6_address_that_is_not_link_local_is_warned_of() {
    let warning = "F:5:14: warning: the first IPv6 address should be link-local (fe80::/10), the virtual router's own \
                   (RFC 9568 section 5.2.9)";
    assert_eq!(said(&router(51, "[\"2001:db8::9\", \"fe80::9\"]", "")), [warning]);
    assert_eq!(said(&router(51, "[\"fe80::9\", \"2001:db8::9\"]", "")), Vec::<String>::new());
}
