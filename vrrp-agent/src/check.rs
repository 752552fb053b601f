//! `vrrp-agent check`: reports errors in configuration files, or what the files configure. Changes
//! nothing on the host.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vrrp_config::{self, Diagnostic, Loaded, Mode, Severity};
use vrrp_model::Config;
use vrrp_model::host::HostView;
use vrrp_status::summary::summary;

use crate::{health, scripts};

pub mod host;
mod json;
mod named;
#[cfg(test)]
mod tests;

/// Exit code when every file is good.
pub const GOOD: u8 = 0;
/// Exit code when a file has an error.
pub const BAD: u8 = 6;

/// Format of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text for the terminal.
    #[default]
    Text,
    /// One JSON document, for programs.
    Json,
}

/// How to check.
#[derive(Debug, Default)]
pub struct Options {
    /// Read a keepalived.conf as `run` does: a setting that keepalived would skip is a warning.
    pub lenient: bool,
    /// Decides the `@id` lines of a keepalived.conf; the host name's first label when `None`.
    pub config_id: Option<String>,
    pub format: Format,
    /// The network of this host, if the host is to be checked too.
    pub host: Option<Arc<HostView>>,
}

/// Checks each file by itself. Returns the text to print and the exit code.
pub fn check(paths: &[PathBuf], options: &Options) -> (String, u8) {
    let mode = if options.lenient { Mode::Lenient } else { Mode::Strict };
    let checked: Vec<Checked> =
        paths.iter().map(|path| Checked::new(path, mode, options)).collect();
    let code = if checked.iter().all(Checked::is_good) { GOOD } else { BAD };
    let text = match options.format {
        Format::Text => checked.iter().map(Checked::text).collect::<Vec<_>>().join("\n"),
        Format::Json => json::document(
            checked.iter().map(|file| json::file(&file.loaded, file.host.as_ref())).collect(),
        ),
    };
    (text, code)
}

/// A file, and the findings on this host.
struct Checked {
    loaded: Loaded,
    host: Option<OnHost>,
}

/// Findings on this host.
struct OnHost {
    findings: Vec<Diagnostic>,
    programs: Vec<host::programs::Trial>,
}

impl Checked {
    fn new(path: &Path, mode: Mode, options: &Options) -> Self {
        let mut loaded = vrrp_config::load_as(path, mode, options.config_id.as_deref());
        if let Some(config) = &loaded.config {
            let unusable = health::remove_unusable(&mut config.clone()).into_iter();
            let severity = if mode == Mode::Lenient { Severity::Warning } else { Severity::Error };
            loaded.diagnostics.extend(unusable.map(|said| Diagnostic::host(severity, said)));
        }
        // With `--host` the findings cover scripts in more detail.
        if let (Some(config), None) = (&loaded.config, &options.host) {
            loaded.diagnostics.extend(unusable_scripts(config));
        }
        if let Some(config) = &loaded.config {
            loaded.diagnostics.extend(named::findings(config));
        }
        let look = |network| {
            let config = loaded.config.as_ref()?;
            let facts = host::read(config, network);
            Some(OnHost { findings: host::findings(config, &facts), programs: facts.programs })
        };
        Self { host: options.host.as_ref().and_then(look), loaded }
    }

    fn all(&self) -> impl Iterator<Item = &Diagnostic> {
        self.loaded.diagnostics.iter().chain(self.host.iter().flat_map(|host| &host.findings))
    }

    fn count(&self, severity: Severity) -> usize {
        self.all().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    fn is_good(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    fn text(&self) -> String {
        let source = &self.loaded.source;
        let mut text = self
            .all()
            .map(|diagnostic| vrrp_config::render(source, diagnostic))
            .collect::<Vec<_>>()
            .join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        let counted = match (self.count(Severity::Error), self.count(Severity::Warning)) {
            (0, 0) => "good".to_owned(),
            (0, warnings) => format!("good, {}", plural(warnings, "warning")),
            (errors, 0) => plural(errors, "error"),
            (errors, warnings) => {
                format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"))
            }
        };
        let _ = writeln!(text, "{}: {counted}", source.name());
        if let Some(config) = &self.loaded.config {
            text.push_str(&summary(config));
        }
        if let Some(host) = &self.host {
            let _ = writeln!(text, "  {}", host::programs::describe(&host.programs));
        }
        text
    }
}

/// The warnings that `run` would log on this host.
fn unusable_scripts(config: &Config) -> Vec<Diagnostic> {
    let messages = scripts::remove_unusable(&mut config.clone()).into_iter();
    let help = "as in keepalived; to have it tracked, make it runnable on this host before the agent starts or reloads";
    messages.map(|message| Diagnostic::host(Severity::Warning, message).help(help)).collect()
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
