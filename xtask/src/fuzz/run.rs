//! Runs one target for some seconds and reads its result.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::target::{directory, triple};
use crate::exec;

/// libFuzzer's report of a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    executions: u64,
    /// Coverage points of the seeds and the kept corpus, and at the end.
    edges: (u64, u64),
    /// The input that made the target fail.
    artifact: Option<PathBuf>,
}

impl Report {
    fn read(text: &str) -> Self {
        let mut report = Self::default();
        for line in text.lines() {
            if let Some(edges) = after(line, " cov: ") {
                let begun = line.contains("INITED") || report.edges.0 == 0;
                report.edges = (if begun { edges } else { report.edges.0 }, edges);
            }
            if let Some(count) = after(line, "stat::number_of_executed_units: ") {
                report.executions = count;
            }
            if let Some((_, path)) = line.split_once("Test unit written to ") {
                report.artifact = Some(path.trim().into());
            }
        }
        report
    }
}

/// The number behind `key`.
fn after(line: &str, key: &str) -> Option<u64> {
    line.split_once(key)?.1.split_whitespace().next()?.parse().ok()
}

/// Runs a target and prints a line about it; returns whether it passed.
pub fn target(name: &str, dictionary: Option<&Path>, seconds: u64) -> Result<bool> {
    let program = directory().join(triple()).join("release").join(name);
    let corpus = directory().join("corpus").join(name);
    let artifacts = directory().join("artifacts").join(name);
    for directory in [&corpus, &artifacts] {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let mut command = Command::new(&program);
    command.arg(&corpus).arg(directory().join("seeds").join(name));
    command.args([
        format!("-max_total_time={seconds}"),
        format!("-artifact_prefix={}/", artifacts.display()),
    ]);
    // A single input takes milliseconds and a few megabytes.
    command.args([
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-malloc_limit_mb=512",
        "-print_final_stats=1",
    ]);
    command.args(dictionary.map(|file| format!("-dict={}", file.display())));
    let output =
        command.output().with_context(|| format!("cannot start `{}`", exec::line(&command)))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let Report { executions, edges: (before, after), artifact } = Report::read(&text);
    let held = output.status.success() && executions > 0;
    println!(
        "fuzz: {name}: {executions} executions, {} a second; {before} edges at the start, {after} at the end; {}",
        executions / seconds.max(1),
        if held { "no crash" } else { "FAILED" }
    );
    if !held {
        println!("{text}\nfuzz: {name} failed ({})", output.status);
        if let Some(artifact) = artifact {
            println!("fuzz: replay: {} {}", program.display(), artifact.display());
        }
    }
    Ok(held)
}

#[cfg(test)]
mod tests;
