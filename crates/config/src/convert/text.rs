//! TOML as text: keys, values, tables, and the comments between them.

use std::fmt::Write;
use std::time::Duration;

use toml_writer::{TomlStringBuilder, TomlWrite};

/// A list longer than this (in bytes) has one item a line.
const LONGEST_LIST: usize = 100;

#[derive(Default)]
pub(super) struct Text {
    out: String,
}

impl Text {
    pub(super) fn finish(self) -> String {
        self.out
    }

    pub(super) fn key(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.out, "{key} = {value}");
    }

    /// A list of values that are TOML already.
    pub(super) fn list(&mut self, key: &str, items: impl Iterator<Item = String>) {
        let items: Vec<String> = items.collect();
        let line = items.join(", ");
        if line.len() <= LONGEST_LIST || items.len() < 2 {
            self.key(key, &format!("[{line}]"));
            return;
        }
        let _ = writeln!(self.out, "{key} = [");
        for item in items {
            let _ = writeln!(self.out, "    {item},");
        }
        self.out.push_str("]\n");
    }

    /// Begins a table of an array of tables, the comments above it.
    pub(super) fn table(&mut self, name: &str, comments: &[String]) {
        self.out.push('\n');
        self.comments(comments);
        let _ = writeln!(self.out, "[[{name}]]");
    }

    /// Begins a table of which there is one.
    pub(super) fn single_table(&mut self, name: &str) {
        let _ = writeln!(self.out, "\n[{name}]");
    }

    pub(super) fn comments(&mut self, comments: &[String]) {
        for line in comments {
            self.comment(line);
        }
    }

    /// One comment line. Control characters, which TOML forbids in comments, and what was no UTF-8
    /// become question marks.
    pub(super) fn comment(&mut self, line: &str) {
        let line = line.replace(
            |c: char| (c.is_control() && c != '\t') || c == char::REPLACEMENT_CHARACTER,
            "?",
        );
        let line = format!("# {line}");
        let _ = writeln!(self.out, "{}", line.trim_end());
    }
}

/// A string in double quotes.
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::new();
    // Writing to a string cannot fail.
    let _ = quoted.value(TomlStringBuilder::new(text).as_basic());
    // Our reader takes a plain one for a file that is not UTF-8.
    quoted.replace(char::REPLACEMENT_CHARACTER, "\\uFFFD")
}

/// A duration exactly, in the largest unit without a fraction.
pub(super) fn duration(value: Duration) -> String {
    let nanos = value.as_nanos();
    let units: [(u128, &str); 3] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    let whole = units.into_iter().find(|(unit, _)| nanos.is_multiple_of(*unit));
    let (unit, name) = whole.unwrap_or((1, "ns"));
    string(&format!("{}{name}", nanos / unit))
}

/// `{ key = value, key = value }`, without the keys that have no value.
pub(super) fn inline_table<'a>(
    fields: impl IntoIterator<Item = (&'a str, Option<String>)>,
) -> String {
    let fields =
        fields.into_iter().filter_map(|(key, value)| value.map(|value| format!("{key} = {value}")));
    format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
}

/// `value`, unless it is what counts where nothing is written.
pub(super) fn unless(value: String, default: &str) -> Option<String> {
    Some(value).filter(|value| value != default)
}
