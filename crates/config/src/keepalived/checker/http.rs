//! What is of `HTTP_GET` and `SSL_GET` alone: their `url` blocks, version and TLS.

use super::super::super::diag::{Diagnostic, Reporter};
use super::super::super::draft::{self, At, RequestDraft, SniDraft, StatusDraft};
use super::super::keywords::URL;
use super::super::tree::Node;
use super::super::values;
use super::regex;
use vrrp_model::{CheckType, HttpVersion};

/// Good statuses where a `url` names none.
const STATUS: &str = "200-299";

pub(super) fn version(node: &Node, reporter: &mut Reporter) -> Option<At<HttpVersion>> {
    let word = values::word(node, reporter)?;
    let version = match word.text.as_str() {
        "1.0" => HttpVersion::Http10,
        "1.1" => HttpVersion::Http11,
        "1.0C" | "1.0c" => {
            let message = "HTTP/1.0 is asked without `Connection: close`, which it means anyway";
            reporter.warning(Diagnostic::at(&word.span, message));
            HttpVersion::Http10
        }
        _ => {
            let quoted = reporter.quote(&word.span);
            let message = format!("`{quoted}` is none of 1.0, 1.0C and 1.1: this version");
            reporter.ignored(Diagnostic::at(&word.span, message));
            return None;
        }
    };
    Some(At::new(version, &word.span))
}

/// `enable_sni`, `sni_name`; `None` in a check that has no TLS.
pub(super) fn sni(node: &Node, kind: CheckType, reporter: &mut Reporter) -> Option<At<SniDraft>> {
    if kind != CheckType::Https {
        let message = format!("`{}` has no effect: HTTP_GET has no TLS", node.keyword());
        reporter.warning(Diagnostic::at(node.span(), message));
        return None;
    }
    match node.keyword() {
        "sni_name" => {
            let name = values::text(node, reporter)?;
            Some(At::new(SniDraft::Name(name.value), &name.span))
        }
        _ => Some(At::new(SniDraft::Switch(values::switch(node, reporter)), node.span())),
    }
}

/// Reads a `url`; `host` is that of the levels above. `None` without a path: keepalived skips it.
pub(super) fn request(
    node: &Node,
    host: Option<&At<String>>,
    reporter: &mut Reporter,
) -> Option<RequestDraft> {
    let mut request = RequestDraft { host: host.cloned(), ..RequestDraft::default() };
    let mut expression = regex::Written::default();
    for statement in values::statements(node, &URL, &[], reporter) {
        match statement.keyword() {
            "path" => request.path = values::text(statement, reporter),
            "virtualhost" => {
                request.host = values::text(statement, reporter).or(request.host.take());
            }
            "status_code" => request.status = Some(statuses(statement, reporter)),
            "digest" => request.digest = digest(statement, reporter),
            _ => expression.read(statement, reporter),
        }
    }
    if request.path.is_none() {
        let message = "keepalived skips a `url` without a `path`: this one";
        reporter.ignored(Diagnostic::at(node.span(), message));
        return None;
    }
    if request.status.as_ref().is_none_or(Vec::is_empty) {
        let default = StatusDraft::Range(STATUS.to_owned());
        request.status = Some(vec![At::new(default, node.span())]);
    }
    (request.regex, request.regex_no_match) = expression.finish(reporter);
    Some(request)
}

/// The words that are statuses or ranges of them: keepalived skips the others too.
fn statuses(node: &Node, reporter: &mut Reporter) -> Vec<At<StatusDraft>> {
    if node.values().is_empty() {
        // Reported as for a single one.
        values::word(node, reporter);
    }
    let mut all = Vec::new();
    for word in node.values() {
        let status = StatusDraft::Range(word.text.clone());
        if status.range().is_some() {
            all.push(At::new(status, &word.span));
            continue;
        }
        let quoted = reporter.quote(&word.span);
        let message = format!("`{quoted}` is no status from 100 to 599, nor a range: it");
        reporter.ignored(Diagnostic::at(&word.span, message));
    }
    all
}

/// keepalived checks no digest either where it is not one.
fn digest(node: &Node, reporter: &mut Reporter) -> Option<At<String>> {
    let text = values::text(node, reporter)?;
    if draft::digest(&text.value).is_some() {
        return Some(text);
    }
    let message = "a digest is 32 hexadecimal digits, as `genhash` prints it: this one";
    reporter.ignored(Diagnostic::at(&text.span, message));
    None
}
