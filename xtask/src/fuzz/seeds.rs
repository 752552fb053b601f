//! The seeds of a run: packets of the rows, the configurations of the repository, a datagram, and
//! random sequences.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::target::{Input, directory};
use crate::exec;

/// Directories with configurations.
const CONFIGURATIONS: [&str; 3] = ["examples", "examples/dual-master", "crates/config/testdata"];
/// Files that hold the keywords of both languages as string literals.
const KEYWORDS: [&str; 3] =
    ["crates/config/src/keepalived", "crates/config/src/keepalived/keywords", "crates/model/src"];
/// Files whose fields are the keys of TOML.
const KEYS: &str = "crates/config/src/draft";
const SEQUENCES: u64 = 64;

/// Writes the seeds of these targets, a directory for each. Returns the dictionary of
/// configurations.
pub fn write(targets: &[(&str, Input)]) -> Result<PathBuf> {
    let seeds = directory().join("seeds");
    if seeds.exists() {
        fs::remove_dir_all(&seeds).with_context(|| format!("cannot remove {}", seeds.display()))?;
    }
    for (name, input) in targets {
        let into = seeds.join(name);
        fs::create_dir_all(&into).with_context(|| format!("cannot make {}", into.display()))?;
        match input {
            Input::Configuration => configurations(&into)?,
            Input::Packets => {}
            Input::Datagram => put(&into.join("one-ring"), &datagram())?,
            Input::Sequence => sequences(&into)?,
        }
    }
    if targets.iter().any(|(_, input)| *input == Input::Packets) {
        // Built with the features of `test`, so that nothing is built twice.
        let mut command = exec::cargo();
        command.args(["test", "--quiet", "--workspace", "--test", "classify_rows", "seeds"]);
        exec::run_quietly(command.env("VRRP_FUZZ_SEEDS", &seeds))?;
    }
    dictionary()
}

fn put(file: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

/// Files of a directory whose names have one of these endings.
fn files(directory: &str, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let directory = exec::root().join(directory);
    let entries =
        fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| {
        file.extension().is_some_and(|found| endings.iter().any(|ending| found == *ending))
    });
    files.sort();
    Ok(files)
}

fn configurations(into: &Path) -> Result<()> {
    for (place, directory) in CONFIGURATIONS.iter().enumerate() {
        for file in files(directory, &["conf", "toml"])? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            put(&into.join(format!("{place}-{name}")), text.as_bytes())?;
            for (number, block) in blocks(&text).iter().enumerate() {
                put(&into.join(format!("{place}-{name}-{number:02}")), block.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// The outermost blocks and tables of a configuration, each by itself: libFuzzer tries short inputs
/// more often.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.split_inclusive('\n') {
        let block = blocks.len() - 1;
        if line.starts_with('[') && !blocks[block].is_empty() {
            blocks.push(line.to_owned());
            continue;
        }
        blocks[block].push_str(line);
        if line.starts_with('}') {
            blocks.push(String::new());
        }
    }
    blocks.retain(|block| !block.trim().is_empty());
    blocks
}

/// The keywords of the parsers, as a libFuzzer dictionary.
fn dictionary() -> Result<PathBuf> {
    let file = directory().join("config.dict");
    let lines: String = words()?.iter().map(|word| format!("\"{word}\"\n")).collect();
    put(&file, lines.as_bytes())?;
    Ok(file)
}

/// Keywords, keys and the words of choices.
fn words() -> Result<BTreeSet<String>> {
    let mut words = BTreeSet::new();
    for directory in KEYWORDS {
        for text in sources(directory)? {
            let quoted =
                text.split('"').skip(1).step_by(2).filter(|word| is_word(word)).map(str::to_owned);
            words.extend(quoted);
        }
    }
    for text in sources(KEYS)? {
        words.extend(fields(&text).map(str::to_owned));
    }
    Ok(words)
}

/// The texts of a directory's Rust files.
fn sources(directory: &str) -> Result<Vec<String>> {
    let read = |file: PathBuf| {
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
    };
    files(directory, &["rs"])?.into_iter().map(read).collect()
}

/// The names of public fields.
fn fields(source: &str) -> impl Iterator<Item = &str> {
    let lines = source.lines().filter_map(|line| line.trim_start().strip_prefix("pub "));
    lines.filter_map(|line| line.split_once(':')).map(|(name, _)| name).filter(|name| is_word(name))
}

fn is_word(text: &str) -> bool {
    text.len() > 1
        && text.len() < 40
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// A comparison of one ring (`crates/steering/src/ring_agreement.rs`).
fn datagram() -> Vec<u8> {
    let head = [b"vrrpring".as_slice(), &[1, 1, 1, 0, 0, 0, 0, 0]].concat();
    let address = [&[0; 10], [0xff, 0xff].as_slice(), &[192, 0, 2, 9]].concat();
    [head, address, vec![0, 80, 6, 0], vec![1, 2, 3, 4, 5, 6, 7, 8]].concat()
}

/// Random bytes of growing length, the same on every machine.
fn sequences(into: &Path) -> Result<()> {
    let mut state = 1_u64;
    let mut byte = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    for number in 1..=SEQUENCES {
        let bytes: Vec<u8> = (0..number * 16).map(|_| byte()).collect();
        put(&into.join(format!("{number:02}")), &bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
