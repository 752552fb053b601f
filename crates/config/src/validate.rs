//! A draft to the model: the checks that hold for both languages.
//!
//! Every problem is reported, not only the first. The model is made even when there are errors
//! (with harmless values in place of wrong ones) so that later checks still run;
//! [`Reporter::finish`] then throws it away.

mod backend;
mod check;
mod command;
mod delivery;
mod election;
mod group;
mod guard;
mod hmac;
mod notify;
mod route;
mod router;
mod script;
mod service;
mod tunnel;
mod upstream;
mod values;

use std::net::SocketAddr;
use std::time::Duration;

use super::diag::{Diagnostic, Reporter};
use super::draft::{At, Draft, Metrics};
pub(super) use delivery::default_group;
pub(super) use hmac::HEX;
use vrrp_model::Config;

/// Checks `draft` and makes the model; `None` when there is an error.
pub(super) fn config(draft: &Draft, host_name: &str, reporter: &mut Reporter) -> Option<Config> {
    let node = draft.node.as_ref().and_then(|node| {
        let read = |reporter: &mut Reporter| values::name(node, "the node's name", reporter);
        reporter.part("the host's name is in its place", read).map(|()| node.value.clone())
    });
    let node = node.unwrap_or_else(|| host_name.to_owned());
    let metrics = metrics(draft.metrics.as_ref(), reporter);
    let api_socket =
        values::absolute(draft.api_socket.as_ref(), "api_socket", Config::API_SOCKET, reporter);
    let bpf_dir = values::absolute(draft.bpf_dir.as_ref(), "bpf_dir", Config::BPF_DIR, reporter);
    let startup_delay =
        values::time(draft.startup_delay.as_ref(), "startup_delay", Duration::ZERO, reporter);
    check_names(draft, reporter);
    let election = election::validate(&draft.election, reporter);
    let secure = draft.script_security.unwrap_or(true);
    let (scripts, wrong) = script::validate_all(&draft.scripts, secure, reporter);
    let routers = router::validate_all(&draft.routers, &draft.scripts, reporter);
    let groups = group::validate(&draft.groups, &draft.routers, reporter);
    let services = service::validate_all(&draft.services, &routers, secure, reporter);
    let routing = route::validate(&draft.static_routes, &draft.static_rules, reporter);
    let notify = notify::validate_all(draft, &services, secure, reporter);
    let fifos = notify::fifos(&draft.fifos, secure, reporter);
    let mail = draft.mail.as_ref().map(|mail| notify::mail(mail, host_name, reporter));
    let tunnel = tunnel::validate(&draft.tunnel, reporter);
    let upstreams: Vec<_> = draft
        .upstreams
        .iter()
        .map(|upstream| upstream::validate(upstream, secure, reporter))
        .collect();
    upstream::check_together(&draft.upstreams, &upstreams, reporter);
    if routers.is_empty() && !reporter.has_errors() {
        let none = Diagnostic::whole_file("no virtual router in this file")
            .help("it would make the agent do nothing");
        match draft.services.is_empty() {
            true => reporter.error(none),
            // keepalived is a balancer for addresses that the host has anyway.
            false => reporter.eased(none, "the agent does nothing"),
        }
    }
    if reporter.has_errors() {
        return None;
    }
    let mut config = Config {
        node,
        metrics,
        compare_rings: draft.compare_rings.unwrap_or(true),
        api_socket,
        bpf_dir,
        xdp: draft.xdp,
        pass_foreign_vrids: draft.pass_foreign_vrids,
        nat_forward_other: draft.nat_forward_other,
        startup_delay,
        release_on_exit: draft.release_on_exit.unwrap_or(true),
        election,
        routers,
        groups,
        scripts,
        routing,
        notify,
        fifos,
        mail,
        services,
        tunnel,
        upstreams,
    };
    config.remove_scripts(&wrong);
    Some(config)
}

/// Where metrics are served; `None` for nowhere.
fn metrics(written: Option<&At<Metrics>>, reporter: &mut Reporter) -> Option<SocketAddr> {
    let Some(At { value: Metrics::At(text), span }) = written else {
        let off = matches!(written, Some(At { value: Metrics::Off, .. }));
        return (!off).then_some(Config::METRICS);
    };
    let address = text.parse().ok();
    if address.is_none() {
        reporter.error(
            Diagnostic::at(span, format!("metrics `{text}` is not an address and port"))
                .help("write for example \"127.0.0.1:9165\", or false to turn it off"),
        );
    }
    address
}

fn check_names(draft: &Draft, reporter: &mut Reporter) {
    unique(draft.scripts.iter().map(|script| &script.name), "script", reporter);
    unique(draft.routers.iter().map(|router| &router.name), "virtual router", reporter);
    unique(draft.services.iter().map(|service| &service.name), "service", reporter);
    unique(draft.upstreams.iter().map(|upstream| &upstream.name), "upstream", reporter);
}

/// Names of one kind of thing must differ.
fn unique<'a>(names: impl Iterator<Item = &'a At<String>>, what: &str, reporter: &mut Reporter) {
    let mut seen = std::collections::HashMap::new();
    for name in names {
        if let Some(first) = seen.insert(&name.value, &name.span) {
            reporter.error(
                Diagnostic::at(
                    &name.span,
                    format!("the name of the {what} `{}` is used twice", name.value),
                )
                .related(first, "used here first"),
            );
        }
    }
}
