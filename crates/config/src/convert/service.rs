//! Services as TOML.

use ipnet::IpNet;

use super::check::check;
use super::text::{Text, duration, inline_table, string, unless};
use vrrp_model::{
    Backend, Check, CheckKind, Forward, Fragments, Guard, Persistence, Protocol, Rate, Service,
};

pub(super) fn write(text: &mut Text, service: &Service) {
    let Service {
        name,
        address,
        port,
        protocol,
        persistence,
        fragments,
        drain,
        quorum,
        sorry,
        guard,
        backends,
        check,
        own_checks,
        real_path,
    } = service;
    text.key("name", &string(name));
    text.key("address", &string(&address.to_string()));
    text.key("port", &port.to_string());
    text.key("protocol", &string(protocol.label()));
    if *persistence != Persistence::default() {
        text.key("persistence", &string(persistence.label()));
    }
    if *fragments != Fragments::default() {
        text.key("fragments", &string(fragments.label()));
    }
    if *drain != Service::DRAIN {
        text.key("drain", &duration(*drain));
    }
    text.list(
        "backends",
        backends
            .iter()
            .enumerate()
            .map(|(at, backend)| self::backend(backend, *port, own_checks.get(&at))),
    );
    if *quorum != 1 {
        text.key("quorum", &quorum.to_string());
    }
    if let Some(sorry) = sorry {
        let Backend { address, port: own, weight: _, forward } = sorry;
        let place = inline_table([
            ("address", Some(string(&address.to_string()))),
            ("port", unless(own.to_string(), &port.to_string())),
            (
                "forward",
                unless(forward.label().to_owned(), Forward::default().label())
                    .map(|word| string(&word)),
            ),
        ]);
        text.key("sorry_server", &place);
    }
    // Where it is not possible it is not written either.
    let possible = *protocol == Protocol::Tcp && check.kind != CheckKind::None;
    text.key("check", &super::check::check(check, *real_path || !possible));
    write_guard(text, guard);
}

fn backend(backend: &Backend, service_port: u16, own_check: Option<&Check>) -> String {
    let Backend { address, port, weight, forward } = backend;
    inline_table([
        ("address", Some(string(&address.to_string()))),
        ("port", unless(port.to_string(), &service_port.to_string())),
        ("weight", Some(weight.to_string())),
        (
            "forward",
            unless(forward.label().to_owned(), Forward::default().label())
                .map(|word| string(&word)),
        ),
        ("check", own_check.map(|own| check(own, true))),
    ])
}

fn write_guard(text: &mut Text, guard: &Guard) {
    if *guard == Guard::default() {
        return;
    }
    let Guard { new_per_source, new_total, allow, deny } = guard;
    text.single_table("service.guard");
    for (key, rate) in [("new_per_source", new_per_source), ("new_total", new_total)] {
        if let Some(Rate { per_second, burst }) = rate {
            text.key(key, &format!("{{ per_second = {per_second}, burst = {burst} }}"));
        }
    }
    for (key, prefixes) in [("allow", allow), ("deny", deny)] {
        if !prefixes.is_empty() {
            text.list(key, prefixes.iter().map(|prefix: &IpNet| string(&prefix.to_string())));
        }
    }
}
