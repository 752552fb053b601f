//! Jobs that wait: in order, one at a time for each subject, and not more than a few.

use std::collections::{BTreeMap, VecDeque};

use super::event::Key;
use super::job::Job;

/// Events of one subject that may wait for the command that runs.
pub const MOST_WAITING: usize = 32;

/// The jobs of all subjects.
///
/// A subject whose commands are slower than its changes keeps its newest events: the oldest one
/// that waits is left out, so the last command that runs is about the last state.
#[derive(Debug, Default)]
pub struct Queue {
    subjects: BTreeMap<Key, Line>,
}

/// The jobs of one subject.
#[derive(Debug, Default)]
struct Line {
    /// What is left of the event whose command runs.
    current: VecDeque<Job>,
    running: bool,
    /// The jobs of each event that has not begun.
    waiting: VecDeque<Vec<Job>>,
}

impl Queue {
    /// Appends the jobs of one event. Returns how many jobs of older events were left out for it.
    pub fn push(&mut self, key: &Key, jobs: Vec<Job>) -> usize {
        if jobs.is_empty() {
            return 0;
        }
        let line = self.subjects.entry(key.clone()).or_default();
        line.waiting.push_back(jobs);
        let mut left_out = 0;
        while line.waiting.len() > MOST_WAITING {
            left_out += line.waiting.pop_front().map_or(0, |jobs| jobs.len());
        }
        left_out
    }

    /// The next job of each subject that runs none; they count as running from now on.
    pub fn ready(&mut self) -> Vec<(Key, Job)> {
        let mut ready = Vec::new();
        for (key, line) in self.subjects.iter_mut().filter(|(_, line)| !line.running) {
            if line.current.is_empty() {
                line.current = line.waiting.pop_front().unwrap_or_default().into();
            }
            if let Some(job) = line.current.pop_front() {
                line.running = true;
                ready.push((key.clone(), job));
            }
        }
        ready
    }

    /// The running job of a subject has ended.
    pub fn finish(&mut self, key: &Key) {
        if let Some(line) = self.subjects.get_mut(key) {
            line.running = false;
            if line.current.is_empty() && line.waiting.is_empty() {
                self.subjects.remove(key);
            }
        }
    }

    /// Whether no job runs or waits.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// Jobs that have not begun.
    pub fn waiting(&self) -> usize {
        let of =
            |line: &Line| line.current.len() + line.waiting.iter().map(Vec::len).sum::<usize>();
        self.subjects.values().map(of).sum()
    }
}
