//! What the agent has changed on this host and must give back, in a file beside the API socket: a
//! killed agent cannot do it, so the next one, or `vrrp-agent detach`, does.
//!
//! An entry is written before the change is made. It holds what the kernel does not show: what a
//! setting was before, whose an entry of a filter is, and, where the kernel marks no addresses,
//! whose those are.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::net::addresses::{ADDRESS_PROTOCOL, OwnAddress, kernel_marks_addresses};
use crate::net::routing::{OwnRoute, OwnRule};
use crate::net::sysctl::Setting;
use vrrp_model::host::{Address, Link};

/// The record and its file.
#[derive(Debug, Default)]
pub struct Record {
    kept: Kept,
    /// `None`: in memory only.
    path: Option<PathBuf>,
    /// The file could not be written; logged once.
    unwritten: bool,
    /// The kernel does not show who installed an address.
    unmarked: bool,
}

/// What the file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Boot and network namespace: interface indices mean nothing in another.
    place: String,
    pub addresses: BTreeSet<OwnAddress>,
    /// Interface index and MAC of entries added to the unicast filter.
    pub macs: BTreeSet<(u32, [u8; 6])>,
    /// Others may use the agent's protocol number too, so the number alone shows no owner.
    #[serde(default)]
    pub routes: BTreeSet<OwnRoute>,
    #[serde(default)]
    pub rules: BTreeSet<OwnRule>,
    /// In the order of the changes.
    pub settings: Vec<Changed>,
}

/// A setting of an interface that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    pub index: u32,
    pub setting: Setting,
    /// Before the agent changed it.
    pub former: u32,
    pub set: u32,
}

/// Where the agent with this API socket keeps its record.
pub fn path(api_socket: &Path) -> PathBuf {
    api_socket.with_extension("changes.json")
}

impl Record {
    /// Reads what an agent with this API socket left on this host since it was started.
    pub fn load(api_socket: &Path) -> Self {
        let path = path(api_socket);
        let place = place();
        let parsed = |bytes: Vec<u8>| match serde_json::from_slice::<Kept>(&bytes) {
            Ok(kept) => Some(kept),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "cannot read the changes of an earlier agent: they are not restored");
                None
            }
        };
        let kept = fs::read(&path).ok().and_then(parsed);
        let kept = kept.filter(|kept| kept.place == place).unwrap_or_default();
        Self {
            kept: Kept { place, ..kept },
            path: Some(path),
            unwritten: false,
            unmarked: !kernel_marks_addresses(),
        }
    }

    /// As on a kernel that marks no addresses.
    #[cfg(test)]
    pub fn without_marks() -> Self {
        Self { unmarked: true, ..Self::default() }
    }

    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Changes the record, and the file where that makes a difference.
    pub fn edit(&mut self, edit: impl FnOnce(&mut Kept)) {
        let before = self.kept.clone();
        edit(&mut self.kept);
        if self.kept == before {
            return;
        }
        let Some(path) = &self.path else { return };
        match write(path, &self.kept) {
            Ok(()) => self.unwritten = false,
            Err(_) if self.unwritten => {}
            Err(error) => {
                self.unwritten = true;
                tracing::error!(path = %path.display(), %error, "cannot record the changes on this host: after a kill they are not restored");
            }
        }
    }

    /// Whether an agent installed this address: by its mark where the kernel keeps one, and by
    /// prefix and interface. `configured`: the configuration names it so, for addresses of an agent
    /// or a keepalived that left no record.
    pub fn is_ours(&self, link: &Link, held: &Address, configured: impl FnOnce() -> bool) -> bool {
        let recorded = || self.kept.addresses.contains(&own(link.index, held));
        match self.unmarked {
            true => recorded(),
            false => held.protocol == ADDRESS_PROTOCOL && (recorded() || configured()),
        }
    }
}

/// The record's name of an address.
pub fn own(index: u32, held: &Address) -> OwnAddress {
    OwnAddress { index, address: held.address, prefix_len: held.prefix_len }
}

/// Whole or not at all; no file where there is nothing to give back.
fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    let nothing = Kept { place: kept.place.clone(), ..Kept::default() };
    if *kept == nothing {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
    }
    let new = path.with_extension("new");
    fs::write(&new, serde_json::to_vec(kept)?)?;
    fs::rename(&new, path)
}

fn place() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/thread-self/ns/net").unwrap_or_default();
    format!("{} {}", boot.trim(), namespace.display())
}

#[cfg(test)]
mod tests;
