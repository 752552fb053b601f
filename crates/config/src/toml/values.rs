//! Single values: durations, paths, numbers with defaults.

use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use toml::Spanned;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::At;
use super::super::source::Span;

pub(super) fn at<T>(written: Spanned<T>) -> At<T> {
    let span = written.span();
    At { value: written.into_inner(), span }
}

pub(super) fn number(written: Option<Spanned<i64>>, default: i64, here: &Span) -> At<i64> {
    written.map_or(At::new(default, here), at)
}

pub(super) fn timed(
    written: Option<&Spanned<String>>,
    what: &str,
    default: Duration,
    here: &Span,
    reporter: &mut Reporter,
) -> At<Duration> {
    let span = written.map_or(here.clone(), Spanned::span);
    At { value: duration(written, what, default, reporter), span }
}

/// "1s", "250ms", "1m 30s": what jiff calls the friendly format.
pub(super) fn duration(
    written: Option<&Spanned<String>>,
    what: &str,
    default: Duration,
    reporter: &mut Reporter,
) -> Duration {
    let Some(written) = written else {
        return default;
    };
    let parsed = written.get_ref().parse::<SignedDuration>();
    let problem = match parsed.map(Duration::try_from) {
        Ok(Ok(value)) => return value,
        Ok(Err(_)) => "it is negative".to_owned(),
        Err(error) => error.to_string(),
    };
    let message = format!("{what} `{}` is not a duration: {problem}", written.get_ref());
    reporter.error(
        Diagnostic::at(&written.span(), message)
            .help("write a number and a unit: \"1s\", \"250ms\""),
    );
    default
}

pub(super) fn absolute(written: &Spanned<String>, what: &str, reporter: &mut Reporter) -> PathBuf {
    let path = PathBuf::from(written.get_ref());
    if !path.is_absolute() {
        reporter.error(Diagnostic::at(&written.span(), format!("{what} must be an absolute path")));
    }
    path
}
