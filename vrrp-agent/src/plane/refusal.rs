//! Explains why a kernel refused a program or a map.
//!
//! [`Refusal`] and [`cause`] are pure. The verifier refuses with EACCES and other errors of its
//! own; only EPERM is a missing permission (bpf(2)).

use std::fmt;
use std::fs;

use nix::errno::Errno;

use crate::kernel_release::{release, version};
use crate::realtime::effective_capabilities;

/// The oldest kernel that loads every program: major and minor number.
pub const MINIMUM: (u32, u32) = (6, 1);
/// How many lines of the verifier's log are shown: the last ones hold the reason.
const LINES: usize = 3;
/// Bit and name of the capabilities that loading needs (capabilities(7)).
const NEEDED: [(u32, &str); 3] = [(39, "CAP_BPF"), (38, "CAP_PERFMON"), (12, "CAP_NET_ADMIN")];
/// CAP_SYS_ADMIN includes all of them.
const SYS_ADMIN: u32 = 21;

/// The object that was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// The XDP program.
    Xdp,
    /// The programs on cgroups that steer the connections of upstreams.
    Sockets,
}

impl Object {
    /// What still works without it.
    const fn rest(self) -> &'static str {
        match self {
            Object::Xdp => {
                "Election, addresses and announcements go on through the sockets; \
                 advert filter, ARP answers, steering and fence of the XDP program are missing."
            }
            Object::Sockets => {
                "Election, addresses, announcements and services go on; connections to upstreams are not steered."
            }
        }
    }

    /// How to run without it.
    const fn without(self) -> &'static str {
        match self {
            Object::Xdp => "set xdp = \"off\"",
            Object::Sockets => "remove the upstreams from the configuration",
        }
    }
}

/// A program or map that the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub object: Object,
    /// The program, map or BTF, as in "the program `vrrp`".
    pub part: String,
    /// Error number of the system call.
    pub errno: i32,
    /// The running kernel's release (uname(2)).
    pub release: String,
    /// Last lines of the verifier's log, at most [`LINES`], without its statistics.
    pub log: Vec<String>,
    /// Needed capabilities that are not in this thread's effective set.
    pub missing: Vec<&'static str>,
}

/// Why the kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// This process may not load programs at all.
    Permission,
    /// The kernel is below [`MINIMUM`].
    OldKernel,
    /// The kernel has no memory for it.
    Memory,
    /// The verifier, or a check before it, rejects the program although the kernel is new enough.
    Rejected,
}

/// Classifies a failed bpf(2) by its error and the kernel's release.
pub fn cause(errno: i32, release: &str) -> Cause {
    match Errno::from_raw(errno) {
        Errno::EPERM => Cause::Permission,
        Errno::ENOMEM => Cause::Memory,
        _ if version(release).is_some_and(|found| found < MINIMUM) => Cause::OldKernel,
        _ => Cause::Rejected,
    }
}

/// The lines of a verifier's log that hold the reason: the last ones before its statistics.
pub fn last_lines(log: &str) -> Vec<String> {
    const STATISTICS: [&str; 3] = ["processed ", "verification time ", "stack depth "];
    let holds_reason =
        |line: &&str| !line.is_empty() && !STATISTICS.iter().any(|begin| line.starts_with(begin));
    let mut lines: Vec<String> = log
        .lines()
        .map(str::trim)
        .filter(holds_reason)
        .rev()
        .take(LINES)
        .map(str::to_owned)
        .collect();
    lines.reverse();
    lines
}

impl Refusal {
    /// A refusal by the running kernel of a request of the calling thread.
    pub fn here(object: Object, part: String, errno: i32, log: &str) -> Self {
        let held = fs::read_to_string("/proc/thread-self/status")
            .ok()
            .and_then(|status| effective_capabilities(&status));
        Self {
            object,
            part,
            errno,
            release: release(),
            log: last_lines(log),
            missing: held.map(missing).unwrap_or_default(),
        }
    }

    pub fn cause(&self) -> Cause {
        cause(self.errno, &self.release)
    }

    /// What the operator can do about it.
    pub fn advice(&self) -> String {
        let (major, minor) = MINIMUM;
        let without = self.object.without();
        match self.cause() {
            Cause::Permission if self.missing.is_empty() => {
                "CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are there: look for a limit of \
                 the container, of seccomp or of a security module."
                    .to_owned()
            }
            Cause::Permission => format!("Give it {}.", self.missing.join(", ")),
            Cause::Memory => "Free memory, or raise the memory limit of its cgroup.".to_owned(),
            Cause::OldKernel => {
                format!("The minimum is Linux {major}.{minor}: upgrade the kernel, or {without}.")
            }
            // Without CAP_PERFMON the verifier accepts less, although bpf(2) itself is permitted.
            Cause::Rejected if !self.missing.is_empty() => {
                format!(
                    "Give the process {} first: without that the verifier accepts less.",
                    self.missing.join(", ")
                )
            }
            Cause::Rejected => {
                format!(
                    "The minimum is Linux {major}.{minor}, so this kernel should accept it: please report this line; until then {without}."
                )
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, part, errno, release, log, .. } = self;
        let errno = Errno::from_raw(*errno);
        match self.cause() {
            Cause::Permission => {
                write!(f, "not permitted to load {part} (EPERM, kernel {release})")?
            }
            _ => write!(f, "kernel {release} refuses {part} ({errno:?}: {})", errno.desc())?,
        }
        match (log.as_slice(), self.cause()) {
            ([], Cause::Permission | Cause::Memory) => {}
            ([], _) => f.write_str("; the verifier's log is empty")?,
            (lines, _) => write!(f, "; the verifier's log ends: {}", lines.join(" | "))?,
        }
        write!(f, ". {} {}", self.advice(), object.rest())
    }
}

/// Needed capabilities that are not in this set.
fn missing(held: u64) -> Vec<&'static str> {
    if held & (1 << SYS_ADMIN) != 0 {
        return Vec::new();
    }
    NEEDED.iter().filter(|(bit, _)| held & (1 << bit) == 0).map(|&(_, name)| name).collect()
}

#[cfg(test)]
mod tests;
