//! Parses the output of the standard test harness while it arrives.

use std::process::ExitStatus;

/// The result of a run of tests.
#[derive(Default, Debug)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    pub failures: Vec<String>,
    /// Names and reasons.
    pub ignored: Vec<(String, String)>,
    /// The last line was `failures:` or a name below it.
    in_failures: bool,
}

impl Tally {
    /// Reads one line of the harness's output.
    pub fn read(&mut self, line: &str) {
        // The harness's list: a test's own output may break the line with FAILED.
        let name = line.strip_prefix("    ").filter(|name| self.in_failures && !name.contains(' '));
        self.failures.extend(name.map(str::to_owned));
        self.in_failures = line == "failures:" || name.is_some();
        if let Some(rest) = line.strip_prefix("test result: ") {
            self.passed += count(rest, "passed");
            self.failed += count(rest, "failed");
        } else if let Some((name, reason)) =
            line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ignored"))
        {
            self.ignored.push((name.to_owned(), reason.trim_start_matches(", ").to_owned()));
        }
    }

    /// Reads the exit status of the program `line`: one that failed without a failed test did not
    /// compile, or died.
    pub fn end(&mut self, status: ExitStatus, line: &str) {
        if !status.success() && self.failed == 0 {
            self.failed = 1;
            self.failures.push(format!("`{line}` ({status})"));
        }
    }

    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.failures.extend(other.failures);
        self.ignored.extend(other.ignored);
    }
}

/// `3` in `ok. 3 passed; 0 failed; ...`.
fn count(summary: &str, what: &str) -> usize {
    let part = summary.split([';', '.']).find_map(|part| part.trim().strip_suffix(what));
    part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
