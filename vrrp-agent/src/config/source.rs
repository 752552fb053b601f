//! The text of a configuration file: positions in it, and a copy that is safe to show.

use std::fmt;
use std::ops::Range;

use super::suggest;

/// Byte range in a [`Source`].
pub type Span = Range<usize>;

/// A file's name and text. What is printed of it comes from a copy with the passwords masked.
pub struct Source {
    name: String,
    text: String,
    shown: String,
    line_starts: Vec<usize>,
}

impl fmt::Debug for Source {
    /// Never prints the text: it holds passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Source {
    /// Bytes that are not UTF-8 become U+FFFD; the readers complain where that matters (keepalived comments may hold any bytes).
    pub fn new(name: impl Into<String>, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let shown = mask(&text);
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name: name.into(), text, shown, line_starts }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text itself, passwords and all: for the readers only.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The same text, byte for byte as long, with passwords replaced by asterisks.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// What may be quoted of `span` in a message.
    pub(super) fn quote(&self, span: &Span) -> &str {
        self.shown.get(span.clone()).unwrap_or("")
    }

    /// Whether `span` touches anything masked.
    pub(super) fn is_secret(&self, span: &Span) -> bool {
        self.shown.get(span.clone()) != self.text.get(span.clone())
    }

    /// Line and column of a byte offset, both from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line_of(offset);
        let start = self.line_starts[line];
        let end = floor_boundary(&self.text, offset).max(start);
        (line + 1, self.text[start..end].chars().count() + 1)
    }

    /// Index of the line that holds a byte offset.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Byte range of a line, without its line feed.
    pub(super) fn line_range(&self, line: usize) -> Span {
        let start = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        let end = self.line_starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        start..end
    }
}

/// The last character boundary of `text` at or before `offset`.
pub(super) fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Replaces passwords by asterisks, byte by byte, in either language and in broken text too: it goes by the words alone.
fn mask(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while let Some(word) = next_word(text, at) {
        at = word.end;
        let name = &text[word];
        if suggest::is_near(name, "auth_pass") {
            at = mask_value(&mut bytes, at);
        } else if suggest::is_near(name, "authentication") {
            at = mask_block(text, &mut bytes, at);
        }
    }
    // Whole characters were overwritten by asterisks, so this replaces nothing.
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn next_word(text: &str, from: usize) -> Option<Span> {
    let bytes = text.as_bytes();
    let start = from + bytes.get(from..)?.iter().position(|byte| is_word(*byte))?;
    let len = bytes[start..].iter().position(|byte| !is_word(*byte)).unwrap_or(bytes.len() - start);
    Some(start..start + len)
}

/// Masks the value after a keyword that ends at `from`; returns where the value ends.
///
/// A quoted value ends at its quote when something follows that may follow a value; anything else is masked to the end of the line.
fn mask_value(bytes: &mut [u8], from: usize) -> usize {
    let mut at = from;
    if matches!(bytes.get(at), Some(b'"' | b'\'')) {
        at += 1; // the closing quote of a quoted TOML key
    }
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'=')) {
        at += 1;
    }
    if let Some(&quote @ (b'"' | b'\'')) = bytes.get(at) {
        let fence = if bytes[at..].starts_with(&[quote; 3]) { 3 } else { 1 };
        let end = quoted_end(&bytes[at..], quote, fence).map(|len| at + len);
        if let Some(end) = end {
            bytes[at + fence..end - fence].fill(b'*');
            let next = bytes[end..].iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
            if matches!(next, None | Some(b'\n' | b',' | b'}' | b'#')) {
                return end;
            }
            at = end;
        }
    }
    mask_line(bytes, at)
}

/// Length of a quoted value including its quotes; `None` when it is not closed (on its line, but for triple quotes).
fn quoted_end(bytes: &[u8], quote: u8, fence: usize) -> Option<usize> {
    let mut at = fence;
    while at < bytes.len() {
        match bytes[at] {
            b'\n' if fence == 1 => return None,
            b'\\' if quote == b'"' => at += 1,
            _ if bytes[at..].len() >= fence && bytes[at..at + fence].iter().all(|byte| *byte == quote) => {
                return Some(at + fence);
            }
            _ => {}
        }
        at += 1;
    }
    if fence == 3 { Some(bytes.len()) } else { None }
}

fn mask_line(bytes: &mut [u8], from: usize) -> usize {
    let end = bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |len| from + len);
    for byte in &mut bytes[from..end] {
        if !matches!(byte, b' ' | b'\t' | b'\r') {
            *byte = b'*';
        }
    }
    end
}

/// Masks every word of an `authentication { ... }` block but the block's own keywords: a password may stand where no keyword leads to
/// it. Returns where the block's inside begins.
fn mask_block(text: &str, bytes: &mut [u8], from: usize) -> usize {
    let rest = &text[from..];
    let open = rest.trim_start();
    if !open.starts_with('{') {
        return from;
    }
    let start = from + (rest.len() - open.len()) + 1;
    let end = text[start..].find('}').map_or(text.len(), |len| start + len);
    let mut at = start;
    for word in text[start..end].split(char::is_whitespace) {
        let known = ["auth_type", "auth_pass", "PASS", "AH"].iter().any(|keyword| suggest::is_near(word, keyword));
        if !known {
            bytes[at..at + word.len()].fill(b'*');
        }
        // What separates words may be longer than a byte.
        at += word.len() + text[at + word.len()..].chars().next().map_or(0, char::len_utf8);
    }
    // Not past the block: a brace in a password would end it early, the keyword's own rule covers the rest of that line.
    start
}
