//! Text to words, braces and line ends.

use std::ops::Range;

use super::super::diag::{Diagnostic, Reporter};
use super::super::source::Span;
use super::expand::{Line, Lines, is_blank};
use super::lookalikes;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word without its quotes, and in commands without escapes.
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

/// Words of a whole configuration.
const MOST_TOKENS: usize = 1_000_000;

/// Splits all lines into tokens; an error that ends the reading is reported.
pub(super) fn lex(mut lines: Lines, reporter: &mut Reporter) -> Vec<Token> {
    let mut tokens = Vec::new();
    while let Some(line) = lines.next(reporter) {
        lex_line(&line, &mut tokens, reporter);
        if tokens.len() > MOST_TOKENS {
            let span = line.span(&(0..line.text().len()));
            reporter
                .error(Diagnostic::at(&span, format!("more than {MOST_TOKENS} words up to here")));
            break;
        }
    }
    tokens
}

/// The keywords whose values keepalived reads as a shell would: escapes and single quotes are
/// undone. Everywhere else a double quote groups and ends a word, and all other characters stand
/// for themselves.
fn is_command(keyword: &str) -> bool {
    matches!(keyword, "script" | "misc_path" | "process" | "regex" | "quorum_up" | "quorum_down")
        || keyword.starts_with("notify")
}

fn lex_line(line: &Line, tokens: &mut Vec<Token>, reporter: &mut Reporter) {
    let text = line.text();
    let mut at = 0;
    // Whether the present statement is one of those; unknown before its keyword.
    let mut shell: Option<bool> = None;
    while let Some(next) = text[at..].chars().next() {
        let mut end = at + next.len_utf8();
        let kind = match next {
            '{' => Kind::Open,
            '}' => Kind::Close,
            blank if is_blank(blank) => {
                at = end;
                continue;
            }
            _ => {
                let (word, word_end) = match shell {
                    Some(true) => shell_word(line, at, reporter),
                    _ => plain_word(line, at, reporter),
                };
                lookalikes::report(&word, &line.span(&(at..word_end)), reporter);
                shell = shell.or_else(|| Some(is_command(&word)));
                end = word_end.max(end);
                Kind::Word(word)
            }
        };
        if kind == Kind::Open || kind == Kind::Close {
            shell = None;
        }
        tokens.push(Token { kind, span: line.span(&(at..end)) });
        at = end;
    }
    tokens.push(Token { kind: Kind::LineEnd, span: line.span(&(text.len()..text.len())) });
}

/// One word from `start`, as keepalived's `alloc_strvec` has it: up to the closing quote, or bare
/// up to a blank, a brace or a quote. Returns it and where it ends.
fn plain_word(line: &Line, start: usize, reporter: &mut Reporter) -> (String, usize) {
    let text = line.text();
    let (word, end) = match text[start..].strip_prefix('"') {
        Some(quoted) => match quoted.find('"') {
            Some(length) => (&quoted[..length], start + length + 2),
            None => {
                reporter.error(unclosed(line, start));
                (quoted, text.len())
            }
        },
        None => {
            let length = bare_length(&text[start..]);
            (&text[start..start + length], start + length)
        }
    };
    for (at, c) in word.char_indices() {
        let at = end.min(start + at);
        check_character(line, at..(at + c.len_utf8()).min(text.len()), c, reporter);
    }
    (word.to_owned(), end)
}

/// `${` belongs to a name without a value.
fn bare_length(text: &str) -> usize {
    let mut from = 0;
    loop {
        let rest = &text[from..];
        let end = rest
            .find(|c: char| is_blank(c) || matches!(c, '"' | '{' | '}'))
            .map_or(text.len(), |at| from + at);
        if !text[..end].ends_with('$') || !text[end..].starts_with('{') {
            return end;
        }
        match text[end..].find('}') {
            Some(close) => from = end + close + 1,
            None => return text.len(),
        }
    }
}

fn unclosed(line: &Line, at: usize) -> Diagnostic {
    Diagnostic::at(&line.span(&(at..at + 1)), "this quote is not closed on its line")
}

fn check_character(line: &Line, range: Range<usize>, c: char, reporter: &mut Reporter) {
    if c == char::REPLACEMENT_CHARACTER || (c.is_control() && c != '\t') {
        let message = "control characters and broken UTF-8 are allowed in comments only";
        let span = line.span(&range);
        match reporter.is_secret(&span) {
            // The password would have other bytes on the wire.
            true => reporter.error(Diagnostic::at(&span, message)),
            false => reporter.eased(Diagnostic::at(&span, message), "this character stays"),
        }
    }
}

/// One word of a command from `start`: quoted and bare parts written together belong together.
/// Returns it and where it ends.
fn shell_word(line: &Line, start: usize, reporter: &mut Reporter) -> (String, usize) {
    let text = line.text();
    let mut word = String::new();
    let mut quote: Option<(char, usize)> = None;
    let mut at = start;
    while let Some(c) = text[at..].chars().next() {
        let end = at + c.len_utf8();
        match (quote, c) {
            (Some((open, _)), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some((c, at)),
            // `${` belongs to a name without a value.
            (None, '{') if word.ends_with('$') => {
                let close = text[at..].find('}').map_or(text.len(), |length| at + length + 1);
                word.push_str(&text[at..close]);
                at = close;
                continue;
            }
            (None, '{' | '}') => return (word, at),
            (None, c) if is_blank(c) => return (word, at),
            (None | Some(('"', _)), '\\') => {
                let (escaped, length) = escape(&text[end..]);
                match escaped {
                    Some(escaped) => word.push(escaped),
                    None => {
                        let help =
                            "only the lines of a `$NAME=` definition go on after a backslash";
                        let message = "there is no character that this backslash could escape";
                        reporter.error(Diagnostic::at(&line.span(&(at..end)), message).help(help));
                    }
                }
                at = end + length;
                continue;
            }
            (_, c) => {
                check_character(line, at..end, c, reporter);
                word.push(c);
            }
        }
        at = end;
    }
    if let Some((_, opened)) = quote {
        reporter.error(unclosed(line, opened));
    }
    (word, text.len())
}

/// The character after a backslash: the character that is meant, `None` when there is none, and the
/// length read.
fn escape(rest: &str) -> (Option<char>, usize) {
    let Some(c) = rest.chars().next() else { return (None, 0) };
    let control = match c {
        'a' => 7,
        'b' => 8,
        'E' => 27,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        '0'..='7' => return numbered(rest, 0, 3, 8),
        'x' => return numbered(rest, 1, 2, 16),
        'c' => {
            let letter = rest[1..].chars().next().filter(char::is_ascii);
            return (
                letter.map(|letter| char::from(letter as u8 & 31)),
                1 + usize::from(letter.is_some()),
            );
        }
        _ => return (Some(c), c.len_utf8()),
    };
    (Some(char::from(control)), 1)
}

/// A character by its number, of at most `most` digits: ASCII, except zero.
fn numbered(rest: &str, skip: usize, most: usize, radix: u32) -> (Option<char>, usize) {
    let digits = rest[skip..].chars().take(most).take_while(|c| c.is_digit(radix)).count();
    let value = u8::from_str_radix(&rest[skip..skip + digits], radix).ok();
    (value.filter(|value| (1..128).contains(value)).map(char::from), skip + digits)
}

/// Splits a command line into words as a shell would, quotes and backslashes included, without
/// expanding anything.
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
