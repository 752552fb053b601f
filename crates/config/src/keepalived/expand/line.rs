//! A line of text that remembers where each part of it was written.

use std::ops::Range;

use super::super::super::source::Span;

/// What separates words: keepalived knows no white space outside ASCII.
pub(in super::super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

/// Text put together from pieces of a source.
#[derive(Clone, Default)]
pub(in super::super) struct Line {
    text: String,
    parts: Vec<Part>,
    /// The backslash that a comment ended in, which was cut off.
    pub(super) continues: Option<usize>,
}

#[derive(Clone)]
struct Part {
    /// Where it begins in the text.
    start: usize,
    source: Span,
    /// Whether it stands in the source letter by letter; otherwise it stands for what is written
    /// there.
    verbatim: bool,
}

impl Line {
    /// `text` as it is written at `start` in the source.
    pub(in super::super) fn verbatim(text: &str, start: usize) -> Self {
        let mut line = Self::default();
        line.push_part(text, start..start + text.len(), true);
        line
    }

    /// `text` in place of what is written at `span`.
    pub(super) fn instead_of(span: &Span, text: &str) -> Self {
        let mut line = Self::default();
        line.push_part(text, span.clone(), false);
        line
    }

    pub(in super::super) fn text(&self) -> &str {
        &self.text
    }

    fn push_part(&mut self, text: &str, source: Span, verbatim: bool) {
        if !text.is_empty() {
            self.parts.push(Part { start: self.text.len(), source, verbatim });
            self.text.push_str(text);
        }
    }

    /// Adds a piece of another line.
    pub(super) fn push(&mut self, other: &Self, range: Range<usize>) {
        let first = other.part_at(range.start);
        for (at, part) in other.parts.iter().enumerate().skip(first) {
            if part.start >= range.end {
                break;
            }
            let end =
                other.parts.get(at + 1).map_or(other.text.len(), |next| next.start).min(range.end);
            let start = part.start.max(range.start);
            let source = match part.verbatim {
                true => {
                    part.source.start + (start - part.start)..part.source.start + (end - part.start)
                }
                false => part.source.clone(),
            };
            self.push_part(&other.text[start..end], source, part.verbatim);
        }
    }

    /// Adds all of another line.
    pub(super) fn append(&mut self, other: &Self) {
        self.push(other, 0..other.text.len());
    }

    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        let mut line = Self::default();
        line.push(self, range);
        line
    }

    /// Without blanks at either end.
    pub(super) fn trimmed(self) -> Self {
        let trimmed = self.text.trim_matches(is_blank);
        if trimmed.len() == self.text.len() {
            return self;
        }
        let start = self.text.len() - self.text.trim_start_matches(is_blank).len();
        let end = start + trimmed.len();
        Self { continues: self.continues, ..self.slice(start..end) }
    }

    fn part_at(&self, at: usize) -> usize {
        self.parts.partition_point(|part| part.start <= at).saturating_sub(1)
    }

    /// Where a part of the text was written: its first letters, when the others come from
    /// elsewhere.
    pub(in super::super) fn span(&self, range: &Range<usize>) -> Span {
        let first = self.part_at(range.start);
        let last = self.part_at(range.end.saturating_sub(1).max(range.start));
        let (Some(begin), Some(end)) = (self.parts.get(first), self.parts.get(last)) else {
            return 0..0;
        };
        let start = match begin.verbatim {
            true => begin.source.start + (range.start - begin.start),
            false => begin.source.start,
        };
        let to = |part: &Part, at: usize| match part.verbatim {
            true => part.source.start + (at - part.start),
            false => part.source.end,
        };
        let stop = to(end, range.end);
        // On the same line of the source, most likely: no longer than what is between.
        if stop > start && stop - start <= range.len() + begin.source.len() + end.source.len() {
            return start..stop;
        }
        let length =
            self.parts.get(first + 1).map_or(self.text.len(), |next| next.start).min(range.end);
        start..to(begin, length).max(start)
    }
}
