//! `tidy`: the rules that neither the compiler nor clippy knows. Each file in tidy/ holds one kind
//! of rule, with its table at the top.

mod docs;
mod ebpf;
mod finding;
mod imports;
mod paths;
mod paths_in_code;
mod purity;
mod size;
mod source;
#[cfg(test)]
mod tests;
mod vocabulary;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{Known, exec};
use finding::Finding;
use imports::Imports;
use size::Ratchet;
use source::{Source, is_test_file};

/// `commands` are our own commands.
pub fn run(commands: &[Known]) -> Result<()> {
    let (files, mut findings) = check(&exec::root(), commands)?;
    purity::check(&mut findings)?;
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
fn check(root: &Path, commands: &[Known]) -> Result<(usize, Vec<Finding>)> {
    let paths = files(root, &["rs"])?;
    let mut findings = Vec::new();
    let mut ratchet = Ratchet::parse(
        &fs::read_to_string(root.join(size::RATCHET)).unwrap_or_default(),
        &mut findings,
    );
    let mut all = String::new();
    let mut imports = Imports::default();
    for file in &paths {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy();
        let source = Source::parse(&text);
        if !is_test_file(&path) {
            imports.add(&path, &source);
        }
        size::check(&path, &source, &mut ratchet, &mut findings);
        size::check_width(&path, &source, &mut findings);
        words::check(&path, &source, &mut findings);
        ebpf::check(&path, &source, &mut findings);
        vocabulary::check(&path, &source, &mut findings);
        // A name that only this crate mentions does not show that the agent has it.
        if !path.starts_with("xtask/") {
            all.push_str(&text);
        }
    }
    ratchet.finish(&mut findings);
    imports.finish(&mut findings);
    let places = paths::Places::new(root, &every_file(root)?)?;
    let mut texts = files(root, &["md", "toml"])?;
    texts.extend(files(&root.join("schema"), &["json"])?);
    texts.extend(files(&root.join("packaging"), &["service"])?);
    for file in texts {
        let path = file.strip_prefix(root).unwrap_or(&file).to_string_lossy();
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        vocabulary::check_document(&path, &text, &mut findings);
        if path.ends_with(".md") {
            docs::check_metrics(&path, &text, &all, &mut findings);
            docs::check_commands(&path, &text, commands, &mut findings);
            places.check(&path, &text, &mut findings);
        }
    }
    docs::check_tables(root, commands, &mut findings)?;
    Ok((paths.len(), findings))
}

/// The files below `directory` with one of these extensions, sorted; without what was built and
/// what is hidden.
fn files(directory: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = every_file(directory)?;
    found.retain(|path| {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        extensions.contains(&extension.as_ref())
    });
    Ok(found)
}

/// Every file below, sorted; without what was built and what is hidden.
fn every_file(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(directory, &mut found)?;
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
