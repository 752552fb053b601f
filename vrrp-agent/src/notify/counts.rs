//! What became of notifications, counted since the agent started.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Succeeded,
    /// Another exit status than 0, or a signal.
    Failed,
    TimedOut,
    NotStarted,
    /// Not run: its subject has newer events, or the agent has ended.
    LeftOut,
    /// A line that a FIFO took.
    Line,
    /// A line that a FIFO was too full for, or that had no FIFO.
    LineDropped,
    /// A mail that the server took.
    Mail,
    MailFailed,
    /// Not sent: too many newer ones wait.
    MailLeftOut,
}

impl Counted {
    const NUMBER: usize = 10;
    const COMMANDS: [Self; 5] =
        [Self::Succeeded, Self::Failed, Self::TimedOut, Self::NotStarted, Self::LeftOut];
    const MAILS: [Self; 3] = [Self::Mail, Self::MailFailed, Self::MailLeftOut];
    const LINES: [Self; 2] = [Self::Line, Self::LineDropped];

    /// As status and metrics have it.
    const fn label(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed | Self::MailFailed => "failed",
            Self::TimedOut => "timed_out",
            Self::NotStarted => "not_started",
            Self::LeftOut | Self::MailLeftOut => "left_out",
            Self::Mail => "sent",
            Self::Line => "written",
            Self::LineDropped => "dropped",
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Counts(Arc<[AtomicU64; Counted::NUMBER]>);

impl Counts {
    pub fn add(&self, counted: Counted, number: usize) {
        self.0[counted as usize].fetch_add(number as u64, Ordering::Relaxed);
    }

    /// Commands by outcome, zeros included.
    pub fn commands(&self) -> BTreeMap<String, u64> {
        self.of(&Counted::COMMANDS)
    }

    /// Mails by outcome, zeros included.
    pub fn mails(&self) -> BTreeMap<String, u64> {
        self.of(&Counted::MAILS)
    }

    /// Lines of FIFOs by outcome, zeros included.
    pub fn lines(&self) -> BTreeMap<String, u64> {
        self.of(&Counted::LINES)
    }

    fn of(&self, outcomes: &[Counted]) -> BTreeMap<String, u64> {
        let count = |counted: Counted| self.0[counted as usize].load(Ordering::Relaxed);
        outcomes.iter().map(|&counted| (counted.label().to_owned(), count(counted))).collect()
    }
}
