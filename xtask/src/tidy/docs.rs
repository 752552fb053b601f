//! The documents tell the truth: metrics and commands that they name exist.

use super::finding::Finding;

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

/// Every `cargo xtask NAME` must be one of `commands`.
pub fn check_commands(path: &str, text: &str, commands: &[String], findings: &mut Vec<Finding>) {
    const CALL: &str = "cargo xtask ";
    for (index, line) in text.lines().enumerate() {
        for (at, _) in line.match_indices(CALL) {
            let rest = &line[at + CALL.len()..];
            let end =
                rest.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(rest.len());
            let name = &rest[..end];
            if !name.is_empty() && !commands.iter().any(|command| command == name) {
                findings.push(Finding::new(
                    path,
                    index + 1,
                    format!("`cargo xtask {name}` is no command"),
                ));
            }
        }
    }
}

/// The pieces of a Markdown text between backticks or in a fenced block, with their lines.
fn quoted(text: &str) -> Vec<(usize, &str)> {
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
