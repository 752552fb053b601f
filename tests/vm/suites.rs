//! Test programs that also run on the building machine, here on another kernel.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::check::Checks;

/// Exit code of the test harness when tests failed: they are counted by their lines.
const FAILED: i32 = 101;

/// The agent's own tests.
pub const UNIT_TESTS: &str = "vrrp-agent-tests";

/// Tests that cannot pass on kernels older than this, each with the reason.
const NOT_BEFORE: &[(&str, (u32, u32), &str)] = &[(
    "net::addresses::tests::an_address_added_manually_is_adopted",
    (6, 12),
    "this kernel marks an IPv4 address (IFA_PROTO) when it is added, not when it is replaced",
)];

/// Runs the tests of these programs that need root, one at a time.
pub fn run(checks: &mut Checks, programs: &[&str]) -> Result<()> {
    let release = crate::release()?;
    let beyond = || NOT_BEFORE.iter().filter(|(_, oldest, _)| release < *oldest);
    for program in programs {
        let mut command = Command::new(format!("/bin/{program}"));
        command.args(["--ignored", "--test-threads=1"]).current_dir("/root");
        command.args(beyond().flat_map(|(name, ..)| ["--skip", name]));
        let status = command.status().with_context(|| format!("starting {program}"))?;
        match status.code() {
            Some(0 | FAILED) => {}
            _ => bail!("{program} ended with {status}"),
        }
    }
    if programs.contains(&UNIT_TESTS) {
        for (name, _, reason) in beyond() {
            checks.skipped(name, reason);
        }
    }
    // A test that lacked something left a note, and the test harness counted its return as a pass.
    for note in std::fs::read_to_string("/run/test-skips").unwrap_or_default().lines() {
        let (name, reason) = note.split_once(": ").unwrap_or((note, ""));
        checks.skipped(name, reason);
    }
    Ok(())
}
