//! Text to words, braces and line ends.

use super::super::diag::{Diagnostic, Reporter};
use super::super::source::Span;

/// Keywords that read another file in, in any block.
const INCLUDES: [&str; 6] = ["include", "includer", "includem", "includew", "includeb", "includea"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word without its quotes and escapes.
    Word(String),
    Open,
    Close,
    LineEnd,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub span: Span,
}

/// Splits a text into tokens; broken quotes and things not supported yet are reported.
pub(super) fn lex(text: &str, reporter: &mut Reporter) -> Vec<Token> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut tokens = Vec::new();
    let mut at = start;
    let mut line_begins = true;
    while let Some(next) = text[at..].chars().next() {
        let end = at + next.len_utf8();
        match next {
            '\n' => tokens.push(Token { kind: Kind::LineEnd, span: at..end }),
            '{' => tokens.push(Token { kind: Kind::Open, span: at..end }),
            '}' => tokens.push(Token { kind: Kind::Close, span: at..end }),
            '#' | '!' => {
                at = text[at..].find('\n').map_or(text.len(), |length| at + length);
                continue;
            }
            blank if blank.is_whitespace() => {}
            _ => {
                let (word, end) = word(text, at, reporter);
                check_supported(&text[at..end], &(at..end), line_begins, reporter);
                tokens.push(Token { kind: Kind::Word(word), span: at..end });
                at = end;
                line_begins = false;
                continue;
            }
        }
        // A brace begins a line of its own.
        line_begins = !next.is_whitespace() || next == '\n' || line_begins;
        at = end;
    }
    tokens
}

/// One word from `start`: quoted and bare parts written together belong together. Returns it and where it ends.
fn word(text: &str, start: usize, reporter: &mut Reporter) -> (String, usize) {
    let mut word = String::new();
    let mut quote: Option<(char, usize)> = None;
    let mut chars = text[start..].char_indices().map(|(at, c)| (start + at, c)).peekable();
    while let Some((at, c)) = chars.peek().copied() {
        match (quote, c) {
            (Some((_, opened)), '\n') => {
                reporter.error(Diagnostic::at(&(opened..opened + 1), "this quote is not closed on its line"));
                return (word, at);
            }
            (Some((open, _)), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some((c, at)),
            (None, '{' | '}' | '#' | '!') => {
                // `${` begins a variable: taken into the word, so that it is reported as one.
                if c != '{' || !word.ends_with('$') {
                    return (word, at);
                }
                word.push(c);
            }
            (None, c) if c.is_whitespace() => return (word, at),
            (None | Some(('"', _)), '\\') => {
                chars.next();
                match chars.peek() {
                    Some((_, '\n')) | None => {
                        reporter.error(Diagnostic::at(&(at..at + 1), "continuing a line with a backslash is not supported yet"));
                        return (word, at + 1);
                    }
                    Some((_, escaped)) => word.push(*escaped),
                }
            }
            (_, c) => {
                if c == char::REPLACEMENT_CHARACTER || (c.is_control() && c != '\t') {
                    let span = at..at + c.len_utf8();
                    reporter.error(Diagnostic::at(&span, "control characters and broken UTF-8 are allowed in comments only"));
                }
                word.push(c);
            }
        }
        chars.next();
    }
    if let Some((_, opened)) = quote {
        reporter.error(Diagnostic::at(&(opened..opened + 1), "this quote is not closed"));
    }
    (word, text.len())
}

/// Reports the parts of the language that would be misread as plain words.
fn check_supported(raw: &str, span: &Span, line_begins: bool, reporter: &mut Reporter) {
    let variable = raw.split('$').skip(1).any(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '{'));
    if variable {
        reporter.error(Diagnostic::at(span, "variables are not supported yet").help("write the value in place of its name"));
    } else if line_begins && INCLUDES.contains(&raw) {
        let diagnostic = Diagnostic::at(span, "including files is not supported yet");
        reporter.error(diagnostic.help("put the text in place of this line"));
    } else if line_begins && raw.starts_with('@') {
        let help = "give each node a file of its own, without the line's first word";
        reporter.error(Diagnostic::at(span, "conditional lines are not supported yet").help(help));
    } else if line_begins && (raw.starts_with("~SEQ") || raw.starts_with("~LST")) {
        reporter.error(Diagnostic::at(span, "sequences are not supported yet").help("write the lines out"));
    }
}

/// Splits a command line into words as a shell would, quotes and backslashes included, without expanding anything.
///
/// # Errors
///
/// A quote that is not closed or a backslash at the end, in words.
pub(in super::super) fn split_command(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None | Some('"'), '\\') => {
                word.get_or_insert_default().push(chars.next().ok_or("it ends in a backslash")?);
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed");
    }
    words.extend(word);
    Ok(words)
}
