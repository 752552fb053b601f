//! `tidy`: the rules that neither the compiler nor clippy knows. Each file in tidy/ holds one kind
//! of rule, with its table at the top.

mod docs;
mod imports;
mod size;
mod source;
#[cfg(test)]
mod tests;
mod vocabulary;
mod words;

use std::path::{Path, PathBuf};
use std::{fmt, fs};

use anyhow::{Context, Result, bail};

use crate::exec;
use size::Ratchet;
use source::Source;

/// Documents whose metrics and commands are looked up.
const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];

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

/// `commands` are the names of our own commands.
pub fn run(commands: &[String]) -> Result<()> {
    let (files, findings) = check(&exec::root(), commands)?;
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} finding(s) in {files} files", findings.len());
    }
    println!("tidy: {files} files, no findings");
    Ok(())
}

/// The number of Rust files, and the findings in them and in the documents.
fn check(root: &Path, commands: &[String]) -> Result<(usize, Vec<Finding>)> {
    let paths = files(root, &["rs"])?;
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
        imports::check(&path, &source, &mut findings);
        size::check(&path, &source, &mut ratchet, &mut findings);
        size::check_width(&path, &source, &mut findings);
        words::check(&path, &source, &mut findings);
        vocabulary::check(&path, &source, &mut findings);
        // A name that only this crate mentions proves nothing about the agent.
        if !path.starts_with("xtask/") {
            all.push_str(&text);
        }
    }
    ratchet.finish(&mut findings);
    let mut texts = files(root, &["md", "toml"])?;
    texts.extend(files(&root.join("schema"), &["json"])?);
    texts.extend(files(&root.join("packaging"), &["service"])?);
    for file in texts {
        let path = file.strip_prefix(root).unwrap_or(&file).to_string_lossy();
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        vocabulary::check_document(&path, &text, &mut findings);
    }
    for path in DOCUMENTS {
        let Ok(text) = fs::read_to_string(root.join(path)) else { continue };
        docs::check_metrics(path, &text, &all, &mut findings);
        docs::check_commands(path, &text, commands, &mut findings);
    }
    Ok((paths.len(), findings))
}

/// The files below `directory` with one of these extensions, sorted; without what was built and
/// what is hidden.
fn files(directory: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect_files(directory, extensions, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect_files(directory: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in
        fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?
    {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == "target" || name.starts_with('.') {
            continue;
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let wanted = extensions.contains(&extension.as_ref());
        if path.is_dir() {
            collect_files(&path, extensions, found)?;
        } else if wanted {
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
