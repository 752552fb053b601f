//! Scheduling, CPUs and locked memory of the election thread, as far as the system permits.

use std::io;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::Pid;

use vrrp_model::{Degraded, ElectionThread, Missing};

/// Used where real-time scheduling is refused: more weight than any ordinary thread.
const BEST_NICE: libc::c_int = -20;

/// Gives the calling thread the scheduling and CPUs in `wanted`, and locks the whole process's
/// memory. Returns what was refused.
///
/// Threads and processes started from this thread do not inherit the scheduling.
pub fn enter(wanted: &ElectionThread) -> Vec<Degraded> {
    let outcomes = [
        if wanted.lock_memory { lock_memory() } else { Ok(()) },
        if wanted.cpus.is_empty() { Ok(()) } else { bind(&wanted.cpus) },
        if wanted.realtime_priority == 0 { Ok(()) } else { schedule(wanted.realtime_priority) },
    ];
    outcomes.into_iter().filter_map(Result::err).collect()
}

/// The privileges that a thread of this process would be refused, tried on a thread that ends at
/// once.
pub fn try_out(wanted: &ElectionThread) -> Vec<Degraded> {
    let wanted = wanted.clone();
    // The thread does not panic. If it cannot be started, another finding reports that.
    std::thread::spawn(move || enter(&wanted)).join().unwrap_or_default()
}

/// Keeps every page that was touched once in memory. Pages are locked when they are touched, not
/// all at once: the whole of each thread's stack would otherwise become resident.
fn lock_memory() -> Result<(), Degraded> {
    let degraded = |reason: String| Degraded { what: Missing::LockedMemory, reason };
    // Under a finite limit a lock that succeeds now makes a later allocation fail, which would end
    // the process.
    let (limit, _) =
        getrlimit(Resource::RLIMIT_MEMLOCK).map_err(|errno| degraded(errno.to_string()))?;
    if limit != RLIM_INFINITY && !has_ipc_lock() {
        return Err(degraded(format!(
            "RLIMIT_MEMLOCK is {limit} bytes; needs CAP_IPC_LOCK or LimitMEMLOCK=infinity"
        )));
    }
    // SAFETY: mlockall takes no pointer and changes no memory's content or mapping.
    let result =
        unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT) };
    if result == 0 { Ok(()) } else { Err(degraded(io::Error::last_os_error().to_string())) }
}

/// Binds the thread to `cpus`. The kernel leaves out those it does not have, and refuses when none
/// is left.
fn bind(cpus: &[u16]) -> Result<(), Degraded> {
    let degraded = |reason: String| Degraded { what: Missing::CpuAffinity, reason };
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(usize::from(cpu))
            .map_err(|errno| degraded(format!("CPU {cpu}: {}", errno.desc())))?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).map_err(|errno| {
        degraded(match errno {
            Errno::EINVAL => "none of them is online and allowed; see `cpus`, AllowedCPUs and the cgroup's cpuset".to_owned(),
            errno => errno.to_string(),
        })
    })
}

fn schedule(priority: u8) -> Result<(), Degraded> {
    let parameters = libc::sched_param { sched_priority: i32::from(priority) };
    // SAFETY: `parameters` is a valid sched_param for the length of the call; process 0 is the
    // calling thread.
    let result = unsafe {
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &parameters)
    };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    let reason = match error.raw_os_error() {
        Some(libc::EPERM) => {
            format!(
                "{error}; needs CAP_SYS_NICE or LimitRTPRIO={priority}, and a cgroup that may run real-time tasks"
            )
        }
        _ => format!("SCHED_FIFO at priority {priority}: {error}"),
    };
    let instead = if be_nice() {
        format!("runs at nice {BEST_NICE}")
    } else {
        "runs at an ordinary priority".to_owned()
    };
    Err(Degraded { what: Missing::RealtimeScheduling, reason: format!("{reason}; {instead}") })
}

/// Gives the calling thread the highest weight of an ordinary thread; false if that is refused too.
fn be_nice() -> bool {
    // SAFETY: no pointer is passed; on Linux `PRIO_PROCESS` and 0 are the calling thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS as _, 0, BEST_NICE) == 0 }
}

/// Whether the calling thread has CAP_IPC_LOCK in effect; false if /proc cannot be read.
fn has_ipc_lock() -> bool {
    std::fs::read_to_string("/proc/thread-self/status")
        .is_ok_and(|status| effective_has(&status, 14))
}

/// Whether the `CapEff` line of a /proc status text has bit `capability`.
fn effective_has(status: &str, capability: u32) -> bool {
    effective_capabilities(status).is_some_and(|set| set >> capability & 1 == 1)
}

/// The `CapEff` line of a /proc status text: effective capabilities, a bit each.
pub fn effective_capabilities(status: &str) -> Option<u64> {
    let hex = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(hex.trim(), 16).ok()
}

#[cfg(test)]
mod tests;
