//! Transitions on their way out of the thread: all of them, in their order. The view shows only the
//! newest role of each router.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use vrrp_election::{Reason, Role};
use vrrp_model::RouterIdx;
use vrrp_model::time::Instant;

/// Transitions that may wait for their reader: two for each of a thousand routers that start, and
/// as many again.
const CAPACITY: usize = 4_096;

/// A change of role. It names the router in full, since its configuration may be gone when this is
/// read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub at: Instant,
    /// Index of the router in the maps.
    pub idx: RouterIdx,
    /// Name of the router.
    pub instance: String,
    pub vrid: u8,
    pub interface: String,
    pub from: Role,
    pub to: Role,
    pub reason: Reason,
    /// Epoch of the mastership after the change; `None` while the node is not active.
    pub epoch: Option<u64>,
    /// Effective priority.
    pub priority: u8,
    /// Source and priority of the last advert that was heard.
    pub peer: Option<(IpAddr, u8)>,
}

/// The thread's end. Never waits: a transition that finds the queue full is dropped and counted.
pub struct Sender {
    queue: mpsc::Sender<Transition>,
    dropped: Dropped,
}

/// How many transitions found the queue full.
#[derive(Debug, Clone, Default)]
pub struct Dropped(Arc<AtomicU64>);

impl Dropped {
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The queue: the thread's end, its reader's, and the count of dropped transitions.
pub fn queue() -> (Sender, mpsc::Receiver<Transition>, Dropped) {
    let (queue, transitions) = mpsc::channel(CAPACITY);
    let dropped = Dropped::default();
    (Sender { queue, dropped: dropped.clone() }, transitions, dropped)
}

impl Sender {
    pub fn push(&self, transition: Transition) {
        match self.queue.try_send(transition) {
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
