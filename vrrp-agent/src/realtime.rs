//! Real-time scheduling and locked memory for the election thread, as far as the system permits.

use std::fmt;
use std::io;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Something the thread goes without, and why. It runs all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Degraded {
    pub what: Missing,
    /// For the log and the status: the cause and what would help.
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The process's memory may be swapped out.
    LockedMemory,
    /// The thread competes with every other process for the CPU.
    RealtimeScheduling,
}

impl fmt::Display for Degraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Missing::LockedMemory => "memory is not locked",
            Missing::RealtimeScheduling => "no real-time scheduling",
        };
        write!(f, "{what}: {}", self.reason)
    }
}

/// Puts the calling thread under SCHED_FIFO at `priority` (1..=99) and locks the whole process's memory; returns what was refused.
///
/// Threads and processes started from this thread do not inherit the scheduling.
pub fn enter(priority: u8) -> Vec<Degraded> {
    [lock_memory().err(), schedule(priority).err()].into_iter().flatten().collect()
}

/// Keeps every page that was touched once in memory. Pages are locked as they are touched, not all at once: the whole of
/// each thread's stack would otherwise become resident.
fn lock_memory() -> Result<(), Degraded> {
    let degraded = |reason: String| Degraded { what: Missing::LockedMemory, reason };
    // Under a finite limit a lock that succeeds now makes a later allocation fail, which would end the process.
    let (limit, _) = getrlimit(Resource::RLIMIT_MEMLOCK).map_err(|errno| degraded(errno.to_string()))?;
    if limit != RLIM_INFINITY && !has_ipc_lock() {
        return Err(degraded(format!("RLIMIT_MEMLOCK is {limit} bytes; needs CAP_IPC_LOCK or LimitMEMLOCK=infinity")));
    }
    // SAFETY: mlockall takes no pointer and changes no memory's content or mapping.
    let result = unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT) };
    if result == 0 { Ok(()) } else { Err(degraded(io::Error::last_os_error().to_string())) }
}

fn schedule(priority: u8) -> Result<(), Degraded> {
    let parameters = libc::sched_param { sched_priority: i32::from(priority) };
    // SAFETY: `parameters` is a valid sched_param for the length of the call; process 0 is the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &parameters) };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    let reason = match error.raw_os_error() {
        Some(libc::EPERM) => {
            format!("{error}; needs CAP_SYS_NICE or LimitRTPRIO={priority}, and a cgroup that may run real-time tasks")
        }
        _ => format!("SCHED_FIFO at priority {priority}: {error}"),
    };
    Err(Degraded { what: Missing::RealtimeScheduling, reason })
}

/// Whether the calling thread has CAP_IPC_LOCK in effect; false where that cannot be told.
fn has_ipc_lock() -> bool {
    std::fs::read_to_string("/proc/thread-self/status").is_ok_and(|status| effective_has(&status, 14))
}

/// Whether the `CapEff` line of a /proc status text has bit `capability`.
fn effective_has(status: &str, capability: u32) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .is_some_and(|set| set >> capability & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::{Missing, effective_has, enter};

    #[test]
    fn effective_capabilities_are_read_from_the_status_text() {
        let status = "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t0000000000004000\n";
        assert!(effective_has(status, 14));
        assert!(!effective_has(status, 13));
        assert!(!effective_has("Name:\tx\n", 14));
        assert!(!effective_has("CapEff:\tnonsense\n", 14));
    }

    #[test]
    fn a_refused_priority_is_reported_and_not_fatal() {
        let degraded = std::thread::spawn(|| enter(200)).join().expect("the thread ends");
        let scheduling = degraded.iter().find(|d| d.what == Missing::RealtimeScheduling);
        assert!(scheduling.is_some_and(|d| d.to_string().starts_with("no real-time scheduling: ")), "{degraded:?}");
    }

    #[test]
    #[ignore = "needs root: real-time scheduling"]
    fn root_gets_both() {
        let (degraded, policy) = std::thread::spawn(|| {
            let degraded = enter(1);
            // SAFETY: no pointer; 0 is the calling thread.
            (degraded, unsafe { libc::sched_getscheduler(0) })
        })
        .join()
        .expect("the thread ends");
        assert_eq!(degraded, []);
        assert_eq!(policy & !libc::SCHED_RESET_ON_FORK, libc::SCHED_FIFO);
    }
}
