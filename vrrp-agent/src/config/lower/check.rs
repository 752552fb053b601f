//! Health checks of backends.

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{CheckDraft, CheckKindDraft};
use super::values;
use crate::model::{Check, CheckKind, Protocol};

pub(super) fn lower(draft: &CheckDraft, protocol: Protocol, reporter: &mut Reporter) -> Check {
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
