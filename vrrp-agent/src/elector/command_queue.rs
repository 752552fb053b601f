//! Commands on their way to the thread.

use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use super::Command;

/// The senders' end.
#[derive(Clone)]
pub struct Outbox(Arc<Mutex<Vec<Command>>>);

/// The thread's end.
///
/// Not a channel of the standard library: its receiver spins while a sender is between its claim of
/// a place and its message. A sender that the thread has preempted there, on the one CPU they
/// share, would never get on, since nothing runs beside SCHED_FIFO.
pub struct Inbox(Arc<Mutex<Vec<Command>>>);

pub fn pair() -> (Outbox, Inbox) {
    let queue = Arc::default();
    (Outbox(Arc::clone(&queue)), Inbox(queue))
}

impl Outbox {
    /// The thread is to be woken after this: it may have looked in between, and found the queue
    /// held.
    pub fn push(&self, command: Command) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(command);
    }
}

impl Inbox {
    /// Every command so far, the oldest first; nothing while one is being handed over. Never waits.
    pub fn take(&self) -> Vec<Command> {
        match self.0.try_lock() {
            Ok(mut queue) => std::mem::take(&mut queue),
            Err(TryLockError::Poisoned(queue)) => std::mem::take(&mut queue.into_inner()),
            Err(TryLockError::WouldBlock) => Vec::new(),
        }
    }

    /// Whether all senders have gone.
    pub fn is_orphan(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

#[cfg(test)]
mod tests;
