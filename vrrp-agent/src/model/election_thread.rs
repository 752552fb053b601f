//! The scheduling of the thread that runs the elections.

use std::fmt;

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
