//! The requests of a check, and the answers that are good.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::super::super::diag::{Diagnostic, Reporter};
use super::super::super::draft::{self, At, CheckDraft, RequestDraft, SniDraft};
use super::super::super::source::Span;
use vrrp_model::{BodyRegex, HttpRequest, Sni};

/// A key that is written, and where.
type Written<'a> = (&'static str, &'a Span);

/// The requests of `draft`: those of its list, or the one that its own keys are.
pub(super) fn requests(draft: &CheckDraft, reporter: &mut Reporter) -> Vec<HttpRequest> {
    let Some(At { value: listed, span }) = &draft.requests else {
        return vec![request(&draft.own_request(), reporter)];
    };
    if listed.is_empty() {
        reporter.error(Diagnostic::at(span, "an empty list of requests checks nothing"));
    }
    for (key, place) in written(&draft.own_request()) {
        let message = format!("`{key}` stands beside `requests`: each request has its own");
        reporter.error(Diagnostic::at(place, message).related(span, "the requests"));
    }
    listed.iter().map(|draft| request(draft, reporter)).collect()
}

/// The keys of a request that are written.
pub(super) fn written(draft: &RequestDraft) -> Vec<Written<'_>> {
    let RequestDraft { path, host, status, digest, regex, regex_no_match } = draft;
    let status = status.as_ref().and_then(|all| all.first()).map(|first| ("status", &first.span));
    let no_match = regex_no_match.as_ref().map(|written| ("regex_no_match", &written.span));
    let texts = [text("path", path), text("host", host), text("digest", digest)];
    let keys = texts.into_iter().chain([status, text("regex", regex), no_match]);
    keys.flatten().collect()
}

fn text<'a>(key: &'static str, written: &'a Option<At<String>>) -> Option<Written<'a>> {
    written.as_ref().map(|written| (key, &written.span))
}

/// The name in the TLS handshake, the request's host where nothing is written.
pub(super) fn sni(draft: &CheckDraft, reporter: &mut Reporter) -> Sni {
    match &draft.sni {
        None | Some(At { value: SniDraft::Switch(true), .. }) => Sni::Host,
        Some(At { value: SniDraft::Switch(false), .. }) => Sni::Off,
        Some(At { value: SniDraft::Name(name), span }) => {
            let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if name.is_empty() || !name.bytes().all(letters) || name.parse::<IpAddr>().is_ok() {
                reporter.error(Diagnostic::at(span, "sni must be the name of a host"));
            }
            Sni::Name(name.clone())
        }
    }
}

fn request(draft: &RequestDraft, reporter: &mut Reporter) -> HttpRequest {
    if let Some(host) = &draft.host {
        let printable = host.value.bytes().all(|byte| byte.is_ascii_graphic());
        if host.value.is_empty() || !printable {
            let message = "host must hold no spaces or control characters";
            reporter.error(Diagnostic::at(&host.span, message));
        }
    }
    HttpRequest {
        path: path(draft, reporter),
        host: draft.host.as_ref().map(|host| host.value.clone()),
        status: status(draft, reporter),
        digest: draft.digest.as_ref().and_then(|text| digest(text, reporter)),
        body: body(draft, reporter),
    }
}

/// The request path, `/` when not written: it goes on the wire as it is.
fn path(draft: &RequestDraft, reporter: &mut Reporter) -> String {
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

/// An empty list is as none: no answer would be good.
fn status(draft: &RequestDraft, reporter: &mut Reporter) -> Vec<RangeInclusive<u16>> {
    let mut ranges = Vec::new();
    for At { value, span } in draft.status.iter().flatten() {
        match value.range() {
            Some(range) => ranges.push(range),
            None => {
                let message = "a status must be 100 to 599, or a range such as \"200-299\"";
                reporter.error(Diagnostic::at(span, message));
            }
        }
    }
    if ranges.is_empty() {
        ranges.push(HttpRequest::STATUS);
    }
    ranges
}

fn digest(written: &At<String>, reporter: &mut Reporter) -> Option<[u8; 16]> {
    let parsed = draft::digest(&written.value);
    if parsed.is_none() {
        let message = "digest must be an MD5 digest: 32 hexadecimal digits";
        reporter.error(Diagnostic::at(&written.span, message));
    }
    parsed
}

fn body(draft: &RequestDraft, reporter: &mut Reporter) -> Option<BodyRegex> {
    let no_match = draft.regex_no_match.as_ref();
    let Some(regex) = &draft.regex else {
        if let Some(At { span, .. }) = no_match {
            reporter.error(Diagnostic::at(span, "regex_no_match needs a `regex`"));
        }
        return None;
    };
    let no_match = no_match.is_some_and(|written| written.value);
    Some(BodyRegex { pattern: regex.value.clone(), no_match })
}
