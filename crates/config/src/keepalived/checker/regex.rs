//! `regex` and its options: what of PCRE2 the crate `regex` has as well.

use super::super::super::diag::{Diagnostic, Reporter};
use super::super::super::draft::At;
use super::super::tree::Node;
use super::super::values;

/// Options that are flags of the crate `regex`.
const FLAGS: [(&str, char); 5] =
    [("caseless", 'i'), ("multiline", 'm'), ("dotall", 's'), ("extended", 'x'), ("ungreedy", 'U')];

/// Options that make the expression one of characters instead of bytes.
const UNICODE: [&str; 2] = ["utf", "ucp"];

/// Options that do not change whether an expression matches, as far as it is one for the crate.
const HARMLESS: [&str; 11] = [
    "alt_verbnames",
    "auto_callout",
    "dupnames",
    "never_backslash_c",
    "never_ucp",
    "never_utf",
    "no_auto_capture",
    "no_auto_possess",
    "no_dotstar_anchor",
    "no_start_optimize",
    "use_offset_limit",
];

/// What PCRE2 has and the crate `regex` has not, by how it begins.
const UNSUPPORTED: [(&str, &str); 12] = [
    ("(?=", "looking ahead"),
    ("(?!", "looking ahead"),
    ("(?<=", "looking behind"),
    ("(?<!", "looking behind"),
    ("(?>", "atomic groups"),
    ("(?(", "conditions"),
    ("(?R", "recursion"),
    ("(*", "verbs"),
    ("\\k", "references to groups"),
    ("\\g", "references to groups"),
    ("\\K", "resetting the start of a match"),
    ("\\Q", "quoting"),
];

/// Properties of characters.
const PROPERTIES: [&str; 2] = ["\\p", "\\P"];

/// The statements of a `url` that are about its regular expression.
#[derive(Default)]
pub(super) struct Written {
    pattern: Option<At<String>>,
    no_match: Option<At<bool>>,
    flags: String,
    unicode: bool,
}

impl Written {
    pub(super) fn read(&mut self, node: &Node, reporter: &mut Reporter) {
        match node.keyword() {
            "regex" => self.pattern = values::text(node, reporter),
            "regex_no_match" => self.no_match = Some(At::new(true, node.span())),
            "regex_options" => self.options(node, reporter),
            _ => {}
        }
    }

    fn options(&mut self, node: &Node, reporter: &mut Reporter) {
        for word in node.values() {
            let name = word.text.as_str();
            if let Some((_, flag)) = FLAGS.iter().find(|(option, _)| *option == name) {
                self.flags.push(*flag);
            } else if UNICODE.contains(&name) {
                self.unicode = true;
            } else if !HARMLESS.contains(&name) {
                let quoted = reporter.quote(&word.span);
                let message = format!(
                    "`{quoted}`: this option of PCRE2 is not supported, and matches can be different: it"
                );
                reporter.ignored(Diagnostic::at(&word.span, message));
            }
        }
    }

    /// The expression as the crate `regex` takes it, and whether a match is bad. An expression that
    /// the crate does not have is left out with a diagnostic: the rest of the answer is checked.
    pub(super) fn finish(self, reporter: &mut Reporter) -> (Option<At<String>>, Option<At<bool>>) {
        let Some(At { value: pattern, span }) = self.pattern else {
            if let Some(no_match) = self.no_match {
                let message = "without a `regex` there is nothing to match: this";
                reporter.ignored(Diagnostic::at(&no_match.span, message));
            }
            return (None, None);
        };
        if let Some(what) = unsupported(&pattern) {
            let message = format!(
                "this regex of PCRE2 is different from what is supported, which has no {what}: it"
            );
            let help = "the status and the digest of the answer are checked without it";
            reporter.ignored(Diagnostic::at(&span, message).help(help));
            return (None, None);
        }
        // Without `utf` PCRE2 matches bytes. The crate has no properties of bytes.
        let bytes =
            !self.unicode && pattern.is_ascii() && !PROPERTIES.iter().any(|p| pattern.contains(p));
        let bytes = if bytes { "-u" } else { "" };
        let flags = format!("{}{bytes}", self.flags);
        let flags = if flags.is_empty() { flags } else { format!("(?{flags})") };
        (Some(At::new(format!("{flags}{pattern}"), &span)), self.no_match)
    }
}

/// What the crate `regex` does not have of a pattern.
fn unsupported(pattern: &str) -> Option<&'static str> {
    let mut rest = pattern;
    let mut class = false;
    while let Some(c) = rest.chars().next() {
        let found = UNSUPPORTED.iter().find(|(start, _)| !class && rest.starts_with(start));
        if let Some((_, what)) = found {
            return Some(what);
        }
        let mut length = c.len_utf8();
        match c {
            '\\' => {
                let escaped = rest[1..].chars().next();
                if escaped.is_some_and(|c| !class && c.is_ascii_digit() && c != '0') {
                    return Some("references to groups");
                }
                length += escaped.map_or(0, char::len_utf8);
            }
            '[' => class = true,
            ']' => class = false,
            '*' | '+' | '?' | '}' if !class && rest[1..].starts_with('+') => {
                return Some("possessive repetition");
            }
            _ => {}
        }
        rest = &rest[length..];
    }
    None
}
