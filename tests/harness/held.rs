//! A file that cannot be opened for a while, as on a disk that does not answer.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

use crate::sys;

/// While this lives nobody gets `path` opened or executed: whoever tries waits, as long as the kernel lets leases last
/// (`/proc/sys/fs/lease-break-time`, 45 s).
#[derive(Debug)]
pub struct Held {
    _lease: File,
}

impl Held {
    /// Fails where somebody has the file open, and where its file system has no leases.
    pub fn take(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        sys::lease(&file).with_context(|| format!("taking a lease on {}", path.display()))?;
        Ok(Self { _lease: file })
    }
}
