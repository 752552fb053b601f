//! What there is to say about a file, and who collects it.

use std::fmt::Display;

use super::source::{Source, Span, floor_boundary};
use super::{Mode, Outcome};
use vrrp_model::Config;

/// More than this many are counted, not kept: a file of garbage must not cost more than its size.
const MOST_KEPT: usize = 100;
/// A message longer than this (in bytes) is cut: it quotes a word that is no word.
const LONGEST: usize = 2000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file has no meaning for the agent.
    Error,
    /// The file has a meaning, but perhaps not the one its author has in mind.
    Warning,
}

/// One thing to say about a place in a file. Holds no secret: messages quote the masked text only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// One line: what is wrong.
    pub message: String,
    /// Where; `None` when it is about the file as a whole.
    pub span: Option<Span>,
    /// Said at the place itself, under the source line.
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// Another place that explains this one.
    pub related: Option<(Span, String)>,
}

impl Diagnostic {
    /// Something at `span`; the reporter decides how severe it is.
    pub fn at(span: &Span, message: impl Into<String>) -> Self {
        Self { span: Some(span.clone()), ..Self::whole_file(message) }
    }

    pub fn whole_file(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: None,
            label: None,
            help: None,
            related: None,
        }
    }

    /// Something about the host that the file is meant for.
    pub fn host(severity: Severity, message: String) -> Self {
        Self { severity, ..Self::whole_file(message) }
    }

    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = Some(text.into());
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Adds "did you mean" when there is a candidate.
    pub fn suggest(self, candidate: Option<&str>) -> Self {
        match candidate {
            Some(candidate) => self.help(format!("did you mean `{candidate}`?")),
            None => self,
        }
    }

    pub fn related(mut self, span: &Span, text: impl Into<String>) -> Self {
        self.related = Some((span.clone(), text.into()));
        self
    }
}

/// Collects diagnostics and knows what the mode makes of them.
pub(super) struct Reporter<'a> {
    source: &'a Source,
    mode: Mode,
    kept: Vec<Diagnostic>,
    errors: usize,
    /// Not kept: errors and warnings.
    dropped: usize,
    /// The block that an error leaves out; `None` where it leaves out the file.
    part: Option<Part>,
}

struct Part {
    /// What becomes of the block.
    consequence: &'static str,
    failed: bool,
}

impl<'a> Reporter<'a> {
    pub fn new(source: &'a Source, mode: Mode) -> Self {
        Self { source, mode, kept: Vec::new(), errors: 0, dropped: 0, part: None }
    }

    /// An error in either mode, outside of [`Reporter::part`].
    pub fn error(&mut self, diagnostic: Diagnostic) {
        if let Some(part) = &mut self.part {
            part.failed = true;
            let consequence = part.consequence;
            return self.eased(diagnostic, consequence);
        }
        self.errors += 1;
        self.keep(Severity::Error, diagnostic);
    }

    /// Makes a part of the configuration. When lenient an error in it is a warning that ends in
    /// `consequence`, and the part is `None`: the file means the rest.
    pub fn part<T>(
        &mut self,
        consequence: &'static str,
        make: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        if self.mode == Mode::Strict {
            return Some(make(self));
        }
        let outer = self.part.replace(Part { consequence, failed: false });
        let made = make(self);
        let part = std::mem::replace(&mut self.part, outer);
        part.is_none_or(|part| !part.failed).then_some(made)
    }

    /// A warning in either mode.
    pub fn warning(&mut self, diagnostic: Diagnostic) {
        self.keep(Severity::Warning, diagnostic);
    }

    /// Something that is skipped: an error when strict, a warning that says so when lenient.
    pub fn ignored(&mut self, diagnostic: Diagnostic) {
        self.eased(diagnostic, "ignored");
    }

    /// A value that has another in its place: an error when strict, a warning that names the other
    /// when lenient.
    pub fn replaced(&mut self, diagnostic: Diagnostic, other: impl Display) {
        self.eased(diagnostic, &format!("{other} in its place"));
    }

    /// An error when strict, a warning that ends in `consequence` when lenient.
    pub fn eased(&mut self, mut diagnostic: Diagnostic, consequence: &str) {
        match self.mode {
            Mode::Strict => self.error(diagnostic),
            Mode::Lenient => {
                diagnostic.message.push_str("; ");
                diagnostic.message.push_str(consequence);
                self.warning(diagnostic);
            }
        }
    }

    /// What may be quoted of a place in a message.
    pub fn quote(&self, span: &Span) -> &'a str {
        self.source.quote(span)
    }

    /// Whether a place holds a password.
    pub fn is_secret(&self, span: &Span) -> bool {
        self.source.is_secret(span)
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether more would only be counted: suggestions need not be looked for.
    pub fn is_full(&self) -> bool {
        self.kept.len() >= MOST_KEPT
    }

    fn keep(&mut self, severity: Severity, mut diagnostic: Diagnostic) {
        diagnostic.severity = severity;
        make_printable(&mut diagnostic.message);
        if let Some(help) = &mut diagnostic.help {
            make_printable(help);
        }
        // An error takes the place of a warning: there must never be an outcome without a config
        // and without a reason.
        if self.is_full() {
            self.dropped += 1;
            let last_warning =
                self.kept.iter().rposition(|kept| kept.severity == Severity::Warning);
            if let (Severity::Error, Some(at)) = (severity, last_warning) {
                self.kept[at] = diagnostic;
            }
        } else {
            self.kept.push(diagnostic);
        }
    }

    /// The outcome: errors first, each kind in file order; no config when there is an error.
    pub fn finish(mut self, config: Option<Config>) -> Outcome {
        self.kept.sort_by_key(|kept| (kept.severity, kept.span.as_ref().map(|span| span.start)));
        if self.dropped > 0 {
            let severity = if self.errors > 0 { Severity::Error } else { Severity::Warning };
            let more = Diagnostic::whole_file(format!("{} more problems not shown", self.dropped));
            self.kept.push(Diagnostic { severity, ..more });
        }
        Outcome { config: config.filter(|_| self.errors == 0), diagnostics: self.kept }
    }
}

/// A file's words must not steer the terminal they are shown on.
fn make_printable(text: &mut String) {
    if text.len() > LONGEST {
        text.truncate(floor_boundary(text, LONGEST));
        text.push_str("...");
    }
    if text.contains(char::is_control) {
        *text = text.replace(char::is_control, "\u{fffd}");
    }
}
