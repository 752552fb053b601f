//! `auth_hmac`.

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, HmacDraft, KeyDraft};
use super::keywords::AUTH_HMAC;
use super::tree::Node;
use super::values;
use vrrp_model::HmacMode;

/// `None` where a key cannot be read, which has been reported.
pub(super) fn read(node: &Node, reporter: &mut Reporter) -> Option<At<HmacDraft>> {
    let mut draft = HmacDraft { mode: HmacMode::default(), send: None, keys: Vec::new() };
    for statement in values::statements(node, &AUTH_HMAC, &["key"], reporter) {
        match statement.keyword() {
            "key" => draft.keys.push(key(statement, reporter)?),
            "active_key" => {
                let word = values::word(statement, reporter)?;
                draft.send = Some(values::parse_number(word, reporter)?);
            }
            _ => draft.mode = mode(statement, reporter),
        }
    }
    Some(At::new(draft, node.span()))
}

/// `key ID ascii:SECRET` or `key ID hex:SECRET`.
fn key(node: &Node, reporter: &mut Reporter) -> Option<KeyDraft> {
    let [id, secret] = node.values() else {
        let message = "`key` takes an id and a secret";
        reporter.error(
            Diagnostic::at(node.span(), message).help("key 1 ascii:SECRET, or key 1 hex:DIGITS"),
        );
        return None;
    };
    let id = values::parse_number(id, reporter)?;
    let text = match secret.text.split_once(':') {
        Some(("ascii", text)) => text.to_owned(),
        Some(("hex", _)) => secret.text.clone(),
        _ => {
            let message = "a secret begins with `ascii:` or `hex:`; secrets in files of their own are not supported";
            reporter.error(Diagnostic::at(&secret.span, message));
            return None;
        }
    };
    Some(KeyDraft { id, secret: At::new(text, &secret.span) })
}

fn mode(node: &Node, reporter: &mut Reporter) -> HmacMode {
    match values::word(node, reporter).map(|word| (word.text.as_str(), &word.span)) {
        Some(("enforce", _)) | None => HmacMode::Enforce,
        Some(("permissive", _)) => HmacMode::Permissive,
        Some(("receive-only", _)) => HmacMode::ReceiveOnly,
        Some((_, span)) => {
            reporter.error(Diagnostic::at(
                span,
                "the mode must be enforce, permissive or receive-only",
            ));
            HmacMode::Enforce
        }
    }
}
