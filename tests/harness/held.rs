//! Simulated hangs: a file as on a disk that does not answer, the threads of a process.

use std::fs::{self, File};
use std::marker::PhantomData;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::sys;

/// While this lives, no process can open or execute the file: it waits for as long as the kernel
/// lets leases last (`/proc/sys/fs/lease-break-time`, 45 s).
#[derive(Debug)]
pub struct HeldFile {
    _lease: File,
}

impl HeldFile {
    /// Fails if a process has the file open, and on a file system without leases.
    pub fn take(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        sys::lease(&file).with_context(|| format!("taking a lease on {}", path.display()))?;
        Ok(Self { _lease: file })
    }
}

/// While this lives, some threads of a process are stopped.
#[derive(Debug)]
pub struct HeldThreads {
    ids: Vec<i32>,
    /// Only the thread that stopped them can continue them, so the value stays in it.
    _here: PhantomData<*const ()>,
}

impl HeldThreads {
    /// Stops every thread of `process` except the one named `but`.
    pub fn all_but(process: u32, but: &str) -> Result<Self> {
        let mut held = Self { ids: Vec::new(), _here: PhantomData };
        let mut spared = 0;
        for task in fs::read_dir(format!("/proc/{process}/task"))
            .context("the threads of a process")?
            .flatten()
        {
            if fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == but) {
                spared += 1;
                continue;
            }
            let id = task.file_name().to_string_lossy().parse().context("the id of a thread")?;
            sys::stop_thread(id).with_context(|| format!("stopping thread {id}"))?;
            held.ids.push(id);
        }
        ensure!(spared == 1, "{spared} threads are called {but}");
        Ok(held)
    }

    pub fn count(&self) -> usize {
        self.ids.len()
    }
}

impl Drop for HeldThreads {
    fn drop(&mut self) {
        for id in &self.ids {
            // A thread that was killed meanwhile needs no release.
            let _ = sys::release_thread(*id);
        }
    }
}
