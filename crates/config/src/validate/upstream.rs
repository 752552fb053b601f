//! Upstreams: what processes of a cgroup may connect to, and where that goes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use vrrp_common::socket_maps::{MAX_BACKENDS, MAX_MEMBERS, MAX_UPSTREAMS};

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, UpstreamBackendDraft, UpstreamDraft};
use super::check::Context;
use super::{check, values};
use vrrp_model::{Cgroup, Family, Protocol, Upstream, UpstreamBackend};

/// Kinds of units that have a cgroup.
const UNITS: [&str; 3] = [".service", ".slice", ".scope"];

pub(super) fn validate(draft: &UpstreamDraft, secure: bool, reporter: &mut Reporter) -> Upstream {
    let context = Context { protocol: Protocol::Tcp, secure };
    values::name(&draft.name, "an upstream's name", reporter);
    let ip = values::unicast(&draft.address, "address", reporter)
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    check::no_real_path(draft.check.as_ref(), reporter);
    let address =
        SocketAddr::from((ip, values::number(&draft.port, "port", 1..=65_535_u16, reporter)));
    Upstream {
        name: draft.name.value.clone(),
        address,
        cgroup: cgroup(draft, reporter),
        balance: draft.balance,
        backends: backends(draft, address, reporter),
        check: check::validate(draft.check.as_ref(), context, reporter),
    }
}

fn cgroup(draft: &UpstreamDraft, reporter: &mut Reporter) -> Cgroup {
    const HELP: &str = "write unit = \"nginx.service\", or cgroup = \"/sys/fs/cgroup/...\"";
    match (&draft.cgroup, &draft.unit) {
        (Some(path), None) => {
            if !path.value.starts_with('/') {
                reporter.error(
                    Diagnostic::at(&path.span, "cgroup must be an absolute path").help(HELP),
                );
            }
            Cgroup::Path(PathBuf::from(&path.value))
        }
        (None, Some(unit)) => {
            check_unit(unit, reporter);
            Cgroup::Unit(unit.value.clone())
        }
        (Some(path), Some(unit)) => {
            let problem = Diagnostic::at(&unit.span, "an upstream has either a cgroup or a unit");
            reporter.error(problem.related(&path.span, "the cgroup"));
            Cgroup::Path(PathBuf::from(&path.value))
        }
        (None, None) => {
            let message =
                format!("upstream `{}` does not say whose connections it is for", draft.name.value);
            reporter.error(Diagnostic::at(&draft.name.span, message).help(HELP));
            Cgroup::Path(PathBuf::new())
        }
    }
}

fn check_unit(unit: &At<String>, reporter: &mut Reporter) {
    let text = unit.value.as_str();
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    if UNITS.iter().any(|kind| text.len() > kind.len() && text.ends_with(kind)) && printable {
        return;
    }
    let problem =
        Diagnostic::at(&unit.span, format!("`{text}` is not the name of a unit that has a cgroup"));
    reporter.error(match printable && !text.is_empty() && !text.contains('.') {
        true => problem.help(format!("write {text}.service")),
        false => problem.help("such as nginx.service; a path is written as cgroup = \"/...\""),
    });
}

fn backends(
    draft: &UpstreamDraft,
    upstream: SocketAddr,
    reporter: &mut Reporter,
) -> Vec<UpstreamBackend> {
    let name = &draft.name;
    if draft.backends.is_empty() {
        reporter
            .error(Diagnostic::at(&name.span, format!("upstream `{}` has no backend", name.value)));
    }
    if draft.backends.len() > MAX_MEMBERS {
        let message = format!(
            "upstream `{}` has {} backends: at most {MAX_MEMBERS}",
            name.value,
            draft.backends.len()
        );
        reporter.error(Diagnostic::at(&name.span, message));
    }
    let mut seen: HashMap<SocketAddr, &At<String>> = HashMap::new();
    let mut made = Vec::new();
    for written in &draft.backends {
        let Some(found) = backend(written, upstream, reporter) else {
            continue;
        };
        if let Some(first) = seen.insert(found.address, &written.address) {
            let message = format!("backend `{}` is listed twice", found.address);
            reporter.error(
                Diagnostic::at(&written.address.span, message)
                    .related(&first.span, "listed here first"),
            );
        }
        made.push(found);
    }
    if !made.is_empty() && made.iter().all(|backend| backend.weight == 0) {
        let message = format!(
            "every backend of upstream `{}` has weight 0: all connections are refused",
            name.value
        );
        reporter.warning(Diagnostic::at(&name.span, message));
    }
    made
}

fn backend(
    draft: &UpstreamBackendDraft,
    upstream: SocketAddr,
    reporter: &mut Reporter,
) -> Option<UpstreamBackend> {
    let weight =
        values::number_or(draft.weight.as_ref(), 1, "a backend's weight", 0..=1000_u16, reporter);
    let port =
        draft.port.as_ref().map(|port| values::number(port, "port", 1..=65_535_u16, reporter));
    let ip = values::unicast(&draft.address, "backend", reporter)?;
    if !upstream.ip().is_unspecified() && Family::of(ip) != Family::of(upstream.ip()) {
        let message = format!(
            "backend `{ip}` and the upstream's address `{}` are not of one family",
            upstream.ip()
        );
        reporter.error(
            Diagnostic::at(&draft.address.span, message)
                .help("a socket connects to addresses of its own family"),
        );
    }
    Some(UpstreamBackend {
        address: SocketAddr::from((ip, port.unwrap_or(upstream.port()))),
        weight,
    })
}

/// What holds between upstreams: no address twice, no upstream behind another, and all fit into the
/// kernel's tables.
pub(super) fn check_together(
    drafts: &[UpstreamDraft],
    upstreams: &[Upstream],
    reporter: &mut Reporter,
) {
    let mut seen: HashMap<SocketAddr, &UpstreamDraft> = HashMap::new();
    for (draft, upstream) in drafts.iter().zip(upstreams) {
        if let Some(first) = seen.insert(upstream.address, draft) {
            let message = format!(
                "upstream `{}` has the address and port of `{}`",
                draft.name.value, first.name.value
            );
            reporter.error(
                Diagnostic::at(&draft.name.span, message)
                    .related(&first.name.span, "the other upstream"),
            );
        }
    }
    for (draft, upstream) in drafts.iter().zip(upstreams) {
        for backend in &upstream.backends {
            if let Some(other) = seen.get(&backend.address) {
                let message = format!(
                    "backend `{}` of upstream `{}` is itself an upstream",
                    backend.address, draft.name.value
                );
                reporter.error(
                    Diagnostic::at(&draft.name.span, message)
                        .related(&other.name.span, "the upstream"),
                );
            }
        }
    }
    let count: usize = upstreams.iter().map(|upstream| upstream.backends.len()).sum();
    if let Some(last) = drafts
        .last()
        .filter(|_| upstreams.len() > MAX_UPSTREAMS as usize || count > MAX_BACKENDS as usize)
    {
        let message = format!(
            "too many upstreams: at most {MAX_UPSTREAMS}, with {MAX_BACKENDS} backends in all"
        );
        reporter.error(Diagnostic::at(&last.name.span, message));
    }
}
