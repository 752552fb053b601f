//! Log lines on standard error: text for terminals and journald, JSON for collectors.
//!
//! A thread of its own writes them, so that a slow terminal or a full pipe never delays the
//! election thread. When the writer cannot keep up, lines are dropped and their number is logged.

#[cfg(test)]
mod tests;
mod writer;

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

pub use writer::Guard;

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug, thiserror::Error)]
pub enum LoggerError {
    #[error("log level {level:?}: {source}")]
    Level { level: String, source: tracing_subscriber::filter::ParseError },
    #[error("cannot start the log thread: {0}")]
    Thread(#[source] io::Error),
    #[error("logging is set up already")]
    Twice,
}

/// Sets up logging for the whole process. `level` (`--log-level`) takes precedence over `RUST_LOG`,
/// and both over `info`; either may be a directive such as `info,vrrp_election=debug`. Dropping the
/// guard writes queued lines: keep it to the end of `main`.
///
/// # Errors
/// A level that does not parse, a thread that cannot be started, or a second call.
pub fn init(format: Format, level: Option<&str>) -> Result<Guard, LoggerError> {
    let level = level
        .map(str::to_owned)
        .or_else(|| std::env::var("RUST_LOG").ok().filter(|level| !level.is_empty()))
        .unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(&level)
        .map_err(|source| LoggerError::Level { level: level.clone(), source })?;
    let (lines, guard) = writer::start(io::stderr()).map_err(LoggerError::Thread)?;
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).with_ansi(colour);
    let result = match format {
        Format::Json => {
            builder.json().flatten_event(true).with_timer(UtcMillis).with_target(true).try_init()
        }
        Format::Text if stderr_is_journal() => {
            builder.compact().with_target(false).without_time().try_init()
        }
        Format::Text => builder.compact().with_target(false).with_timer(UtcMillis).try_init(),
    };
    result.map_err(|_| LoggerError::Twice)?;
    Ok(guard)
}

/// `2026-01-31T23:59:59.123Z`.
struct UtcMillis;

impl FormatTime for UtcMillis {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{:.3}", jiff::Timestamp::now())
    }
}

/// Whether standard error goes to journald, which adds time stamps itself.
fn stderr_is_journal() -> bool {
    let Ok(stat) = nix::sys::stat::fstat(io::stderr().as_fd()) else {
        return false;
    };
    names_stream(std::env::var_os("JOURNAL_STREAM").as_deref(), stat.st_dev, stat.st_ino)
}

/// `JOURNAL_STREAM` is `device:inode` of the stream that systemd set up; a redirected one differs
/// (systemd.exec(5)).
fn names_stream(variable: Option<&OsStr>, device: u64, inode: u64) -> bool {
    let parse = || {
        let (dev, ino) = variable?.to_str()?.split_once(':')?;
        Some((dev.parse::<u64>().ok()?, ino.parse::<u64>().ok()?))
    };
    parse() == Some((device, inode))
}
