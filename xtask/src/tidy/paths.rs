//! Checks that names in documents exist: files and folders in backticks, targets of links, commands
//! of the agent.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::docs::quoted;
use super::finding::Finding;

/// Where the agent's commands are declared.
const CLI: &str = "vrrp-agent/src/cli.rs";
const CALL: &str = "vrrp-agent ";
/// The text before a typed command: a prompt, or a host of the lab. Elsewhere the name is that of
/// the program, as in a log.
const BEFORE: [&str; 4] = ["#", "$", "node1", "node2"];

/// What documents may name. Paths count from the root.
pub struct Places {
    files: BTreeSet<String>,
    /// With those above them, without the root.
    folders: BTreeSet<String>,
    /// The agent's commands.
    commands: Vec<String>,
}

impl Places {
    /// # Errors
    /// The agent's command line cannot be read.
    pub fn new(root: &Path, files: &[PathBuf]) -> Result<Self> {
        let cli = fs::read_to_string(root.join(CLI)).with_context(|| format!("no {CLI}"))?;
        let files: Vec<String> = files
            .iter()
            .filter_map(|file| Some(file.strip_prefix(root).ok()?.to_string_lossy().into_owned()))
            .collect();
        let commands = commands(&cli);
        Ok(Self::of(
            &files.iter().map(String::as_str).collect::<Vec<_>>(),
            &commands.iter().map(String::as_str).collect::<Vec<_>>(),
        ))
    }

    pub fn of(files: &[&str], commands: &[&str]) -> Self {
        let above = |file: &str| {
            let parents = file.match_indices('/').map(|(at, _)| file[..at].to_owned());
            parents.collect::<Vec<_>>()
        };
        Self {
            files: files.iter().map(|&file| file.to_owned()).collect(),
            folders: files.iter().flat_map(|file| above(file)).collect(),
            commands: commands.iter().map(|&command| command.to_owned()).collect(),
        }
    }

    /// Everything that the document at `path` names and that does not exist.
    pub fn check(&self, path: &str, text: &str, findings: &mut Vec<Finding>) {
        let mut add = |line: usize, what: String| findings.push(Finding::new(path, line, what));
        for (line, piece) in quoted(text) {
            if self.is_path(piece) && !self.has(piece) {
                add(line, format!("`{piece}` is no file or folder here"));
            }
            for command in self.unknown_commands(piece) {
                add(line, format!("`vrrp-agent {command}` is no command"));
            }
        }
        for (index, line) in text.lines().enumerate() {
            if ["<<<<<<< ", ">>>>>>> "].iter().any(|marker| line.starts_with(marker)) {
                add(index + 1, "a conflict of a merge is left".to_owned());
            }
            // Blocks by indentation hold commands too.
            if line.starts_with("    ") {
                for command in self.unknown_commands(line) {
                    add(index + 1, format!("`vrrp-agent {command}` is no command"));
                }
            }
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                if !self.leads_somewhere(path, text, target) {
                    add(index + 1, format!("the link to `{target}` leads nowhere"));
                }
            }
        }
    }

    /// Whether a piece in backticks names a part of this repository: it begins with one of its
    /// folders, or is a Rust file.
    fn is_path(&self, piece: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let first = piece.split('/').next().unwrap_or_default();
        piece.chars().all(plain)
            && (piece.ends_with(".rs") || piece.contains('/') && self.folders.contains(first))
    }

    /// The whole path, or the end of one.
    fn has(&self, piece: &str) -> bool {
        let piece = piece.trim_end_matches('/');
        let end = format!("/{piece}");
        self.folders.contains(piece)
            || self.files.contains(piece)
            || self.files.iter().any(|file| file.ends_with(&end))
    }

    /// The words behind `vrrp-agent` that are none of its commands.
    fn unknown_commands<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let calls = text.match_indices(CALL).filter(|(at, _)| {
            let before = text[..*at].trim();
            before.is_empty() || BEFORE.iter().any(|word| before.ends_with(word))
        });
        calls
            .filter_map(|(at, _)| text[at + CALL.len()..].split([' ', '`', ';', ':']).next())
            .filter(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()))
            .filter(|word| !self.commands.iter().any(|command| command == word))
            .collect()
    }

    fn leads_somewhere(&self, path: &str, text: &str, target: &str) -> bool {
        if target.contains("://") {
            return true;
        }
        if let Some(anchor) = target.strip_prefix('#') {
            return text
                .lines()
                .filter(|line| line.starts_with('#'))
                .any(|line| slug(line) == anchor);
        }
        let file = target.split('#').next().unwrap_or_default();
        let mut parts: Vec<&str> = path.split('/').collect();
        parts.pop();
        for part in file.trim_end_matches('/').split('/') {
            match part {
                ".." => drop(parts.pop()),
                "." => {}
                _ => parts.push(part),
            }
        }
        let whole = parts.join("/");
        self.files.contains(&whole) || self.folders.contains(&whole)
    }
}

/// The anchor of a heading, as GitHub makes it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The variants of `enum Command`, as clap spells them.
fn commands(cli: &str) -> Vec<String> {
    let body = cli.split("enum Command {").nth(1).unwrap_or_default();
    let body = body.split("\n}").next().unwrap_or_default();
    let variants = body.lines().filter_map(|line| line.strip_prefix("    "));
    variants
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| {
            let name: String = line.chars().take_while(char::is_ascii_alphanumeric).collect();
            name.to_lowercase()
        })
        .collect()
}
