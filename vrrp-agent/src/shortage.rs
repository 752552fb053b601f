//! Lack of resources on this host or in this process: descriptors, memory, ports, processes.
//!
//! Such an error is no evidence about the backend, script or client that it was met with, so it
//! yields no result. It is counted here, and logged when its count reaches a power of two.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The most descriptors that the agent asks for. It needs a few per backend and connection; a
/// higher limit would only slow down scripts that close every possible descriptor.
const DESCRIPTORS: u64 = 65_536;

/// What was not done for lack of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undone {
    /// A backend check was not made.
    BackendCheck,
    /// A tracked script was not started.
    Script,
    /// A connection to the metrics port or the API was not accepted.
    Connection,
}

impl Undone {
    pub const ALL: [Undone; 3] = [Undone::BackendCheck, Undone::Script, Undone::Connection];

    /// The word used in status and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Undone::BackendCheck => "backend_check",
            Undone::Script => "script",
            Undone::Connection => "connection",
        }
    }
}

static COUNTS: [AtomicU64; Undone::ALL.len()] = [const { AtomicU64::new(0) }; Undone::ALL.len()];

/// How often each was not done since the process started.
pub fn counts() -> [(Undone, u64); Undone::ALL.len()] {
    Undone::ALL.map(|undone| (undone, COUNTS[undone as usize].load(Ordering::Relaxed)))
}

/// Counts what was not done, and logs at powers of two. `subject` names the backend, script or
/// server.
pub fn note(undone: Undone, subject: &str, error: &dyn Error) {
    let count = COUNTS[undone as usize].fetch_add(1, Ordering::Relaxed) + 1;
    if count.is_power_of_two() {
        let what = undone.label();
        tracing::error!(what, subject, %error, count, "this host lacks resources: no result for the subject");
    }
}

/// Whether an error means that this host or process lacks resources. EAGAIN means that where a
/// process, a thread or a connection is started (fork(2), connect(2)); errors of reads and writes
/// must not be passed here.
pub fn is_shortage(error: &io::Error) -> bool {
    let Some(errno) = error.raw_os_error().map(Errno::from_raw) else {
        return error.kind() == io::ErrorKind::OutOfMemory;
    };
    matches!(
        errno,
        Errno::EMFILE
            | Errno::ENFILE
            | Errno::ENOBUFS
            | Errno::ENOMEM
            | Errno::EADDRNOTAVAIL
            | Errno::EAGAIN
    )
}

/// Whether an operating system error in the chain of causes is such a one.
pub fn is_caused_by_shortage(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(is_shortage) {
            return true;
        }
        // `source` of an `io::Error` skips the error that it wraps.
        let within = io.and_then(io::Error::get_ref).map(|within| within as &(dyn Error + 'static));
        next = within.or_else(|| error.source());
    }
    false
}

/// Raises the limit of open descriptors to the hard limit, to 65,536 at most. Returns the limit in
/// force.
///
/// # Errors
/// The kernel refuses to read or set the limit.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let wanted = hard.min(DESCRIPTORS).max(soft);
    if wanted > soft {
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)?;
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests;
