//! The scheduling of the thread that runs the elections.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the thread that runs the elections is scheduled, as far as the system permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectionThread {
    /// Under SCHED_FIFO, 1..=99; 0: ordinary scheduling.
    pub realtime_priority: u8,
    /// The CPUs it may run on, ascending; empty: all.
    pub cpus: Vec<u16>,
    /// Whether the agent's memory stays out of swap.
    pub lock_memory: bool,
}

impl Default for ElectionThread {
    /// Above everything ordinary, below the kernel's own threads.
    fn default() -> Self {
        Self { realtime_priority: 50, cpus: Vec::new(), lock_memory: true }
    }
}

impl fmt::Display for ElectionThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.realtime_priority {
            0 => f.write_str("ordinary scheduling")?,
            priority => write!(f, "SCHED_FIFO at priority {priority}")?,
        }
        if !self.cpus.is_empty() {
            let cpus: Vec<String> = self.cpus.iter().map(u16::to_string).collect();
            write!(f, ", on CPU {}", cpus.join(", "))?;
        }
        f.write_str(if self.lock_memory { ", memory locked" } else { ", memory not locked" })
    }
}

/// Something the thread goes without, and why. It runs all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Degraded {
    pub what: Missing,
    /// For the log and the status: the cause and what would help.
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The process's memory may be swapped out.
    LockedMemory,
    /// The thread runs on other CPUs than it was given.
    CpuAffinity,
    /// The thread competes with every other process for the CPU.
    RealtimeScheduling,
}

impl Missing {
    pub const ALL: [Missing; 3] =
        [Missing::LockedMemory, Missing::CpuAffinity, Missing::RealtimeScheduling];

    /// The word used in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Missing::LockedMemory => "locked_memory",
            Missing::CpuAffinity => "cpu_affinity",
            Missing::RealtimeScheduling => "realtime_scheduling",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Missing::LockedMemory => "memory is not locked",
            Missing::CpuAffinity => "not on its CPUs",
            Missing::RealtimeScheduling => "no real-time scheduling",
        })
    }
}

impl fmt::Display for Degraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}
