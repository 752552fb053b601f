//! A cgroup around a node's agent that freezes it: another way to stop than a signal, and one that no process notices.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::netns::NetNs;
use crate::process::wait_until;

const PATIENCE: Duration = Duration::from_secs(5);

/// Holds the processes of one program; they return to where they were when it is dropped.
#[derive(Debug)]
pub struct Freezer {
    path: PathBuf,
    home: PathBuf,
}

impl Freezer {
    /// Takes every process in `netns` that runs `program` into the freezer of lab `id`. `None` where this machine has no cgroup
    /// that can be written.
    pub fn around(id: &str, netns: &NetNs, program: &Path) -> Result<Option<Self>> {
        let (Some(path), Some(root)) = (path_of(id), root()) else { return Ok(None) };
        if fs::create_dir(&path).is_err() || !path.join("cgroup.freeze").exists() {
            return Ok(None);
        }
        let program = program.canonicalize().with_context(|| format!("looking for {}", program.display()))?;
        let runs = |pid: &i32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
        let found: Vec<i32> = netns.pids().into_iter().filter(runs).collect();
        let Some(first) = found.first() else { bail!("no {} runs in {}", program.display(), netns.name()) };
        let home = home(&root, *first)?;
        let this = Self { path, home };
        found.iter().try_for_each(|pid| enter(&this.path, *pid))?;
        Ok(Some(this))
    }

    /// Freezes or thaws, and waits until it is so.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        let digit = if frozen { "1" } else { "0" };
        fs::write(self.path.join("cgroup.freeze"), digit).context("writing cgroup.freeze")?;
        let line = format!("frozen {digit}");
        let events = self.path.join("cgroup.events");
        wait_until(&line, PATIENCE, || fs::read_to_string(&events).is_ok_and(|text| text.lines().any(|found| found == line)))
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let held = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
        let released = self.freeze(false).and_then(|()| {
            held.lines().filter_map(|pid| pid.parse().ok()).try_for_each(|pid| enter(&self.home, pid))?;
            fs::remove_dir(&self.path).context("removing the cgroup")
        });
        if let Err(e) = released {
            eprintln!("the freezer {}: {e:#}", self.path.display());
        }
    }
}

/// The cgroup of lab `id`, whether it is there or not.
pub fn path_of(id: &str) -> Option<PathBuf> {
    Some(root()?.join(format!("vrrp-lab-{id}")))
}

fn enter(cgroup: &Path, pid: i32) -> Result<()> {
    fs::write(cgroup.join("cgroup.procs"), pid.to_string()).with_context(|| format!("moving {pid} to {}", cgroup.display()))
}

/// The cgroup that a process is in.
fn home(root: &Path, pid: i32) -> Result<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).with_context(|| format!("the cgroup of {pid}"))?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/")).context("it is in no cgroup of version 2")?;
    Ok(root.join(path))
}

/// Where cgroups of version 2 are mounted.
fn root() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
        [_, path, "cgroup2", ..] => Some(PathBuf::from(path)),
        _ => None,
    })
}
