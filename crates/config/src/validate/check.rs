//! Health checks of backends.

mod http;

use std::net::IpAddr;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, CheckDraft};
use super::values;
use vrrp_model::{Check, CheckKind, CheckType, HttpCheck, HttpVersion, Protocol};

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
        return Check::new(kind);
    };
    let port =
        draft.port.as_ref().map(|port| values::number(port, "port", 1..=65_535_u16, reporter));
    let kind = match draft.kind {
        CheckType::None => CheckKind::None,
        CheckType::Tcp => CheckKind::Tcp { port },
        CheckType::Http | CheckType::Https => CheckKind::Http(HttpCheck {
            port,
            tls: (draft.kind == CheckType::Https).then(|| http::sni(draft, reporter)),
            version: draft.version.as_ref().map_or(HttpVersion::default(), |version| version.value),
            requests: http::requests(draft, reporter),
        }),
        CheckType::FastCgi => CheckKind::FastCgi { port },
    };
    if protocol == Protocol::Udp && kind != CheckKind::None && port.is_none() {
        let message = "a UDP service has no port that this check could connect to";
        reporter.error(
            Diagnostic::at(span, message).help("give the check a `port`, or use `type = \"none\"`"),
        );
    }
    misplaced(draft, reporter);
    let second = Check::SECOND;
    Check {
        kind,
        address: address(draft, reporter),
        interval: values::duration(draft.interval.as_ref(), "interval", second, reporter),
        timeout: values::duration(draft.timeout.as_ref(), "timeout", second, reporter),
        rise: values::number_or(draft.rise.as_ref(), 1, "rise", 1..=u32::MAX, reporter),
        fall: values::number_or(draft.fall.as_ref(), 1, "fall", 1..=u32::MAX, reporter),
    }
}

fn address(draft: &CheckDraft, reporter: &mut Reporter) -> Option<IpAddr> {
    let written = draft.address.as_ref()?;
    if draft.kind == CheckType::None {
        let message = "backends that are not checked are not asked at another address either";
        reporter.error(Diagnostic::at(&written.span, message));
    }
    values::unicast_or_loopback(written, "address", reporter)
}

/// Reports what is written for checks of another type.
fn misplaced(draft: &CheckDraft, reporter: &mut Reporter) {
    let request = draft.own_request();
    let mut of_http = http::written(&request);
    of_http.extend(draft.requests.as_ref().map(|written| ("requests", &written.span)));
    of_http.extend(draft.version.as_ref().map(|written| ("version", &written.span)));
    let sni = draft.sni.as_ref().map(|written| ("sni", &written.span));
    let by_type: [(&[CheckType], Vec<_>); 2] = [
        (&[CheckType::Http, CheckType::Https], of_http),
        (&[CheckType::Https], sni.into_iter().collect()),
    ];
    for (types, keys) in by_type.into_iter().filter(|(types, _)| !types.contains(&draft.kind)) {
        let types: Vec<_> = types.iter().map(|kind| format!("\"{kind}\"")).collect();
        for (key, span) in keys {
            let message = format!("only a check of type {} has `{key}`", types.join(" or "));
            reporter.error(Diagnostic::at(span, message));
        }
    }
}

/// A backend without a check counts as up.
pub(super) fn none() -> Check {
    Check::new(CheckKind::None)
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
