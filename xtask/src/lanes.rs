//! Runs the tests that need root, by test binary: several binaries at a time if their tests measure
//! no time, else one at a time.

use std::collections::VecDeque;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use crate::exec;
use crate::libtest::Tally;

/// Binaries that run in parallel, the longest first. Their tests compute, or wait with seconds of
/// patience for a state; none measures a gap or expects an answer within milliseconds. Each test
/// has namespaces, maps and directories of its own. A binary that is not listed here runs alone.
const SIDE_BY_SIDE: &[&str] =
    &["interop_matrix", "vrrp_agent", "hmac", "path", "drops", "agreement", "xdp_rows", "alike"];
/// How many of them run at a time. They mostly wait, but each start of an agent takes a second of
/// CPU.
const LANES: usize = 2;

/// An executable with tests of one target.
#[derive(Debug, PartialEq, Eq)]
struct Binary {
    /// Name of the target: a file of `tests/`, or a crate.
    name: String,
    path: PathBuf,
    /// Its working directory: the directory of its package.
    directory: PathBuf,
}

impl Binary {
    /// From a line of cargo's JSON output, if it describes a test binary.
    fn read(line: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_test =
            message["reason"] == "compiler-artifact" && message["profile"]["test"] == true;
        let path = message["executable"].as_str().filter(|_| is_test)?;
        let directory = Path::new(message["manifest_path"].as_str()?).parent()?;
        Some(Self {
            name: message["target"]["name"].as_str()?.to_owned(),
            path: path.into(),
            directory: directory.into(),
        })
    }

    fn command(&self, filter: Option<&str>, environment: &[(&str, &Path)]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(filter)
            .arg("--ignored")
            .current_dir(&self.directory)
            .env("CARGO_MANIFEST_DIR", &self.directory);
        command.envs(environment.iter().copied()).stdin(Stdio::null());
        command
    }

    /// Whether any test matches.
    fn has_any(&self, filter: Option<&str>) -> Result<bool> {
        let mut command = self.command(filter, &[]);
        command.args(["--list", "--format", "terse"]);
        let Output { status, stdout, .. } =
            command.output().with_context(|| format!("cannot start `{}`", exec::line(&command)))?;
        Ok(!status.success()
            || String::from_utf8_lossy(&stdout).lines().any(|line| line.ends_with(": test")))
    }

    /// The command that runs its tests, one at a time.
    fn tests(&self, filter: Option<&str>, environment: &[(&str, &Path)]) -> Command {
        let mut command = self.command(filter, environment);
        command.args(["--test-threads", "1"]);
        command
    }
}

/// Runs the ignored tests of all binaries; `stream` runs a command and prints its lines as they
/// arrive.
pub fn run(
    filter: Option<&str>,
    environment: &[(&str, &Path)],
    stream: fn(&mut Command) -> Result<Tally>,
) -> Result<Tally> {
    let mut binaries = Vec::new();
    for binary in build()? {
        if binary.has_any(filter)? {
            binaries.push(binary);
        }
    }
    let place = |binary: &Binary| SIDE_BY_SIDE.iter().position(|name| *name == binary.name);
    let (mut together, alone): (Vec<Binary>, Vec<Binary>) =
        binaries.into_iter().partition(|binary| place(binary).is_some());
    together.sort_by_key(place);
    let begin = Instant::now();
    let count = together.len();
    let mut total = Tally::default();
    let tallies = side_by_side(together, LANES, |binary| {
        whole(&binary.name, &mut binary.tests(filter, environment))
    })?;
    tallies.into_iter().for_each(|tally| total.add(tally));
    println!("\n-- {count} test binaries side by side: {:.1} s", begin.elapsed().as_secs_f64());
    for binary in alone {
        println!("\n-- {}", binary.name);
        total.add(stream(&mut binary.tests(filter, environment))?);
    }
    Ok(total)
}

/// Runs a test binary and prints its output when it has ended.
fn whole(name: &str, command: &mut Command) -> Result<Tally> {
    let begin = Instant::now();
    let output =
        command.output().with_context(|| format!("cannot start `{}`", exec::line(command)))?;
    let (text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // A single call, so that the outputs of the lanes do not mix.
    print!("\n-- {name}: {:.1} s\n{text}{errors}", begin.elapsed().as_secs_f64());
    let mut tally = Tally::default();
    text.lines().for_each(|line| tally.read(line));
    tally.end(output.status, &exec::line(command));
    Ok(tally)
}

/// The test binaries of the workspace, built.
fn build() -> Result<Vec<Binary>> {
    let mut command = exec::cargo();
    command.args([
        "test",
        "--workspace",
        "--lib",
        "--bins",
        "--tests",
        "--no-run",
        "--message-format",
        "json",
    ]);
    let line = exec::line(&command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    ensure!(output.status.success(), "`{line}` failed ({})", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(Binary::read).collect())
}

/// Does the work on all `items`, a number of them at a time; the results have no order.
pub fn side_by_side<T: Send, R: Send>(
    items: Vec<T>,
    lanes: usize,
    work: impl Fn(T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let queue = Mutex::new(VecDeque::from(items));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let lane = || iter::from_fn(next).map(&work).collect::<Result<Vec<R>>>();
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        let mut results = Vec::new();
        for lane in lanes {
            results.extend(lane.join().map_err(|_| anyhow!("a thread of this program panicked"))??);
        }
        Ok(results)
    })
}

#[cfg(test)]
mod tests;
