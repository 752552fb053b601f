//! One network namespace: created, entered, deleted.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, setns};

use crate::process::run;
use crate::sys;

/// Where iproute2 keeps named namespaces.
const NETNS_DIR: &str = "/run/netns";

/// A named network namespace. The value is a name only: dropping it deletes nothing.
#[derive(Debug, Clone)]
pub struct NetNs {
    name: String,
    hostname: String,
}

impl NetNs {
    /// The namespace `name`, whether it exists or not; processes started in it have `hostname` as
    /// host name.
    pub fn named(name: &str, hostname: &str) -> Self {
        Self { name: name.to_owned(), hostname: hostname.to_owned() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(NETNS_DIR).join(&self.name)
    }

    pub fn exists(&self) -> bool {
        self.path().exists()
    }

    pub fn create(&self) -> Result<()> {
        run(Command::new("ip").args(["netns", "add", &self.name]))
    }

    /// Deletes the namespace; a missing one is fine.
    pub fn delete(&self) -> Result<()> {
        if self.exists() {
            run(Command::new("ip").args(["netns", "delete", &self.name]))
        } else {
            Ok(())
        }
    }

    fn open(&self) -> Result<File> {
        File::open(self.path()).with_context(|| format!("network namespace {}", self.name))
    }

    /// A command that will run inside the namespace.
    pub fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(program);
        sys::enter_on_spawn(&mut command, self.open()?, &self.hostname);
        Ok(command)
    }

    /// Runs `ip` on the namespace, once for each line of words separated by single blanks.
    pub fn ip(&self, lines: &[String]) -> Result<()> {
        for line in lines {
            run(Command::new("ip").args(["-n", &self.name]).args(line.split(' ')))?;
        }
        Ok(())
    }

    /// Starts a thread that runs inside the namespace until its end.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<JoinHandle<Result<T>>> {
        let netns = self.open()?;
        let name = self.name.clone();
        thread::Builder::new()
            .name(name.clone())
            .spawn(move || {
                setns(&netns, CloneFlags::CLONE_NEWNET)
                    .with_context(|| format!("entering {name}"))?;
                drop(netns);
                work()
            })
            .context("starting a thread")
    }

    /// Runs `work` inside the namespace and waits for it.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match self.spawn(work)?.join() {
            Ok(result) => result,
            Err(_) => bail!("a thread in {} panicked", self.name),
        }
    }

    /// The processes whose main thread is inside the namespace.
    pub fn pids(&self) -> Vec<i32> {
        let Ok(own) = self.path().metadata() else { return Vec::new() };
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid: &i32| {
                std::fs::metadata(format!("/proc/{pid}/ns/net"))
                    .is_ok_and(|theirs| (theirs.dev(), theirs.ino()) == (own.dev(), own.ino()))
            })
            .collect()
    }
}
