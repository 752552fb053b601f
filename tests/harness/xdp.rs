//! XDP programs on the lab's interfaces, by way of iproute2: a program that is attached so goes with its interface.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::netns::NetNs;
use crate::process::run;
use crate::sys;

/// Pins a loaded program as `name` in a directory of a BPF file system, where [`attach`] finds it.
pub fn pin(program: impl AsFd, bpf_dir: &Path, name: &str) -> Result<PathBuf> {
    let path = bpf_dir.join(name);
    sys::pin(program.as_fd(), &path).with_context(|| format!("pinning a program at {}", path.display()))?;
    Ok(path)
}

/// Puts the pinned program on an interface in driver mode, in place of what is there.
pub fn attach(netns: &NetNs, interface: &str, pinned: &Path) -> Result<()> {
    let words = ["link", "set", "dev", interface, "xdpdrv", "pinned"];
    run(Command::new("ip").args(["-force", "-n", netns.name()]).args(words).arg(pinned))
}

/// Leaves an interface without a program; none there is fine.
pub fn detach(netns: &NetNs, interface: &str) -> Result<()> {
    netns.ip(&[format!("link set dev {interface} xdpdrv off")])
}
