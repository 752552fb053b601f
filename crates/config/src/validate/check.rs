//! Health checks of backends.

use std::time::Duration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, CheckDraft};
use super::values;
use vrrp_model::{Check, CheckKind, CheckType, Protocol};

/// How often a backend is asked where nothing is written, and how long its answer may take.
const SECOND: Duration = Duration::from_secs(1);

/// Without a check TCP is checked by connecting, UDP not at all.
pub(super) fn validate(
    written: Option<&At<CheckDraft>>,
    protocol: Protocol,
    reporter: &mut Reporter,
) -> Check {
    let Some(At { value: draft, span }) = written else {
        let kind = match protocol.default_check() {
            CheckType::Tcp => CheckKind::Tcp { port: None },
            _ => CheckKind::None,
        };
        return Check { kind, ..none() };
    };
    let port =
        draft.port.as_ref().map(|port| values::number(port, "port", 1..=65_535_u16, reporter));
    let kind = match draft.kind {
        CheckType::None => CheckKind::None,
        CheckType::Tcp => CheckKind::Tcp { port },
        CheckType::Http => CheckKind::Http { port, path: path(draft, reporter) },
        CheckType::FastCgi => CheckKind::FastCgi { port },
    };
    if protocol == Protocol::Udp && kind != CheckKind::None && port.is_none() {
        let message = "a UDP service has no port that this check could connect to";
        reporter.error(
            Diagnostic::at(span, message).help("give the check a `port`, or use `type = \"none\"`"),
        );
    }
    if let (Some(path), true) = (&draft.path, draft.kind != CheckType::Http) {
        reporter.error(Diagnostic::at(&path.span, "only a check of type \"http\" has a path"));
    }
    Check {
        kind,
        interval: values::duration(draft.interval.as_ref(), "interval", SECOND, reporter),
        timeout: values::duration(draft.timeout.as_ref(), "timeout", SECOND, reporter),
        rise: values::number_or(draft.rise.as_ref(), 1, "rise", 1..=u32::MAX, reporter),
        fall: values::number_or(draft.fall.as_ref(), 1, "fall", 1..=u32::MAX, reporter),
    }
}

/// A backend without a check counts as up.
pub(super) fn none() -> Check {
    Check { kind: CheckKind::None, interval: SECOND, timeout: SECOND, rise: 1, fall: 1 }
}

/// Whether backends are asked on the real path as well: where that is possible, unless it is
/// switched off.
pub(super) fn real_path(
    draft: Option<&At<CheckDraft>>,
    protocol: Protocol,
    reporter: &mut Reporter,
) -> bool {
    let kind = draft.map_or(protocol.default_check(), |draft| draft.value.kind);
    let possible = protocol == Protocol::Tcp && kind != CheckType::None;
    let written = draft.and_then(|draft| draft.value.real_path.as_ref());
    if let Some(At { value: true, span }) = written
        && !possible
    {
        let message = match protocol {
            Protocol::Udp => "UDP has no connections that could be asked for on the real path",
            Protocol::Tcp => "backends that are not checked are not asked on the real path either",
        };
        reporter.error(Diagnostic::at(span, message).help("leave `real_path` out"));
    }
    possible && written.is_none_or(|written| written.value)
}

/// The check of a single backend: whether the real path is asked is a matter of the whole service.
pub(super) fn of_one_backend(draft: &CheckDraft, reporter: &mut Reporter) {
    if let Some(written) = &draft.real_path {
        let message = "the check of a single backend has no `real_path`: it is switched for the whole service";
        reporter.error(
            Diagnostic::at(&written.span, message).help("write it in the check of the service"),
        );
    }
}

/// Upstreams have none.
pub(super) fn no_real_path(draft: Option<&At<CheckDraft>>, reporter: &mut Reporter) {
    if let Some(written) = draft.and_then(|draft| draft.value.real_path.as_ref()) {
        let message = "a check of an upstream has no `real_path`: its connections go to the backends' own addresses";
        reporter.error(Diagnostic::at(&written.span, message).help("leave it out"));
    }
}

/// The request path, `/` when not written: it goes on the wire as it is.
fn path(draft: &CheckDraft, reporter: &mut Reporter) -> String {
    let Some(path) = &draft.path else {
        return "/".to_owned();
    };
    let printable = path.value.bytes().all(|byte| byte.is_ascii_graphic());
    if !path.value.starts_with('/') || !printable {
        reporter.error(Diagnostic::at(
            &path.span,
            "path must begin with `/` and hold no spaces or control characters",
        ));
    }
    path.value.clone()
}
