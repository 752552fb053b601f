//! How a test reports that this machine lacks something it needs.

use std::fs::OpenOptions;
use std::io::Write;

use anyhow::{Context, Result};

/// Reports to `cargo xtask test` that `test` was skipped: it counts as skipped, not as passed.
pub fn skip(test: &str, reason: &str) -> Result<()> {
    println!("skipped: {test}: {reason}");
    let Some(path) = std::env::var_os("VRRP_TEST_SKIPS") else { return Ok(()) };
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .context("the list of skipped tests")?;
    writeln!(file, "{test}: {reason}").context("the list of skipped tests")
}
