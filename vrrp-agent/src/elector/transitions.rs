//! Transitions on their way out of the thread: all of them, in their order. The view shows only the
//! newest role of each router.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use vrrp_notify::Report;

/// Transitions that may wait for their reader: two for each of a thousand routers that start, and
/// as many again.
const CAPACITY: usize = 4_096;

/// The thread's end. Never waits: a report that finds the queue full is dropped and counted.
pub struct Sender {
    queue: mpsc::Sender<Report>,
    dropped: Dropped,
}

/// How many reports found the queue full.
#[derive(Debug, Clone, Default)]
pub struct Dropped(Arc<AtomicU64>);

impl Dropped {
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The queue: the thread's end, its reader's, and the count of dropped reports.
pub fn queue() -> (Sender, mpsc::Receiver<Report>, Dropped) {
    let (queue, transitions) = mpsc::channel(CAPACITY);
    let dropped = Dropped::default();
    (Sender { queue, dropped: dropped.clone() }, transitions, dropped)
}

impl Sender {
    pub fn push(&self, report: Report) {
        match self.queue.try_send(report) {
            // Without its reader the agent is at its end.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => {
                self.dropped.0.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
