//! The results of all kernels: lines and tables, on the terminal and in docs/kernels.md.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::kernels::Arch;
use super::verdict::Verdict;
use crate::exec;

const DOCUMENT: &str = "docs/kernels.md";
const INTRODUCTION: &str = "# Kernels

Written by `cargo xtask vm-test --all --write-docs`: what was run, on which kernels. They are Debian's kernels, in qemu with an emulated
processor. A cell says how many checks passed of those that were made; a number in bold has failures, listed below the table.

- loads: each program of both objects is loaded within the budget of the verifier.
- rows: the packet rows on the loaded program.
- kernel: the agent's own tests that need root.
- Below 6.1 the XDP program is refused in words that name the oldest kernel; the election, the addresses and the socket programs work.

";

/// The parts of all runs, in order.
fn columns(verdicts: &[Verdict]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for part in verdicts.iter().flat_map(|verdict| &verdict.parts) {
        if !names.contains(&part.name.as_str()) {
            names.push(&part.name);
        }
    }
    names
}

/// A table in Markdown, a row for each kernel.
pub fn table(verdicts: &[Verdict]) -> String {
    let columns = columns(verdicts);
    let mut rows = vec![vec!["kernel".to_owned()]];
    rows[0].extend(columns.iter().map(|name| (*name).to_owned()));
    for verdict in verdicts {
        let mut row = vec![name(verdict)];
        for column in &columns {
            let part = verdict.parts.iter().find(|part| part.name == *column);
            row.push(part.map_or_else(|| "-".to_owned(), |part| part.cell()));
        }
        rows.push(row);
    }
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    let line = |row: &[String]| -> String {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!(" {cell:width$} |"))
            .collect::<String>();
        format!("|{cells}\n")
    };
    let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
    let rest = rows[1..].iter().map(|row| line(row)).collect::<String>();
    format!("{}{}{rest}", line(&rows[0]), line(&rule))
}

fn name(verdict: &Verdict) -> String {
    let arch = match verdict.kernel.arch {
        Arch::X86 => "",
        Arch::Arm => " (arm64)",
    };
    format!("{}{arch}", verdict.kernel.release)
}

/// One line about a run that has ended.
pub fn line(verdict: &Verdict) -> String {
    let (passed, failed, skipped) = verdict.count();
    let (seconds, processor) = (verdict.took.as_secs_f64(), verdict.processor.as_secs_f64());
    let log =
        |path: &PathBuf| path.strip_prefix(exec::root()).unwrap_or(path).display().to_string();
    let logs: Vec<String> = verdict.logs.iter().map(log).collect();
    format!(
        "{}: {passed} passed, {failed} failed, {skipped} skipped in {seconds:.0} s, {processor:.0} s of them on a processor; {}",
        name(verdict),
        logs.join(" ")
    )
}

/// Names and texts of the failures on a kernel.
pub fn failures(verdict: &Verdict) -> Vec<String> {
    let parts = verdict.parts.iter();
    parts
        .flat_map(|part| {
            part.failures().map(|text| format!("{}: {}: {text}", name(verdict), part.name))
        })
        .collect()
}

/// Names and reasons of the skips on a kernel.
pub fn skips(verdict: &Verdict) -> Vec<(String, String)> {
    let parts = verdict.parts.iter();
    parts
        .flat_map(|part| {
            part.skips().map(|text| (format!("{}: {}", name(verdict), part.name), text))
        })
        .collect()
}

/// Replaces the document.
pub fn write(verdicts: &[Verdict]) -> Result<()> {
    let mut text = INTRODUCTION.to_owned();
    text.push_str(&table(verdicts));
    text.push_str("\nInstructions verified, of the 1,000,000 that a kernel allows:\n\n");
    for verdict in verdicts {
        let loads = verdict.parts.iter().find(|part| part.name == "loads");
        let programs: Vec<String> = loads
            .into_iter()
            .flat_map(|part| &part.passed)
            .map(|(name, text)| format!("{name} {}", figure(text)))
            .collect();
        text.push_str(&format!("- {}: {}\n", name(verdict), programs.join(", ")));
    }
    for (title, lines) in [
        ("Failures", verdicts.iter().flat_map(failures).collect::<Vec<_>>()),
        (
            "Skipped",
            verdicts
                .iter()
                .flat_map(skips)
                .map(|(name, reason)| format!("{name}: {reason}"))
                .collect(),
        ),
    ] {
        if !lines.is_empty() {
            text.push_str(&format!("\n{title}:\n\n"));
            lines.iter().for_each(|line| text.push_str(&format!("- {line}\n")));
        }
    }
    let path = exec::root().join(DOCUMENT);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("vm-test: {DOCUMENT} is written");
    Ok(())
}

/// `194261` of `194261 instructions verified, ...`; other texts are kept whole.
fn figure(text: &str) -> &str {
    text.split_once(" instructions verified").map_or(text, |(figure, _)| figure)
}
