//! How the election thread is scheduled.

use super::super::diag::Reporter;
use super::super::draft::ElectionDraft;
use super::values;
use vrrp_model::ElectionThread;

/// The highest priority under SCHED_FIFO (sched(7)).
const HIGHEST_PRIORITY: u8 = 99;
/// The highest number in a `cpu_set_t`.
const HIGHEST_CPU: u16 = 1023;

pub(super) fn validate(draft: &ElectionDraft, reporter: &mut Reporter) -> ElectionThread {
    let default = ElectionThread::default();
    let realtime_priority = match &draft.realtime_priority {
        Some(priority) => {
            values::number(priority, "the real-time priority", 0..=HIGHEST_PRIORITY, reporter)
        }
        None => default.realtime_priority,
    };
    let mut cpus: Vec<u16> = draft
        .cpus
        .iter()
        .map(|cpu| values::number(cpu, "the number of a CPU", 0..=HIGHEST_CPU, reporter))
        .collect();
    cpus.sort_unstable();
    cpus.dedup();
    ElectionThread {
        realtime_priority,
        cpus,
        lock_memory: draft.lock_memory.unwrap_or(default.lock_memory),
    }
}
