//! Keys that checks of some types alone have.

use super::super::super::diag::{Diagnostic, Reporter};
use super::super::super::draft::{At, CheckDraft};
use super::super::super::source::Span;
use super::http;
use vrrp_model::CheckType;

const HTTP: &[CheckType] = &[CheckType::Http, CheckType::Https];

fn key<'a, T>(
    types: &'static [CheckType],
    key: &'static str,
    written: &'a Option<At<T>>,
) -> Option<(&'static [CheckType], &'static str, &'a Span)> {
    written.as_ref().map(|written| (types, key, &written.span))
}

/// Reports what is written for checks of another type.
pub(super) fn check(draft: &CheckDraft, reporter: &mut Reporter) {
    use CheckType::{Dns, Https, Script, Smtp, Udp};
    let request = draft.own_request();
    let of_request = http::written(&request).into_iter().map(|(key, span)| (HTTP, key, span));
    let others = [
        key(HTTP, "requests", &draft.requests),
        key(HTTP, "version", &draft.version),
        key(&[Https], "sni", &draft.sni),
        key(&[Smtp], "helo", &draft.helo),
        key(&[Dns], "name", &draft.name),
        key(&[Dns], "record", &draft.record),
        key(&[Udp], "payload", &draft.payload),
        key(&[Udp], "reply", &draft.reply),
        key(&[Udp], "min_reply", &draft.min_reply),
        key(&[Udp], "max_reply", &draft.max_reply),
        key(&[Script], "command", &draft.command),
        key(&[Script], "user", &draft.user),
        key(&[Script], "user_group", &draft.user_group),
        key(&[Script], "dynamic", &draft.dynamic),
    ];
    for (types, key, span) in of_request.chain(others.into_iter().flatten()) {
        if types.contains(&draft.kind) {
            continue;
        }
        let types: Vec<_> = types.iter().map(|kind| format!("\"{kind}\"")).collect();
        let message = format!("only a check of type {} has `{key}`", types.join(" or "));
        reporter.error(Diagnostic::at(span, message));
    }
}
