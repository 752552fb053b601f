//! Notifications: what is run and written when a virtual router, a sync group, a service or a
//! backend changes.
//!
//! ```text
//!   Report ----> States ----> Event ----> jobs() ----> Queue ----> one command at a time
//!   (election,   (what was               |-> line() -> FIFO        for each subject
//!    health)      reported last)         '-> letter() -> mail
//! ```
//!
//! Nothing here runs a command or writes a file; `vrrp-agent` does.

mod event;
mod job;
mod letter;
mod line;
mod queue;
mod states;
#[cfg(test)]
mod tests;

pub use event::{Event, Key, LowerPriority, Report, Transition};
pub use job::{Job, jobs};
pub use letter::{Letter, letter};
pub use line::line;
pub use queue::{MOST_WAITING, Queue};
pub use states::{ServiceFacts, States};
