//! The text of a configuration, of one file or of several: positions in it, and a copy that is safe
//! to show.
//!
//! The texts of all files are concatenated, so that one number names a place in any of
//! them.

use std::fmt;
use std::ops::Range;

use super::redact::redact;

/// Byte range in a [`Source`].
pub type Span = Range<usize>;

/// The names and texts of a configuration's files. What is printed of it comes from a copy with the
/// passwords masked.
pub struct Source {
    files: Vec<File>,
    text: String,
    shown: String,
    line_starts: Vec<usize>,
    includes: Vec<Include>,
}

struct File {
    name: String,
    /// Where it begins and ends in the text.
    range: Span,
    /// Index of its first line.
    first_line: usize,
}

/// A line that reads other files in.
pub(super) struct Include {
    /// From its keyword to its end.
    pub span: Span,
    /// Indices of the files it names, in order.
    pub files: Vec<usize>,
    /// What is wrong with it.
    pub problem: Option<Problem>,
}

pub(super) struct Problem {
    pub message: String,
    /// Whether keepalived does not report it.
    pub silent: bool,
}

impl fmt::Debug for Source {
    /// Never prints the text: it holds passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl Source {
    /// Bytes that are not UTF-8 become U+FFFD; the readers complain where that matters (keepalived
    /// comments may hold any bytes).
    pub fn new(name: impl Into<String>, bytes: &[u8]) -> Self {
        Self::of_files(vec![(name.into(), String::from_utf8_lossy(bytes).into_owned())], Vec::new())
    }

    /// Several files, the main one first. The spans of `includes` count through all texts, a line
    /// feed between two files.
    pub(super) fn of_files(named: Vec<(String, String)>, includes: Vec<Include>) -> Self {
        let mut text = String::new();
        let mut files: Vec<File> = Vec::new();
        for (name, content) in named {
            if !files.is_empty() {
                text.push('\n');
            }
            let start = text.len();
            // The only file keeps its allocation.
            if text.is_empty() {
                text = content;
            } else {
                text.push_str(&content);
            }
            files.push(File { name, range: start..text.len(), first_line: 0 });
        }
        let shown = redact(&text);
        let line_starts: Vec<usize> =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        for file in &mut files {
            file.first_line = line_starts.partition_point(|start| *start < file.range.start);
        }
        Self { files, text, shown, line_starts, includes }
    }

    /// Of the main file.
    pub fn name(&self) -> &str {
        self.name_of(0)
    }

    /// Of the file that holds a byte offset.
    pub fn name_at(&self, offset: usize) -> &str {
        self.name_of(self.file_at(offset))
    }

    pub(super) fn name_of(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |file| file.name.as_str())
    }

    /// Index of the file that holds a byte offset.
    pub(super) fn file_at(&self, offset: usize) -> usize {
        self.files.partition_point(|file| file.range.start <= offset).saturating_sub(1)
    }

    /// Name and place of each file's text, the main one first.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &Span)> {
        self.files.iter().map(|file| (file.name.as_str(), &file.range))
    }

    /// Where a file's text is.
    pub(super) fn file_range(&self, file: usize) -> Span {
        self.files.get(file).map_or(0..0, |file| file.range.clone())
    }

    /// Where the texts of all files but the main one are.
    pub(super) fn fragments(&self) -> impl Iterator<Item = Span> {
        self.files.iter().skip(1).map(|file| file.range.clone())
    }

    /// What went wrong with files that the main one does not name.
    pub(super) fn problems(&self) -> impl Iterator<Item = &str> {
        self.includes.iter().filter_map(|include| Some(include.problem.as_ref()?.message.as_str()))
    }

    /// The include that begins at a byte offset.
    pub(super) fn include_at(&self, offset: usize) -> Option<&Include> {
        let at = self.includes.binary_search_by_key(&offset, |include| include.span.start).ok()?;
        self.includes.get(at)
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

    /// Line and column of a byte offset in its file, both from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line_of(offset);
        let start = self.line_starts[line];
        let end = floor_boundary(&self.text, offset).max(start);
        (self.line_number(line), self.text[start..end].chars().count() + 1)
    }

    /// A line's number in its file, from 1.
    pub(super) fn line_number(&self, line: usize) -> usize {
        let start = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        let first = self.files.get(self.file_at(start)).map_or(0, |file| file.first_line);
        line - first + 1
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
