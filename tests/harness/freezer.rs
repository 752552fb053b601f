//! A cgroup around a node's agent that freezes it. Unlike a signal, no process notices the freeze.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cgroup;
use crate::netns::NetNs;
use crate::process::wait_until;

const PATIENCE: Duration = Duration::from_secs(5);

/// Holds the processes of one program; on drop they return to their former cgroups.
#[derive(Debug)]
pub struct Freezer {
    path: PathBuf,
    home: PathBuf,
}

impl Freezer {
    /// Moves every process in `netns` that runs `program` into the freezer of lab `id`. `None`
    /// without a writable cgroup on this machine.
    pub fn around(id: &str, netns: &NetNs, program: &Path) -> Result<Option<Self>> {
        let Some(path) = cgroup::path_of(id, "freezer") else { return Ok(None) };
        if fs::create_dir(&path).is_err() || !path.join("cgroup.freeze").exists() {
            return Ok(None);
        }
        let program =
            program.canonicalize().with_context(|| format!("looking for {}", program.display()))?;
        let runs =
            |pid: &i32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
        let found: Vec<i32> = netns.pids().into_iter().filter(runs).collect();
        let Some(first) = found.first() else {
            bail!("no {} runs in {}", program.display(), netns.name())
        };
        let home = cgroup::home(*first)?;
        let this = Self { path, home };
        found.iter().try_for_each(|pid| cgroup::enter(&this.path, *pid))?;
        Ok(Some(this))
    }

    /// Freezes or thaws, and waits until that is complete.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        let digit = if frozen { "1" } else { "0" };
        fs::write(self.path.join("cgroup.freeze"), digit).context("writing cgroup.freeze")?;
        let line = format!("frozen {digit}");
        let events = self.path.join("cgroup.events");
        wait_until(&line, PATIENCE, || {
            fs::read_to_string(&events).is_ok_and(|text| text.lines().any(|found| found == line))
        })
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let held = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
        let released = self.freeze(false).and_then(|()| {
            held.lines()
                .filter_map(|pid| pid.parse().ok())
                .try_for_each(|pid| cgroup::enter(&self.home, pid))?;
            fs::remove_dir(&self.path).context("removing the cgroup")
        });
        if let Err(e) = released {
            eprintln!("the freezer {}: {e:#}", self.path.display());
        }
    }
}
