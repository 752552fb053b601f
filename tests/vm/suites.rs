//! Test programs that also run on the machine that builds them, here on another kernel.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::check::Checks;

/// What the standard harness ends with when tests failed: they are counted by their lines.
const FAILED: i32 = 101;

/// Runs the tests of these programs that need root, one at a time.
pub fn run(checks: &mut Checks, programs: &[&str]) -> Result<()> {
    for program in programs {
        let mut command = Command::new(format!("/bin/{program}"));
        command.args(["--ignored", "--test-threads=1"]).current_dir("/root");
        let status = command.status().with_context(|| format!("starting {program}"))?;
        match status.code() {
            Some(0 | FAILED) => {}
            _ => bail!("{program} ended with {status}"),
        }
    }
    // A test that lacked something has said so, and the harness took its return for success.
    for note in std::fs::read_to_string("/run/test-skips").unwrap_or_default().lines() {
        let (name, reason) = note.split_once(": ").unwrap_or((note, ""));
        checks.skipped(name, reason);
    }
    Ok(())
}
