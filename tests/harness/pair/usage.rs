//! CPU time and memory of processes, from /proc.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::unistd::{SysconfVar, sysconf};

/// Usage of some processes so far, added up.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    at: Instant,
    cpu: Duration,
    /// Resident memory, bytes; a shared page counts once per process.
    pub rss: u64,
    /// The same with shared pages divided among their processes.
    pub pss: u64,
}

impl Usage {
    /// # Errors
    /// None of the processes is there.
    pub fn of(pids: &[i32]) -> Result<Self> {
        ensure!(!pids.is_empty(), "there are no processes to look at");
        let tick = sysconf(SysconfVar::CLK_TCK)
            .context("asking for the clock tick")?
            .context("no clock tick")?;
        let mut usage = Self { at: Instant::now(), cpu: Duration::ZERO, rss: 0, pss: 0 };
        for pid in pids {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .with_context(|| format!("reading process {pid}"))?;
            let ticks =
                cpu_ticks(&stat).with_context(|| format!("process {pid} has no CPU time"))?;
            usage.cpu += Duration::from_secs_f64(ticks as f64 / tick as f64);
            let memory = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
                .with_context(|| format!("reading the memory of process {pid}"))?;
            usage.rss += kilobytes(&memory, "Rss:") << 10;
            usage.pss += kilobytes(&memory, "Pss:") << 10;
        }
        Ok(usage)
    }

    /// The CPU time since `earlier`, in hundredths of a core.
    pub fn percent_since(&self, earlier: &Self) -> f64 {
        let wall = self.at.duration_since(earlier.at).as_secs_f64();
        self.cpu.saturating_sub(earlier.cpu).as_secs_f64() / wall * 100.0
    }
}

/// User and system time of a /proc stat line.
fn cpu_ticks(stat: &str) -> Option<u64> {
    // The command name may contain spaces and brackets: the fields begin after the last bracket.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

fn kilobytes(rollup: &str, key: &str) -> u64 {
    let line = rollup.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
