//! The result of a guest: its checks, part by part, read from its console.
//!
//! `vm: part NAME` begins a part. Then `vm: ok NAME: TEXT`, `vm: FAILED NAME: TEXT` and `vm:
//! skipped NAME: TEXT` are checks, and the output of the standard test harness is counted too. `vm:
//! end` is the last line.

use std::path::PathBuf;
use std::time::Duration;

use super::kernels::Kernel;
use crate::libtest::Tally;

/// One part of a run: a column of the table.
#[derive(Debug, Default)]
pub struct Part {
    pub name: String,
    pub passed: Vec<(String, String)>,
    pub failed: Vec<(String, String)>,
    pub skipped: Vec<(String, String)>,
    tests: Tally,
    began: bool,
}

impl Part {
    pub fn count(&self) -> (usize, usize, usize) {
        let tests = &self.tests;
        (
            self.passed.len() + tests.passed,
            self.failed.len() + tests.failed,
            self.skipped.len() + tests.ignored.len(),
        )
    }

    /// Names of the failures, with their texts.
    pub fn failures(&self) -> impl Iterator<Item = String> {
        let tests = self.tests.failures.iter().cloned();
        self.failed.iter().map(|(name, text)| format!("{name}: {text}")).chain(tests)
    }

    /// Names of the skips, with the reasons.
    pub fn skips(&self) -> impl Iterator<Item = String> {
        self.skipped.iter().chain(&self.tests.ignored).map(|(name, text)| format!("{name}: {text}"))
    }

    /// A cell of the table.
    pub fn cell(&self) -> String {
        match self.count() {
            (0, 0, 0) => "-".to_owned(),
            (0, 0, _) => "skipped".to_owned(),
            (passed, 0, _) => format!("{passed}/{passed}"),
            (passed, failed, _) => format!("**{passed}/{}**", passed + failed),
        }
    }
}

/// The result of one kernel.
#[derive(Debug)]
pub struct Verdict {
    pub kernel: Kernel,
    pub parts: Vec<Part>,
    pub took: Duration,
    /// CPU time on this machine.
    pub processor: Duration,
    /// Paths of the console logs.
    pub logs: Vec<PathBuf>,
    now: Option<usize>,
    ended: bool,
}

impl Verdict {
    pub fn new(kernel: &Kernel, parts: &[&str]) -> Self {
        let parts =
            parts.iter().map(|name| Part { name: (*name).to_owned(), ..Part::default() }).collect();
        Self {
            kernel: kernel.clone(),
            parts,
            took: Duration::ZERO,
            processor: Duration::ZERO,
            logs: Vec::new(),
            now: None,
            ended: false,
        }
    }

    /// Reads one line of the console.
    pub fn read(&mut self, line: &str) {
        let Some(words) = line.strip_prefix("vm: ") else {
            if let Some(part) = self.now.and_then(|now| self.parts.get_mut(now)) {
                part.tests.read(line);
            }
            return;
        };
        if words == "end" {
            self.ended = true;
            self.now = None;
            // A part without a check has not passed.
            for part in self.parts.iter_mut().filter(|part| part.count() == (0, 0, 0)) {
                part.failed.push((part.name.clone(), "no check was made".to_owned()));
            }
            return;
        }
        let (kind, rest) = words.split_once(' ').unwrap_or((words, ""));
        if kind == "part" {
            self.now = self.parts.iter().position(|part| part.name == rest);
            if let Some(part) = self.now.and_then(|now| self.parts.get_mut(now)) {
                part.began = true;
            }
            return;
        }
        let Some(part) = self.now.and_then(|now| self.parts.get_mut(now)) else { return };
        let (name, text) = rest.split_once(": ").unwrap_or((rest, ""));
        let check = (name.to_owned(), text.to_owned());
        match kind {
            "ok" => part.passed.push(check),
            "FAILED" => part.failed.push(check),
            "skipped" => part.skipped.push(check),
            _ => {}
        }
    }

    pub fn ended(&self) -> bool {
        self.ended
    }

    /// The guest did not end properly: its current part has failed, and so have the parts after it.
    pub fn broke(&mut self, why: &str) {
        for (index, part) in self.parts.iter_mut().enumerate() {
            if self.now == Some(index) {
                part.failed.push((part.name.clone(), why.to_owned()));
            } else if !part.began {
                part.failed.push((part.name.clone(), format!("was not run: {why}")));
            }
        }
    }

    /// Adds the results of another guest with the same kernel.
    pub fn join(&mut self, other: Self) {
        for part in other.parts {
            match self.parts.iter_mut().find(|known| known.name == part.name) {
                Some(known) => {
                    known.passed.extend(part.passed);
                    known.failed.extend(part.failed);
                    known.skipped.extend(part.skipped);
                    known.tests.add(part.tests);
                }
                None => self.parts.push(part),
            }
        }
        self.took = self.took.max(other.took);
        self.processor += other.processor;
        self.logs.extend(other.logs);
    }

    /// Numbers of passed, failed and skipped checks in all parts.
    pub fn count(&self) -> (usize, usize, usize) {
        self.parts
            .iter()
            .map(Part::count)
            .fold((0, 0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1, sum.2 + part.2))
    }
}

#[cfg(test)]
mod tests;
