//! `ci`: the whole gate, cheapest checks first.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::{Known, exec, fuzz, prepare, test, tidy};

/// `commands` are our own commands.
pub fn run(commands: &[Known]) -> Result<ExitCode> {
    for (tool, component) in [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        if exec::find_program(tool)
            .is_none_or(|program| exec::read(program, &["--version"]).is_none())
        {
            bail!("{component} is missing: `rustup component add {component}`");
        }
    }
    stage("fmt", || {
        exec::run(exec::cargo().args(["fmt", "--all", "--check"]))?;
        exec::run(exec::cargo().args([
            "fmt",
            "--manifest-path",
            "vrrp-ebpf/Cargo.toml",
            "--check",
        ]))?;
        exec::run(exec::cargo().args(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
    })?;
    stage("tidy", || tidy::run(commands))?;
    stage("clippy", || {
        exec::run(exec::cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    })?;
    stage("fuzz", || {
        // A test writes the seeds, so the kernel programs are built first: otherwise the agent
        // would be built twice.
        prepare::run()?;
        fuzz::run(&fuzz::Options::default())
    })?;
    println!("\n=== test");
    test::run(&test::Options::default())
}

fn stage(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n=== {name}");
    let start = Instant::now();
    let done = work();
    let verdict = if done.is_ok() { "ok" } else { "FAILED" };
    println!("=== {name}: {verdict} in {:.1} s", start.elapsed().as_secs_f64());
    done
}
