//! Our own language: TOML, unknown keys are errors.

use super::diag::{Diagnostic, Reporter};
use super::draft::Draft;
use super::source::{Source, Span};
use vrrp_model::suggest;

/// A file larger than this is no configuration.
const LARGEST: usize = 16 * 1024 * 1024;

/// Reads the text; `None` after an error in its syntax or its keys (the parser stops at the first).
pub(super) fn read(source: &Source, reporter: &mut Reporter) -> Option<Draft> {
    let text = source.text();
    if text.len() > LARGEST {
        reporter.error(Diagnostic::whole_file("larger than 16 MiB"));
        return None;
    }
    if let Some(at) = text.find(char::REPLACEMENT_CHARACTER) {
        reporter.error(Diagnostic::at(&(at..at + 1), "not valid UTF-8"));
        return None;
    }
    for problem in source.problems() {
        reporter.error(Diagnostic::whole_file(problem));
    }
    for fragment in source.fragments() {
        check_fragment(text, fragment, reporter);
    }
    match ::toml::from_str(text) {
        Ok(draft) => Some(draft),
        Err(error) => {
            reporter.error(describe(source, &error));
            None
        }
    }
}

/// A key before a fragment's first table would fall into the last table of the file before it.
fn check_fragment(text: &str, fragment: Span, reporter: &mut Reporter) {
    let mut at = fragment.start;
    for line in text[fragment].split_inclusive('\n') {
        let content = line.trim();
        if !content.is_empty() && !content.starts_with('#') {
            if !content.starts_with("[[") {
                let problem = Diagnostic::at(
                    &(at..at + line.trim_end().len()),
                    "a file in conf.d begins with a table, `[[...]]`",
                );
                reporter.error(problem.help("the agent's own keys belong in the main file"));
            }
            return;
        }
        at += line.len();
    }
}

/// The parser's error, with a suggestion where it says which words it expected.
fn describe(source: &Source, error: &::toml::de::Error) -> Diagnostic {
    let span: Span = error.span().unwrap_or(0..0);
    // Such a message quotes the value.
    if error.message().starts_with("invalid") && source.is_secret(&span) {
        return Diagnostic::at(&span, "a password must be a string in quotes");
    }
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    let diagnostic = Diagnostic::at(&span, &message);
    let mut words = message.split('`').skip(1).step_by(2);
    match message.split_once(", expected") {
        Some((problem, _)) if problem.starts_with("unknown") => {
            let wrong = words.next().unwrap_or_default();
            diagnostic.suggest(suggest::nearest(wrong, words))
        }
        Some((problem, _))
            if problem.starts_with("invalid type: integer") && message.ends_with("a string") =>
        {
            diagnostic.help("durations are strings with a unit: \"1s\", \"250ms\"")
        }
        _ => diagnostic,
    }
}
