//! Sizes of files, functions and lines. `xtask/tidy-ratchet.txt` lists the known exceptions with
//! their sizes; an exception may only shrink.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::source::{Source, words};

/// The list of known exceptions, from the root.
pub const RATCHET: &str = "xtask/tidy-ratchet.txt";

struct Limits {
    file: usize,
    function: usize,
}

const CODE: Limits = Limits { file: 500, function: 70 };
/// Tables of cases may be long.
const TESTS: Limits = Limits { file: 700, function: 140 };

/// Columns of a line, as in rustfmt.toml.
const WIDTH: usize = 100;
/// Tables whose rows are one line each.
const WIDE: &[&str] = &["tests/matrix", "tests/conformance"];

/// Known exceptions: `path` or `path::function`, and its lines.
pub struct Ratchet {
    known: BTreeMap<String, usize>,
}

impl Ratchet {
    /// One exception a line: `PATH LINES` or `PATH::FUNCTION LINES`; `#` begins a comment.
    pub fn parse(text: &str, findings: &mut Vec<Finding>) -> Self {
        let mut known = BTreeMap::new();
        for (index, line) in
            text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        {
            match line
                .split_once(' ')
                .and_then(|(name, size)| Some((name, size.trim().parse().ok()?)))
            {
                Some((name, size)) => drop(known.insert(name.to_owned(), size)),
                None => {
                    findings.push(Finding::new(RATCHET, index + 1, "not `PATH LINES`".to_owned()))
                }
            }
        }
        Self { known }
    }

    fn judge(
        &mut self,
        path: &str,
        line: usize,
        name: &str,
        size: usize,
        limit: usize,
    ) -> Option<Finding> {
        let text = match self.known.remove(name) {
            None if size <= limit => return None,
            None => format!("{name} has {size} lines, the limit is {limit}"),
            Some(_) if size <= limit => {
                format!("{name} fits its limit now: take it out of {RATCHET}")
            }
            Some(known) if size > known => {
                format!("{name} has grown from {known} to {size} lines; it may only shrink")
            }
            Some(known) if size < known => {
                format!("{name} has shrunk to {size} lines: write that into {RATCHET}")
            }
            Some(_) => return None,
        };
        Some(Finding::new(path, line, text))
    }

    /// Exceptions without a file or function.
    pub fn finish(self, findings: &mut Vec<Finding>) {
        let gone = self.known.into_keys().map(|name| format!("{name} does not exist: take it out"));
        findings.extend(gone.map(|text| Finding::new(RATCHET, 1, text)));
    }
}

pub fn check(path: &str, source: &Source, ratchet: &mut Ratchet, findings: &mut Vec<Finding>) {
    let limits = if super::source::is_test_file(path) { TESTS } else { CODE };
    findings.extend(ratchet.judge(path, 1, path, source.code.len(), limits.file));
    for function in functions(&source.code) {
        let name = format!("{path}::{}", function.name);
        findings.extend(ratchet.judge(path, function.line, &name, function.size, limits.function));
    }
}

/// rustfmt breaks no string literal and leaves the statement around a long one as it is, so lines
/// that hold a part of a literal are exempt.
pub fn check_width(path: &str, source: &Source, findings: &mut Vec<Finding>) {
    if WIDE.iter().any(|prefix| path.starts_with(prefix)) {
        return;
    }
    for (index, (code, literal)) in source.code.iter().zip(&source.literals).enumerate() {
        let width = code.chars().count();
        if width > WIDTH && literal.trim().is_empty() && !code.contains('"') {
            let text = format!("the line has {width} columns, the limit is {WIDTH}");
            findings.push(Finding::new(path, index + 1, text));
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub size: usize,
}

/// Every function with a body, inner ones too.
pub fn functions(code: &[String]) -> Vec<Function> {
    let mut found = Vec::new();
    for (index, line) in code.iter().enumerate() {
        let mut words = words(line);
        while let Some((at, word)) = words.next() {
            if word != "fn" || line[at + 2..].trim_start().starts_with('(') {
                continue;
            }
            let Some((_, name)) = words.next() else { continue };
            if let Some(last) = body_end(code, index, at) {
                found.push(Function {
                    name: name.to_owned(),
                    line: index + 1,
                    size: last - index + 1,
                });
            }
        }
    }
    found
}

/// The line of the brace that closes the body; none for a declaration. `from` is the byte of `fn`
/// in its line.
fn body_end(code: &[String], first: usize, from: usize) -> Option<usize> {
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    for (index, line) in code.iter().enumerate().skip(first) {
        let text = if index == first { &line[from..] } else { line };
        for c in text.chars() {
            match c {
                '{' => braces += 1,
                '}' if braces <= 1 => return Some(index),
                '}' => braces -= 1,
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets = brackets.saturating_sub(1),
                ';' if braces == 0 && brackets == 0 => return None,
                _ => {}
            }
        }
    }
    None
}
