//! XDP programs on the lab's interfaces, attached by iproute2 (such a program is removed with its
//! interface), and the verifier's statistics of a program.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::netns::NetNs;
use crate::process::run;
use crate::sys;

pub use crate::sys::{Functions, Map, Program, create_map, load_btf};

/// Pins a loaded program as `name` in a directory of a BPF file system, where [`attach`] finds it.
pub fn pin(program: impl AsFd, bpf_dir: &Path, name: &str) -> Result<PathBuf> {
    let path = bpf_dir.join(name);
    sys::pin(program.as_fd(), &path)
        .with_context(|| format!("pinning a program at {}", path.display()))?;
    Ok(path)
}

/// Pins a program that passes every frame: a veth with it on one end forwards at once what the
/// other end transmits by XDP.
pub fn pin_pass(bpf_dir: &Path) -> Result<PathBuf> {
    let pass = sys::load_xdp_pass().context("loading a program that passes frames")?;
    pin(&pass, bpf_dir, "pass")
}

/// Attaches the pinned program to an interface in driver mode, in place of the present one.
pub fn attach(netns: &NetNs, interface: &str, pinned: &Path) -> Result<()> {
    let words = ["link", "set", "dev", interface, "xdpdrv", "pinned"];
    run(Command::new("ip").args(["-force", "-n", netns.name()]).args(words).arg(pinned))
}

/// Detaches the program of an interface; none is fine.
pub fn detach(netns: &NetNs, interface: &str) -> Result<()> {
    netns.ip(&[format!("link set dev {interface} xdpdrv off")])
}

/// The verifier's statistics of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Verified instructions, over all paths.
    pub instructions: u64,
    /// Bytes of stack, of the program and of each of its functions; kernels from 7.0 on report one
    /// figure, that of the deepest chain of calls.
    pub stack: Vec<u32>,
    /// Bytes of translated instructions, and of machine code (0: no JIT).
    pub translated: u32,
    pub jited: u32,
}

/// Loads a program once, for the verifier's statistics.
pub fn verify(program: &Program) -> Result<Verified> {
    const STATISTICS: u32 = 4;
    let mut log = vec![0; 64 << 10];
    let loaded = sys::load_program(program, STATISTICS, &mut log);
    let text = String::from_utf8_lossy(&log);
    let text = text.trim_end_matches('\0');
    let loaded = loaded.with_context(|| format!("the kernel refuses the program: {text}"))?;
    let (jited, translated) =
        sys::program_sizes(loaded.as_fd()).context("asking for the program's sizes")?;
    let (instructions, stack) = statistics(text)
        .with_context(|| format!("no statistics in the verifier's output: {text}"))?;
    Ok(Verified { instructions, stack, translated, jited })
}

/// Parses `stack depth 32+128`, or `stack depth max 160`, and `processed 4711 insns (limit 1000000)
/// ...`.
fn statistics(log: &str) -> Option<(u64, Vec<u32>)> {
    let after = |words: &str| log.lines().find_map(|line| line.strip_prefix(words));
    let depths = after("stack depth ")?;
    let stack = depths
        .strip_prefix("max ")
        .unwrap_or(depths)
        .split('+')
        .map(|depth| depth.trim().parse().ok())
        .collect::<Option<_>>()?;
    let instructions = after("processed ")?.split(' ').next()?.parse().ok()?;
    Some((instructions, stack))
}

#[cfg(test)]
mod tests;
