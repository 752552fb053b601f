//! Text to words, braces and line ends.

use super::super::diag::{Diagnostic, Reporter};
use super::super::source::Span;
use super::expand::{Line, Lines};

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

/// Words of a whole configuration.
const MOST_TOKENS: usize = 1_000_000;

/// Splits all lines into tokens; an error that ends the reading is reported.
pub(super) fn lex(mut lines: Lines, reporter: &mut Reporter) -> Vec<Token> {
    let mut tokens = Vec::new();
    while let Some(line) = lines.next(reporter) {
        lex_line(&line, &mut tokens, reporter);
        if tokens.len() > MOST_TOKENS {
            let span = line.span(&(0..line.text().len()));
            reporter.error(Diagnostic::at(&span, format!("more than {MOST_TOKENS} words up to here")));
            break;
        }
    }
    tokens
}

fn lex_line(line: &Line, tokens: &mut Vec<Token>, reporter: &mut Reporter) {
    let text = line.text();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let mut end = at + next.len_utf8();
        let kind = match next {
            '{' => Kind::Open,
            '}' => Kind::Close,
            blank if blank.is_whitespace() => {
                at = end;
                continue;
            }
            _ => {
                let (word, word_end) = word(line, at, reporter);
                end = word_end.max(end);
                Kind::Word(word)
            }
        };
        tokens.push(Token { kind, span: line.span(&(at..end)) });
        at = end;
    }
    tokens.push(Token { kind: Kind::LineEnd, span: line.span(&(text.len()..text.len())) });
}

/// One word from `start`: quoted and bare parts written together belong together. Returns it and where it ends.
fn word(line: &Line, start: usize, reporter: &mut Reporter) -> (String, usize) {
    let text = line.text();
    let mut word = String::new();
    let mut quote: Option<(char, usize)> = None;
    let mut at = start;
    while let Some(c) = text[at..].chars().next() {
        let end = at + c.len_utf8();
        match (quote, c) {
            (Some((open, _)), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some((c, at)),
            // `${` belongs to a name that stands for nothing.
            (None, '{') if word.ends_with('$') => {
                let close = text[at..].find('}').map_or(text.len(), |length| at + length + 1);
                word.push_str(&text[at..close]);
                at = close;
                continue;
            }
            (None, '{' | '}') => return (word, at),
            (None, c) if c.is_whitespace() => return (word, at),
            (None | Some(('"', _)), '\\') => {
                let (escaped, length) = escape(&text[end..]);
                match escaped {
                    Some(escaped) => word.push(escaped),
                    None => {
                        let help = "only the lines of a `$NAME=` definition go on after a backslash";
                        let message = "there is no character that this backslash could escape";
                        reporter.error(Diagnostic::at(&line.span(&(at..end)), message).help(help));
                    }
                }
                at = end + length;
                continue;
            }
            (_, c) => {
                if c == char::REPLACEMENT_CHARACTER || (c.is_control() && c != '\t') {
                    let message = "control characters and broken UTF-8 are allowed in comments only";
                    reporter.error(Diagnostic::at(&line.span(&(at..end)), message));
                }
                word.push(c);
            }
        }
        at = end;
    }
    if let Some((_, opened)) = quote {
        reporter.error(Diagnostic::at(&line.span(&(opened..opened + 1)), "this quote is not closed on its line"));
    }
    (word, text.len())
}

/// What stands after a backslash: the character that is meant, `None` when there is none, and the length read.
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
            return (letter.map(|letter| char::from(letter as u8 & 31)), 1 + usize::from(letter.is_some()));
        }
        _ => return (Some(c), c.len_utf8()),
    };
    (Some(char::from(control)), 1)
}

/// A character by its number, of at most `most` digits: ASCII, but for zero.
fn numbered(rest: &str, skip: usize, most: usize, radix: u32) -> (Option<char>, usize) {
    let digits = rest[skip..].chars().take(most).take_while(|c| c.is_digit(radix)).count();
    let value = u8::from_str_radix(&rest[skip..skip + digits], radix).ok();
    (value.filter(|value| (1..128).contains(value)).map(char::from), skip + digits)
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
