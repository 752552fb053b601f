//! Configuration files to the model: keepalived.conf as it is, and our own TOML.
//!
//! ```text
//! load (reads files) -> Source -> keepalived::lexer -> tree -> keepalived::draft --+-> Draft
//!                              -> toml ------------------------------------------'
//! Draft -> validate -> vrrp_model::Config
//! ```
//!
//! Each language turns its text into a [`draft::Draft`]: the same facts whatever the notation, each
//! with the place it was written at. [`validate`] checks a draft once for both (ranges, duplicates,
//! references) and makes the model. Everything here but [`load`] is pure. To teach the agent
//! another keyword of keepalived: move it to `Read` in `keepalived::keywords` and read it in the
//! block's file of `keepalived`.

mod conf_d;
mod convert;
pub mod diag;
mod draft;
mod environment;
mod include;
mod keepalived;
mod load;
mod redact;
mod render;
mod source;
#[cfg(test)]
mod tests;
mod toml;
mod validate;

pub use convert::{convert, to_toml};
pub use diag::{Diagnostic, Severity};
pub use environment::Surroundings;
pub use keepalived::{Keyword, keywords};
pub use load::{Loaded, load, load_as};
pub use render::{headline, render, render_all};
pub use source::{Source, Span};

use diag::Reporter;
use vrrp_model::Config;

/// Which language a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Keepalived,
    Toml,
}

/// What becomes of things in a keepalived.conf that keepalived itself skips with a log line (a
/// typo, a reference to nothing).
///
/// TOML is always read strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are errors: `check`.
    Strict,
    /// They are warnings and the rest counts, as in keepalived: `run`.
    Lenient,
}

/// What a file means, and everything there is to say about it.
#[derive(Debug)]
pub struct Outcome {
    /// Present exactly when there is no error.
    pub config: Option<Config>,
    /// Errors first, then warnings, each in file order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a configuration text. `host_name` names the node when the text does not. Any bytes are
/// answered with diagnostics.
pub fn parse(source: &Source, language: Language, mode: Mode, host_name: &str) -> Outcome {
    parse_on(source, language, mode, &Surroundings::named(host_name))
}

/// As [`parse`], for a file that asks for more of its host than the name.
pub fn parse_on(
    source: &Source,
    language: Language,
    mode: Mode,
    surroundings: &Surroundings,
) -> Outcome {
    let mode = match language {
        Language::Keepalived => mode,
        Language::Toml => Mode::Strict,
    };
    let mut reporter = Reporter::new(source, mode);
    let draft = match language {
        Language::Keepalived => keepalived::read(source, surroundings, &mut reporter),
        Language::Toml => toml::read(source, &mut reporter),
    };
    let config =
        draft.and_then(|draft| validate::config(&draft, &surroundings.host_name, &mut reporter));
    reporter.finish(config)
}
