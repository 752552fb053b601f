//! What does not answer for a while: a file as on a disk that hangs, the threads of a process.

use std::fs::{self, File};
use std::marker::PhantomData;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::sys;

/// While this lives nobody gets a file opened or executed: whoever tries waits, as long as the
/// kernel lets leases last (`/proc/sys/fs/lease-break-time`, 45 s).
#[derive(Debug)]
pub struct HeldFile {
    _lease: File,
}

impl HeldFile {
    /// Fails where somebody has the file open, and where its file system has no leases.
    pub fn take(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        sys::lease(&file).with_context(|| format!("taking a lease on {}", path.display()))?;
        Ok(Self { _lease: file })
    }
}

/// While this lives some threads of a process stand still.
#[derive(Debug)]
pub struct HeldThreads {
    ids: Vec<i32>,
    /// Only the thread that stopped them can let them go on: it stays there.
    _here: PhantomData<*const ()>,
}

impl HeldThreads {
    /// Stops every thread of `process` but the one named `but`.
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
            // One that was killed meanwhile needs nothing.
            let _ = sys::release_thread(*id);
        }
    }
}
