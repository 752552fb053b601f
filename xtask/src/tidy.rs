//! `tidy`: the rules that neither the compiler nor clippy knows. Each file beside this one holds
//! one kind of rule, with its table at the top.

mod docs;
mod paths;
mod rooms;
mod size;
mod source;
#[cfg(test)]
mod tests;
mod words;

use std::path::{Path, PathBuf};
use std::{fmt, fs};

use anyhow::{Context, Result, bail};

use crate::{Known, exec};
use size::Ratchet;
use source::Source;

/// One broken rule. Lines count from 1.
#[derive(Debug)]
pub struct Finding {
    path: String,
    line: usize,
    text: String,
}

impl Finding {
    fn new(path: &str, line: usize, text: String) -> Self {
        Self { path: path.to_owned(), line, text }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// `commands` are our own commands.
pub fn run(commands: &[Known]) -> Result<()> {
    let (files, findings) = check(&exec::root(), commands)?;
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} finding(s) in {files} files", findings.len());
    }
    println!("tidy: {files} files, nothing to say");
    Ok(())
}

/// The number of Rust files, and what is wrong with them and the documents.
fn check(root: &Path, commands: &[Known]) -> Result<(usize, Vec<Finding>)> {
    let files = files(root)?;
    let (paths, documents) = (with_extension(&files, "rs"), with_extension(&files, "md"));
    let mut findings = Vec::new();
    let mut ratchet = Ratchet::parse(
        &fs::read_to_string(root.join(size::RATCHET)).unwrap_or_default(),
        &mut findings,
    );
    let mut all = String::new();
    for file in &paths {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy();
        let source = Source::parse(&text);
        rooms::check(&path, &source, &mut findings);
        size::check(&path, &source, &mut ratchet, &mut findings);
        words::check(&path, &source, &mut findings);
        // What only this crate says proves nothing about the agent.
        if !path.starts_with("xtask/") {
            all.push_str(&text);
        }
    }
    ratchet.finish(&mut findings);
    let places = paths::Places::new(root, &files)?;
    for file in &documents {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy();
        docs::check_metrics(&path, &text, &all, &mut findings);
        docs::check_commands(&path, &text, commands, &mut findings);
        places.check(&path, &text, &mut findings);
    }
    docs::check_tables(root, commands, &mut findings)?;
    Ok((paths.len(), findings))
}

fn with_extension<'f>(files: &'f [PathBuf], extension: &str) -> Vec<&'f PathBuf> {
    files.iter().filter(|file| file.extension().is_some_and(|own| own == extension)).collect()
}

/// Every file below, in order, without what was built and what is hidden.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(root, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in
        fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?
    {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == "target" || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            collect(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Unit tests in a file or directory of their own, and the integration tests; the harness is a
/// library like any other.
fn is_test_file(path: &str) -> bool {
    let inside = path.split('/').skip(1);
    !path.starts_with("tests/harness/")
        && (path.starts_with("tests/")
            || inside.into_iter().any(|part| matches!(part, "tests" | "tests.rs")))
}
