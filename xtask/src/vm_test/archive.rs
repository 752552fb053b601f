//! Writes cpio archives of the format "newc", which the kernel unpacks as its first file system. It
//! unpacks several archives in one file one after the other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Types and permissions as in `st_mode`.
const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;
const LINK: u32 = 0o120_777;
const DEVICE: u32 = 0o020_600;
/// The console that the kernel opens for the first process.
const CONSOLE: (u32, u32) = (5, 1);

/// An archive in memory. Directories are added as files need them; owner and group are root.
pub struct Archive {
    bytes: Vec<u8>,
    /// Paths that are in the archive, without the slash in front.
    known: BTreeSet<String>,
}

impl Archive {
    pub fn new() -> Self {
        Self { bytes: Vec::new(), known: BTreeSet::new() }
    }

    /// Whether the archive has this path.
    pub fn has(&self, path: &str) -> bool {
        self.known.contains(path.trim_start_matches('/'))
    }

    pub fn directory(&mut self, path: &str) {
        self.add(path, DIRECTORY, (0, 0), &[]);
    }

    pub fn file(&mut self, path: &str, contents: &[u8]) {
        self.add(path, FILE, (0, 0), contents);
    }

    pub fn program(&mut self, path: &str, contents: &[u8]) {
        self.add(path, PROGRAM, (0, 0), contents);
    }

    pub fn link(&mut self, path: &str, target: &str) {
        self.add(path, LINK, (0, 0), target.as_bytes());
    }

    pub fn console(&mut self) {
        self.add("dev/console", DEVICE, CONSOLE, &[]);
    }

    /// Adds a file of this machine with its permissions.
    pub fn copy(&mut self, path: &str, from: &Path) -> Result<()> {
        let contents = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        self.program(path, &contents);
        Ok(())
    }

    /// The finished archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn add(&mut self, path: &str, mode: u32, device: (u32, u32), contents: &[u8]) {
        let path = path.trim_start_matches('/');
        if let Some((parent, _)) = path.rsplit_once('/')
            && !self.known.contains(parent)
        {
            self.directory(parent);
        }
        if self.known.insert(path.to_owned()) {
            self.entry(path, mode, device, contents);
        }
    }

    /// Thirteen fields of eight hexadecimal digits after the magic number; name and contents are
    /// padded to four bytes.
    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), contents: &[u8]) {
        let number = self.known.len() as u32;
        let links = 1 + u32::from(mode == DIRECTORY);
        let (size, name_size) = (contents.len() as u32, name.len() as u32 + 1);
        let fields = [number, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, name_size, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(contents);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests;
