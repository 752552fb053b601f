//! The names in documents exist: metrics, and commands of this program with their options. Tables
//! that this program writes are up to date.

use std::fs;
use std::path::Path;

use anyhow::Result;
use vrrp_tests::documents::replaced;

use super::finding::Finding;
use crate::{Known, docs};

const METRIC_PREFIX: &str = "vrrp_";
/// What an encoder appends to a metric's name.
const SUFFIXES: [&str; 5] = ["", "_total", "_bucket", "_sum", "_count"];

/// Every quoted `vrrp_...` name must occur in `sources`, the text of all Rust files.
pub fn check_metrics(path: &str, text: &str, sources: &str, findings: &mut Vec<Finding>) {
    for (line, quoted) in quoted(text) {
        for name in quoted.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let metric = name.starts_with(METRIC_PREFIX)
                && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if metric && !is_in(name, sources) {
                findings.push(Finding::new(
                    path,
                    line,
                    format!("`{name}` is named here, and nowhere in the sources"),
                ));
            }
        }
    }
}

/// The whole name; or a string literal that the registry's prefix and the encoder's suffix
/// complete.
fn is_in(name: &str, sources: &str) -> bool {
    let mut stems = SUFFIXES.iter().filter_map(|suffix| name.strip_suffix(suffix));
    stems.any(|stem| {
        let bare = stem.strip_prefix(METRIC_PREFIX).unwrap_or(stem);
        sources.contains(&format!("\"{stem}"))
            || sources.contains(&format!("\"{bare}\""))
            || sources.contains(name)
    })
}

/// Every `cargo xtask NAME` must be one of `commands`, and every option behind it one of its own.
pub fn check_commands(path: &str, text: &str, commands: &[Known], findings: &mut Vec<Finding>) {
    const CALL: &str = "cargo xtask ";
    for (index, line) in text.lines().enumerate() {
        let mut add = |text: String| findings.push(Finding::new(path, index + 1, text));
        for (at, _) in line.match_indices(CALL) {
            let rest = &line[at + CALL.len()..];
            let call = rest.split(['`', '#', '|', ';']).next().unwrap_or_default();
            let name = call
                .split(|c: char| !c.is_ascii_lowercase() && c != '-')
                .next()
                .unwrap_or_default();
            let Some(command) = commands.iter().find(|command| command.name == name) else {
                if !name.is_empty() {
                    add(format!("`cargo xtask {name}` is no command"));
                }
                continue;
            };
            // `lab exec HOST COMMAND...` takes options of another program.
            let flags = call.split_whitespace().filter(|word| word.starts_with("--"));
            for flag in flags.filter(|_| !call.contains(" exec ")) {
                if !command.flags.iter().any(|known| known == flag) {
                    add(format!("`cargo xtask {name}` has no option `{flag}`"));
                }
            }
        }
    }
}

/// The tables that this program computes are those in the documents.
pub fn check_tables(root: &Path, commands: &[Known], findings: &mut Vec<Finding>) -> Result<()> {
    for docs::Block { document, name, body } in docs::blocks(root, commands)? {
        let text = fs::read_to_string(root.join(document)).unwrap_or_default();
        if replaced(&text, name, &body).is_none_or(|new| new != text) {
            let about = format!("the table `{name}` is out of date: run `cargo xtask docs`");
            findings.push(Finding::new(document, 1, about));
        }
    }
    Ok(())
}

/// The pieces of a Markdown text between backticks or in a fenced block, with their lines.
pub fn quoted(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push((index + 1, line));
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(|piece| (index + 1, piece)));
        }
    }
    found
}
