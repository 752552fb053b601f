//! Services, their backends and their health checks.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, CheckDraft, CheckKindDraft, ServiceDraft};
use super::values;
use crate::model::{Backend, Check, CheckKind, Protocol, Router, Service};

pub(super) fn lower(draft: &ServiceDraft, routers: &[Router], reporter: &mut Reporter) -> Service {
    values::name(&draft.name, "a service's name", reporter);
    let address = values::unicast_v4(&draft.address, "address", reporter);
    if let Some(address) = address {
        check_is_virtual(&draft.address, address, routers, reporter);
    }
    let port = values::number(&draft.port, "port", 1..=65_535_u16, reporter);
    if draft.backends.is_empty() {
        let message = format!("service `{}` has no backend", draft.name.value);
        reporter.error(Diagnostic::at(&draft.name.span, message));
    }
    Service {
        name: draft.name.value.clone(),
        address: address.unwrap_or(Ipv4Addr::UNSPECIFIED),
        port,
        protocol: draft.protocol,
        backends: backends(draft, reporter),
        check: check(&draft.check, draft.protocol, reporter),
    }
}

fn check_is_virtual(written: &At<String>, address: Ipv4Addr, routers: &[Router], reporter: &mut Reporter) {
    let all = || routers.iter().flat_map(|router| router.addresses.iter().chain(&router.excluded_addresses));
    if all().any(|virtual_address| virtual_address.address == address) {
        return;
    }
    let known: Vec<String> = all().map(|known| known.address.to_string()).take(8).collect();
    let diagnostic = Diagnostic::at(&written.span, format!("`{address}` is not a virtual address of any router in this file"));
    reporter.error(match known.as_slice() {
        [] => diagnostic,
        known => diagnostic.help(format!("virtual addresses here: {}", known.join(", "))),
    });
}

fn backends(draft: &ServiceDraft, reporter: &mut Reporter) -> Vec<Backend> {
    let mut seen: HashMap<Ipv4Addr, &At<String>> = HashMap::new();
    let mut lowered = Vec::new();
    for backend in &draft.backends {
        let weight = values::number(&backend.weight, "a backend's weight", 0..=1000_u16, reporter);
        let Some(address) = values::unicast_v4(&backend.address, "backend", reporter) else {
            continue;
        };
        if let Some(first) = seen.insert(address, &backend.address) {
            let message = format!("backend `{address}` is listed twice");
            reporter.error(Diagnostic::at(&backend.address.span, message).related(&first.span, "listed here first"));
        }
        lowered.push(Backend { address, weight, forward: backend.forward });
    }
    if !lowered.is_empty() && lowered.iter().all(|backend| backend.weight == 0) {
        let message = format!("every backend of service `{}` has weight 0: none takes connections", draft.name.value);
        reporter.warning(Diagnostic::at(&draft.name.span, message));
    }
    lowered
}

pub(super) fn check(draft: &CheckDraft, protocol: Protocol, reporter: &mut Reporter) -> Check {
    let port = draft.port.as_ref().map(|port| values::number(port, "port", 1..=65_535_u16, reporter));
    let kind = match draft.kind {
        CheckKindDraft::None => CheckKind::None,
        CheckKindDraft::Tcp => CheckKind::Tcp { port },
        CheckKindDraft::Http => CheckKind::Http { port, path: path(draft, reporter) },
        CheckKindDraft::FastCgi => CheckKind::FastCgi { port },
    };
    if protocol == Protocol::Udp && kind != CheckKind::None && port.is_none() {
        let message = "a UDP service has no port that this check could connect to";
        reporter.error(Diagnostic::at(&draft.span, message).help("give the check a `port`, or use `type = \"none\"`"));
    }
    if let (Some(path), true) = (&draft.path, draft.kind != CheckKindDraft::Http) {
        reporter.error(Diagnostic::at(&path.span, "only a check of type \"http\" has a path"));
    }
    Check {
        kind,
        interval: values::duration(&draft.interval, "interval", reporter),
        timeout: values::duration(&draft.timeout, "timeout", reporter),
        rise: values::number(&draft.rise, "rise", 1..=u32::MAX, reporter),
        fall: values::number(&draft.fall, "fall", 1..=u32::MAX, reporter),
    }
}

/// The request path, `/` when not written: it goes on the wire as it is.
fn path(draft: &CheckDraft, reporter: &mut Reporter) -> String {
    let Some(path) = &draft.path else {
        return "/".to_owned();
    };
    let printable = path.value.bytes().all(|byte| byte.is_ascii_graphic());
    if !path.value.starts_with('/') || !printable {
        reporter.error(Diagnostic::at(&path.span, "path must begin with `/` and hold no spaces or control characters"));
    }
    path.value.clone()
}

/// No two services on one address, port and protocol.
pub(super) fn check_together(drafts: &[ServiceDraft], reporter: &mut Reporter) {
    let mut seen: HashMap<(&str, i64, bool), &ServiceDraft> = HashMap::new();
    for draft in drafts {
        let key = (draft.address.value.as_str(), draft.port.value, draft.protocol == Protocol::Tcp);
        if let Some(first) = seen.insert(key, draft) {
            let message = format!("service `{}` has the address and port of `{}`", draft.name.value, first.name.value);
            reporter.error(Diagnostic::at(&draft.name.span, message).related(&first.name.span, "the other service"));
        }
    }
}
