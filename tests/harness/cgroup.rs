//! A lab's cgroups (version 2): one for each node's nginx, whose connections the node's agent
//! steers, and the freezer's.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::wait_until;
use crate::sys;

const PATIENCE: Duration = Duration::from_secs(5);

/// Where cgroups of version 2 are mounted.
pub fn root() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
        [_, path, "cgroup2", ..] => Some(PathBuf::from(path)),
        _ => None,
    })
}

/// The cgroup for `purpose` in lab `id`, whether it exists or not; `None` without cgroup version 2
/// on this machine.
pub fn path_of(id: &str, purpose: &str) -> Option<PathBuf> {
    Some(root()?.join(format!("{}-{purpose}", prefix(id))))
}

fn prefix(id: &str) -> String {
    format!("vrrp-lab-{id}")
}

/// Creates a cgroup; an existing one is fine. `false` if this machine does not permit it.
pub fn make(path: &Path) -> bool {
    path.is_dir() || fs::create_dir(path).is_ok()
}

/// Moves a process; 0 is this one.
pub fn enter(cgroup: &Path, pid: i32) -> Result<()> {
    fs::write(cgroup.join("cgroup.procs"), pid.to_string())
        .with_context(|| format!("moving {pid} to {}", cgroup.display()))
}

/// The cgroup of a process; 0 is this one.
pub fn home(pid: i32) -> Result<PathBuf> {
    let root = root().context("no cgroup of version 2")?;
    let process = if pid == 0 { "self".to_owned() } else { pid.to_string() };
    let text = fs::read_to_string(format!("/proc/{process}/cgroup"))
        .with_context(|| format!("the cgroup of {process}"))?;
    let path = text
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .context("it is in no cgroup of version 2")?;
    Ok(root.join(path))
}

/// Makes `command` start inside the cgroup.
pub fn join_on_spawn(command: &mut Command, cgroup: &Path) -> Result<()> {
    let path = cgroup.join("cgroup.procs");
    let members = File::options()
        .write(true)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))?;
    sys::join_on_spawn(command, members);
    Ok(())
}

/// Removes all cgroups of lab `id`, whose processes have ended or are ending.
pub fn remove_all(id: &str) -> Result<()> {
    let Some(root) = root() else { return Ok(()) };
    let prefix = prefix(id);
    let ours = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
    };
    let entries = fs::read_dir(&root).with_context(|| format!("reading {}", root.display()))?;
    for path in entries.flatten().map(|entry| entry.path()).filter(ours) {
        let gone = || fs::remove_dir(&path).is_ok() || !path.exists();
        wait_until(&format!("removing {}", path.display()), PATIENCE, gone)?;
    }
    Ok(())
}
