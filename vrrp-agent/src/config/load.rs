//! The only part of the configuration that touches the machine: reads the file and the host's name.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::diag::Diagnostic;
use super::source::Source;
use super::{Language, Mode, Outcome, parse, render_all};
use crate::model::Config;

/// One byte more than a reader accepts: enough for it to say so.
const MOST_READ: u64 = 16 * 1024 * 1024 + 1;

/// A file's meaning, with its text for the diagnostics.
#[derive(Debug)]
pub struct Loaded {
    /// Present exactly when there is no error.
    pub config: Option<Config>,
    /// Errors first, then warnings, each in file order.
    pub diagnostics: Vec<Diagnostic>,
    pub source: Source,
    pub language: Language,
}

impl Loaded {
    /// Everything there is to say about the file, as text; empty when there is nothing. Shows no password.
    pub fn report(&self) -> String {
        render_all(&self.source, &self.diagnostics)
    }
}

/// Reads `path`. A file that cannot be read is a diagnostic like any other.
pub fn load(path: &Path, mode: Mode) -> Loaded {
    let name = path.display().to_string();
    match read(path) {
        Ok(bytes) => {
            let source = Source::new(name, &bytes);
            let language = language(path, source.text());
            let Outcome { config, diagnostics } = parse(&source, language, mode, &host_name());
            Loaded { config, diagnostics, source, language }
        }
        Err(error) => Loaded {
            config: None,
            diagnostics: vec![unreadable(&error)],
            source: Source::new(name, b""),
            language: Language::Keepalived,
        },
    }
}

fn unreadable(error: &std::io::Error) -> Diagnostic {
    let diagnostic = Diagnostic::whole_file(format!("cannot read the file: {error}"));
    match error.kind() {
        ErrorKind::NotFound => diagnostic.help("name a file of ours (TOML) or a keepalived.conf"),
        ErrorKind::IsADirectory => diagnostic.help("name the file in it"),
        ErrorKind::PermissionDenied => diagnostic.help("let the agent's user read the file and search its directories"),
        _ => diagnostic,
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MOST_READ).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// By the name's ending; without a telling one by the first line that is not a comment: `[` and `=` are TOML's.
fn language(path: &Path, text: &str) -> Language {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => return Language::Toml,
        Some("conf") => return Language::Keepalived,
        _ => {}
    }
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    let toml = first.is_some_and(|line| line.starts_with('[') || (line.contains('=') && !line.starts_with(['$', '@'])));
    if toml { Language::Toml } else { Language::Keepalived }
}

/// The kernel's host name; a fixed word where it cannot be read.
fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}
