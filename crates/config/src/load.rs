//! The only part of the configuration that touches the machine: reads the files, the host's name
//! and the environment.
#![allow(clippy::disallowed_methods, reason = "the one module that reads files")]

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::conf_d;
use super::diag::{Diagnostic, Severity};
use super::include::{Files, gather};
use super::source::Source;
use super::{Language, Mode, Outcome, Surroundings, parse_on, render_all};
use vrrp_model::Config;

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
    /// Everything there is to say about the file, as text; empty when there is nothing. Shows no
    /// password.
    pub fn report(&self) -> String {
        render_all(&self.source, &self.diagnostics)
    }
}

/// Reads `path` and what it includes, or, for TOML, the files in `conf.d` beside it. A file that
/// cannot be read is a diagnostic like any other.
pub fn load(path: &Path, mode: Mode) -> Loaded {
    load_as(path, mode, None)
}

/// As [`load`], with another config-id than the host name's first label.
pub fn load_as(path: &Path, mode: Mode, config_id: Option<&str>) -> Loaded {
    let name = path.display().to_string();
    match read(path) {
        Ok(bytes) => {
            let language = language(path, &String::from_utf8_lossy(&bytes));
            let surroundings = surroundings(config_id);
            let source = match language {
                Language::Keepalived => gather(&name, &bytes, &Disk, &surroundings),
                Language::Toml => conf_d::gather(&name, &bytes, &Disk),
            };
            let Outcome { config, mut diagnostics } =
                parse_on(&source, language, mode, &surroundings);
            diagnostics.extend(exposed(&source));
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

/// The machine's files.
struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // A pipe that a wildcard finds would be waited for without end.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
        }
        read(path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn list(&self, directory: &Path) -> Vec<String> {
        let directory = if directory == Path::new("") { Path::new(".") } else { directory };
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}

/// A warning for each file that holds a password and that every user of this host can read.
fn exposed(source: &Source) -> Vec<Diagnostic> {
    let secret = source.files().filter(|(_, range)| source.is_secret(range));
    let warn = |name: &str| {
        let mode = mode_for_all(Path::new(name))?;
        let message = format!(
            "{name} holds a password, and every user of this host can read it (mode {mode:04o})"
        );
        let warning = Diagnostic::host(Severity::Warning, message);
        Some(warning.help(format!("chmod o-rwx {name}")))
    };
    secret.filter_map(|(name, _)| warn(name)).collect()
}

/// The mode of a file that any user can read, through directories that any user can search; else
/// `None`.
fn mode_for_all(path: &Path) -> Option<u32> {
    const READ: u32 = 0o004;
    const SEARCH: u32 = 0o001;
    let path = fs::canonicalize(path).ok()?;
    let mode = |path: &Path| Some(fs::metadata(path).ok()?.permissions().mode() & 0o7777);
    let found = mode(&path)?;
    let reached = path
        .ancestors()
        .skip(1)
        .all(|directory| mode(directory).is_some_and(|mode| mode & SEARCH != 0));
    (reached && found & READ != 0).then_some(found)
}

fn unreadable(error: &io::Error) -> Diagnostic {
    let diagnostic = Diagnostic::whole_file(format!("cannot read the file: {error}"));
    match error.kind() {
        ErrorKind::NotFound => diagnostic.help("name a file of ours (TOML) or a keepalived.conf"),
        ErrorKind::IsADirectory => diagnostic.help("name the file in it"),
        ErrorKind::PermissionDenied => {
            diagnostic.help("let the agent's user read the file and search its directories")
        }
        _ => diagnostic,
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MOST_READ).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn surroundings(config_id: Option<&str>) -> Surroundings {
    let directory = std::env::current_dir().unwrap_or_default();
    Surroundings {
        host_name: host_name(),
        config_id: config_id.map(str::to_owned),
        directory: directory.display().to_string(),
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        seed: RandomState::new().hash_one(0),
    }
}

/// By the name's ending; without a telling one by the first line that is not a comment: `[` and `=`
/// are TOML's.
fn language(path: &Path, text: &str) -> Language {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => return Language::Toml,
        Some("conf") => return Language::Keepalived,
        _ => {}
    }
    let first =
        text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    let toml = first.is_some_and(|line| {
        line.starts_with('[') || (line.contains('=') && !line.starts_with(['$', '@']))
    });
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
