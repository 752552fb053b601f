//! The paths that Rust code names.

use super::source::is_word;

/// `a::b::C` in a `use` declaration or in an expression.
#[derive(Debug, PartialEq, Eq)]
pub struct CodePath {
    /// From 1.
    pub line: usize,
    /// A glob ends in `*`; `self` at the end of a tree is omitted.
    pub segments: Vec<String>,
    /// Whether it is in a `pub use`: the module re-exports it and does not use it itself.
    pub reexported: bool,
}

/// Every path of at least two segments, and every path of a `use` declaration, spelled out.
pub fn code_paths(code: &[String]) -> Vec<CodePath> {
    let mut found = Vec::new();
    let mut reader = UseReader::default();
    for (index, line) in code.iter().enumerate() {
        let mut rest = line.as_str();
        while let Some(c) = rest.chars().next() {
            let length = if is_word(c) { path_length(rest) } else { c.len_utf8() };
            let (token, after) = rest.split_at(length);
            rest = after;
            if c.is_whitespace() {
                continue;
            }
            if reader.open || token == "use" {
                reader.take(token, index + 1, &mut found);
            } else if token.contains("::") {
                let segments = token.split("::").map(str::to_owned).collect();
                found.push(CodePath { line: index + 1, segments, reexported: false });
            }
            reader.public = match token {
                "pub" => true,
                "(" | ")" | "crate" | "super" | "in" => reader.public,
                _ => false,
            };
        }
    }
    found
}

/// The length of `a::b::c` at the start of `text`.
fn path_length(text: &str) -> usize {
    let mut end = 0;
    loop {
        end += text[end..].find(|c| !is_word(c)).unwrap_or(text.len() - end);
        match text[end..].strip_prefix("::") {
            Some(after) if after.starts_with(is_word) => end += 2,
            _ => return end,
        }
    }
}

/// A `use` declaration while it is read.
#[derive(Default)]
struct UseReader {
    open: bool,
    /// The tokens just before are a visibility.
    public: bool,
    reexported: bool,
    renaming: bool,
    /// The segments before each open brace.
    prefixes: Vec<Vec<String>>,
    /// Read since the last comma or brace.
    pending: Vec<String>,
}

impl UseReader {
    fn take(&mut self, token: &str, line: usize, found: &mut Vec<CodePath>) {
        match token {
            "use" if !self.open => {
                *self = Self { open: true, reexported: self.public, ..Self::default() };
            }
            "{" => self.prefixes.push(std::mem::take(&mut self.pending)),
            "}" => {
                self.finish(line, found);
                self.prefixes.pop();
            }
            "," => self.finish(line, found),
            ";" => {
                self.finish(line, found);
                self.open = false;
            }
            "as" => self.renaming = true,
            "*" => self.pending.push(token.to_owned()),
            word if word.starts_with(is_word) && !self.renaming => {
                self.pending.extend(word.split("::").map(str::to_owned));
            }
            _ => {}
        }
    }

    fn finish(&mut self, line: usize, found: &mut Vec<CodePath>) {
        self.renaming = false;
        let mut rest = std::mem::take(&mut self.pending);
        if rest.is_empty() {
            return;
        }
        if rest.last().is_some_and(|last| last == "self") && !self.prefixes.is_empty() {
            rest.pop();
        }
        let segments = self.prefixes.iter().flatten().cloned().chain(rest).collect();
        found.push(CodePath { line, segments, reexported: self.reexported });
    }
}
