//! `test`: runs every tier that this user may run, and lists what was skipped.
//!
//! Tests that need root carry `#[ignore = "needs root: ..."]`. They find the agent in
//! `VRRP_AGENT_BIN` and the XDP object in `VRRP_EBPF_OBJ`. A test that finds at run time that the
//! machine lacks something appends `NAME: REASON` as a line to the file named in `VRRP_TEST_SKIPS`
//! and returns: it counts as skipped, not as passed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::libtest::Tally;
use crate::{build_ebpf, exec, lanes, prepare, vm_test};

#[derive(clap::Args, Default)]
pub struct Options {
    /// Run only the tests whose names contain this
    filter: Option<String>,
}

/// The last line printed is the count, also if tests failed.
pub fn run(options: &Options) -> Result<ExitCode> {
    prepare::run()?;
    let skips = exec::target_dir().join("tmp/test-skips");
    fs::create_dir_all(skips.parent().unwrap_or(&skips))
        .context("cannot make the directory for test notes")?;
    fs::write(&skips, "").with_context(|| format!("cannot write {}", skips.display()))?;
    let filter = options.filter.as_deref();

    heading("any user: unit tests, packet rows, simulation");
    let environment: [(&str, &Path); 3] = [
        ("VRRP_AGENT_BIN", &prepare::agent()),
        ("VRRP_EBPF_OBJ", &build_ebpf::object()),
        ("VRRP_TEST_SKIPS", &skips),
    ];
    let mut total = any_user(filter, &environment)?;
    if exec::is_root() {
        // These run now, so the first tier did not skip them.
        total.ignored.clear();
        heading("root: the loaded program, the kernel, the lab");
        total.add(lanes::run(filter, &environment, stream)?);
        if filter.is_none() {
            heading("virtual machines: other kernels");
            total.add(vm_test::gate());
        }
    } else {
        heading("root, virtual machines: skipped, as this is not root");
        total.ignored.extend(filter.is_none().then(|| {
            ("vm-test".to_owned(), "needs root: installs what runs other kernels".to_owned())
        }));
    }
    account(total, &skips, filter)
}

fn any_user(filter: Option<&str>, environment: &[(&str, &Path)]) -> Result<Tally> {
    let mut command = exec::cargo();
    command.args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]);
    stream(command.args(filter).envs(environment.iter().copied()))
}

/// Runs tests: prints their lines as they arrive, and counts them.
fn stream(command: &mut Command) -> Result<Tally> {
    let line = exec::line(command);
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{line}`"))?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        // A test's child may print any bytes, so they are split before they are decoded.
        for bytes in BufReader::new(output).split(b'\n') {
            let bytes = bytes.context("cannot read the output of the tests")?;
            let text = String::from_utf8_lossy(&bytes);
            println!("{text}");
            tally.read(&text);
        }
    }
    let status = child.wait().with_context(|| format!("lost `{line}`"))?;
    tally.end(status, &line);
    Ok(tally)
}

/// Prints what was skipped, what failed, and the count.
fn account(mut total: Tally, skips: &Path, filter: Option<&str>) -> Result<ExitCode> {
    let notes =
        fs::read_to_string(skips).with_context(|| format!("cannot read {}", skips.display()))?;
    for note in notes.lines() {
        let (name, reason) = note.split_once(": ").unwrap_or((note, ""));
        total.ignored.push((name.to_owned(), reason.to_owned()));
        // The test harness counted its return as a pass.
        total.passed = total.passed.saturating_sub(1);
    }
    heading("account");
    for (name, reason) in &total.ignored {
        println!("skipped: {name}: {}", if reason.is_empty() { "no reason given" } else { reason });
    }
    for name in &total.failures {
        println!("failed: {name}");
    }
    if let Some(filter) = filter
        && total.passed + total.failed + total.ignored.len() == 0
    {
        bail!("no test has `{filter}` in its name");
    }
    println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.ignored.len());
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn heading(text: &str) {
    println!("\n== {text}");
}
