//! Characters that look like a brace, a quote or a blank, and are none: editors and web pages put
//! them into files.

use super::super::diag::{Diagnostic, Reporter};
use super::super::source::Span;

/// Says so of a word with such a character where it would matter.
pub(super) fn report(word: &str, span: &Span, reporter: &mut Reporter) {
    if word.is_ascii() {
        return;
    }
    let mut found = word.char_indices().filter_map(|(at, c)| {
        let what = match c {
            // In a word they stand for themselves.
            '\u{ff5b}' | '\u{ff5d}' if at + c.len_utf8() == word.len() => "brace",
            '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' if at == 0 => "quote",
            '\u{2018}'..='\u{201b}' if at == 0 => "quote",
            '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => "blank",
            c if c.is_whitespace() => "blank",
            _ => return None,
        };
        Some((c, what))
    });
    let Some((c, what)) = found.next() else { return };
    let number = u32::from(c);
    let message =
        format!("U+{number:04X} is no {what}: it is a part of this word, as in keepalived");
    let help = match what {
        "brace" => "write `{` or `}`",
        "quote" => "write `\"`",
        _ => "write a space",
    };
    let diagnostic = Diagnostic::at(span, message).help(help);
    match what {
        // The lines of a block would be read as those of the file.
        "brace" => reporter.error(diagnostic),
        _ => reporter.warning(diagnostic),
    }
}
