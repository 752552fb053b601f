//! Checks of a part, each a line on the console.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::{Error, Result, anyhow};

/// The checks of one part.
#[derive(Debug, Default)]
pub struct Checks {
    failures: usize,
}

impl Checks {
    /// Runs a check; its text describes the observation.
    pub fn check(&mut self, name: &str, check: impl FnOnce() -> Result<String>) {
        let begin = Instant::now();
        let seen =
            catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|_| Err(anyhow!("it panicked")));
        let took = begin.elapsed().as_secs_f64();
        match seen {
            Ok(text) => println!("vm: ok {name}: {} ({took:.1} s)", one_line(&text)),
            Err(error) => self.failed(name, &error),
        }
    }

    pub fn failed(&mut self, name: &str, error: &Error) {
        self.failures += 1;
        println!("vm: FAILED {name}: {}", one_line(&format!("{error:#}")));
    }

    /// The check cannot be made on this kernel, or in this guest.
    pub fn skipped(&mut self, name: &str, reason: &str) {
        println!("vm: skipped {name}: {}", one_line(reason));
    }

    pub fn failures(&self) -> usize {
        self.failures
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" | ")
}
