//! A fuzz target: its input, and the directory of its files.

use std::env;
use std::path::PathBuf;

use crate::exec;

/// The input of a target.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Input {
    Configuration,
    /// Made from the packet rows.
    Packets,
    Datagram,
    Sequence,
}

/// The directory of the targets' files.
pub fn directory() -> PathBuf {
    exec::target_dir().join("fuzz")
}

pub fn triple() -> String {
    format!("{}-unknown-linux-gnu", env::consts::ARCH)
}
