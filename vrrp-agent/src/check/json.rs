//! The result of `check` as one JSON document. It holds positions and messages but no text of the
//! file, so it shows no password.

use serde::Serialize;

use super::OnHost;
use super::host::programs::{Outcome, Trial};
use crate::kernel_release;
use crate::plane::refusal::{MINIMUM, Object};
use vrrp_config::{Diagnostic, Language, Loaded, Severity, Source, Span};

/// Version of the document, raised when a field changes its meaning or is removed.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
pub(super) struct Document<'a> {
    schema: u32,
    ok: bool,
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
pub(super) struct File<'a> {
    file: &'a str,
    language: &'static str,
    /// No error in the file or on the host.
    ok: bool,
    diagnostics: Vec<Entry<'a>>,
    /// Findings on this host; only on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<Vec<Entry<'a>>>,
    /// Whether this kernel loads the programs; only on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<Kernel<'a>>,
}

#[derive(Serialize)]
struct Kernel<'a> {
    release: String,
    /// `MAJOR.MINOR`.
    minimum: String,
    programs: Vec<Program<'a>>,
}

#[derive(Serialize)]
struct Program<'a> {
    /// `xdp` or `sockets`.
    name: &'static str,
    /// Absent if it was not tried.
    loads: Option<bool>,
    reason: Option<&'a str>,
}

impl<'a> Kernel<'a> {
    fn new(trials: &'a [Trial]) -> Self {
        let (major, minor) = MINIMUM;
        let program = |trial: &'a Trial| {
            let (loads, reason) = match &trial.outcome {
                Outcome::Loads => (Some(true), None),
                Outcome::Untried(why) => (None, Some(why.as_str())),
                Outcome::Refused(why) => (Some(false), Some(why.as_str())),
            };
            Program {
                name: if trial.object == Object::Xdp { "xdp" } else { "sockets" },
                loads,
                reason,
            }
        };
        Self {
            release: kernel_release::release(),
            minimum: format!("{major}.{minor}"),
            programs: trials.iter().map(program).collect(),
        }
    }
}

/// Lines and columns count from 1, columns in characters; the end is behind the last character.
/// Absent if the finding concerns the whole file.
#[derive(Serialize)]
struct Entry<'a> {
    severity: &'static str,
    message: &'a str,
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
    label: Option<&'a str>,
    help: Option<&'a str>,
    related: Option<Related<'a>>,
}

#[derive(Serialize)]
struct Related<'a> {
    message: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
}

pub(super) fn document(files: Vec<File>) -> String {
    let document = Document { schema: SCHEMA, ok: files.iter().all(|file| file.ok), files };
    // The document holds only strings, numbers and lists, so this cannot fail.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

pub(super) fn file<'a>(loaded: &'a Loaded, host: Option<&'a OnHost>) -> File<'a> {
    let found = host.map(|host| host.findings.as_slice());
    let entry = |diagnostic: &'a Diagnostic| entry(&loaded.source, diagnostic);
    File {
        file: loaded.source.name(),
        language: match loaded.language {
            Language::Keepalived => "keepalived",
            Language::Toml => "toml",
        },
        ok: loaded.config.is_some()
            && !found.unwrap_or_default().iter().any(|found| found.severity == Severity::Error),
        diagnostics: loaded.diagnostics.iter().map(entry).collect(),
        host: found.map(|found| found.iter().map(entry).collect()),
        kernel: host.map(|host| Kernel::new(&host.programs)),
    }
}

fn entry<'a>(source: &'a Source, diagnostic: &'a Diagnostic) -> Entry<'a> {
    let place =
        |at: fn(&Span) -> usize| diagnostic.span.as_ref().map(|span| source.position(at(span)));
    let (start, end) = (place(|span| span.start), place(|span| span.end));
    Entry {
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: &diagnostic.message,
        file: diagnostic.span.as_ref().map_or(source.name(), |span| source.name_at(span.start)),
        line: start.map(|(line, _)| line),
        column: start.map(|(_, column)| column),
        end_line: end.map(|(line, _)| line),
        end_column: end.map(|(_, column)| column),
        label: diagnostic.label.as_deref(),
        help: diagnostic.help.as_deref(),
        related: diagnostic.related.as_ref().map(|(span, message)| {
            let (line, column) = source.position(span.start);
            Related { message, file: source.name_at(span.start), line, column }
        }),
    }
}
