//! The meaning of a service, for people.

use std::fmt::Write;
use std::net::SocketAddr;

use super::list;
use vrrp_model::{
    Backend, Check, CheckKind, Forward, Fragments, Guard, Persistence, Rate, Service, Tunnel,
};

pub(super) fn describe(text: &mut String, service: &Service) {
    let protocol = service.protocol.label().to_ascii_uppercase();
    let front = SocketAddr::new(service.address, service.port);
    let backends = list(service.backends.iter().map(|backend| name_backend(backend, service.port)));
    let _ = writeln!(text, "  service {}: {protocol} {front} to {backends}", service.name);
    describe_check(text, &service.check);
    for (backend, check) in &service.own_checks {
        if let Some(backend) = service.backends.get(*backend) {
            let place = place(backend, service.port);
            for check in check.all() {
                let _ = writeln!(text, "    {place} {}", checked(check));
            }
        }
    }
    let by = match service.persistence {
        Persistence::Flow => "by flow",
        Persistence::Source => "by source address",
    };
    let fragments = match service.fragments {
        Fragments::Drop => "dropped",
        Fragments::Steer => "steered",
    };
    let drain = match service.drain.is_zero() {
        true => "flows leave a drained backend at once".to_owned(),
        false => format!("flows stay with a drained backend for {:?}", service.drain),
    };
    let _ = writeln!(text, "    spread {by}, fragments {fragments}, {drain}");
    if let Some(sorry) = &service.sorry {
        let (quorum, place) = (service.quorum, place(sorry, service.port));
        let mode = forwarding(sorry.forward).map_or(String::new(), |mode| format!(" ({mode})"));
        let _ = writeln!(
            text,
            "    sorry server {place}{mode} while the usable backends weigh less than {quorum}"
        );
    }
    describe_guard(text, &service.guard);
}

pub(super) fn describe_check(text: &mut String, check: &Check) {
    for check in check.all() {
        let _ = match check.kind {
            CheckKind::None => writeln!(text, "    backends are not checked"),
            _ => writeln!(text, "    {}", checked(check)),
        };
    }
}

fn checked(check: &Check) -> String {
    if check.kind == CheckKind::None {
        return "is not checked: it counts as up".to_owned();
    }
    let Check { kind, address, interval, timeout, retry_interval, rise, fall, also: _ } = check;
    let address = address.map_or(String::new(), |address| format!(" at {address}"));
    let retries = match retry_interval {
        Some(pause) if *fall > 1 => format!(", {pause:?} apart"),
        _ => String::new(),
    };
    format!(
        "checked by {kind}{address} each {interval:?}, at most {timeout:?}, up after {rise}, down after {fall}{retries}",
    )
}

fn describe_guard(text: &mut String, guard: &Guard) {
    let mut limit = |rate: Option<Rate>, whose: &str| {
        if let Some(Rate { per_second, burst }) = rate {
            let _ = writeln!(
                text,
                "    at most {per_second} new connections a second of {whose}, {burst} at once"
            );
        }
    };
    limit(guard.new_per_source, "a source");
    limit(guard.new_total, "all sources");
    if !guard.allow.is_empty() {
        let _ =
            writeln!(text, "    for {} alone", list(guard.allow.iter().map(ToString::to_string)));
    }
    if !guard.deny.is_empty() {
        let _ = writeln!(text, "    not for {}", list(guard.deny.iter().map(ToString::to_string)));
    }
}

/// The origin of the tunnels' outer source addresses; empty without a tunnel.
pub(super) fn describe_tunnel(text: &mut String, tunnel: &Tunnel, services: &[Service]) {
    if !services.iter().flat_map(Service::targets).any(|target| target.forward == Forward::Ipip) {
        return;
    }
    let Tunnel { source_v4, source_v6 } = tunnel;
    let sources: Vec<String> =
        [source_v4.map(|prefix| prefix.to_string()), source_v6.map(|prefix| prefix.to_string())]
            .into_iter()
            .flatten()
            .collect();
    let sources = match sources.is_empty() {
        true => "the sending interface's own address".to_owned(),
        false => sources.join(" and "),
    };
    let _ = writeln!(text, "  tunnels from {sources}");
}

fn name_backend(backend: &Backend, service_port: u16) -> String {
    let mode = forwarding(backend.forward).map_or(String::new(), |mode| format!(", {mode}"));
    format!("{} (weight {}{mode})", place(backend, service_port), backend.weight)
}

/// The port, if it differs from the service's.
fn place(backend: &Backend, service_port: u16) -> String {
    match backend.port == service_port {
        true => backend.address.to_string(),
        false => SocketAddr::new(backend.address, backend.port).to_string(),
    }
}

/// `None` for the default.
fn forwarding(forward: Forward) -> Option<&'static str> {
    match forward {
        Forward::Auto => None,
        Forward::Local => Some("local"),
        Forward::Dr => Some("direct return"),
        Forward::Ipip => Some("in a tunnel"),
        Forward::Nat => Some("by NAT"),
    }
}
