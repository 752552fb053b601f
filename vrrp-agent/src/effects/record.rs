//! What the agent has changed on this host and must give back, in a file beside the API socket: a
//! killed agent cannot do it, so the next one, or `vrrp-agent detach`, does.
//!
//! An entry is written before the change is made. It holds what the kernel does not tell: what a
//! setting was before, whose an entry of a filter is, and, where the kernel marks no addresses,
//! whose those are.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::net::addresses::{ADDRESS_PROTOCOL, OwnAddress, kernel_marks_addresses};
use crate::net::sysctl::Setting;
use crate::net::view::{Address, Link};

/// The record and its file.
#[derive(Debug, Default)]
pub struct Record {
    kept: Kept,
    /// `None`: in memory only.
    path: Option<PathBuf>,
    /// The file could not be written; told once.
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
        let kept = fs::read(&path).ok().and_then(|bytes| match serde_json::from_slice::<Kept>(&bytes) {
            Ok(kept) => Some(kept),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "what an earlier agent changed cannot be read, and is not given back");
                None
            }
        });
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
                tracing::error!(path = %path.display(), %error, "what is changed on this host cannot be written down: after a kill it is not given back");
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
mod tests {
    use super::*;

    fn address(protocol: u8) -> Address {
        let address = "192.0.2.100".parse().expect("an address");
        Address {
            address,
            prefix_len: 32,
            protocol,
            label: None,
            scope: 0,
            secondary: false,
            usable: true,
            deprecated: false,
        }
    }

    #[test]
    fn the_next_agent_knows_what_was_changed_and_nothing_is_left_of_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("api.sock");
        let mut record = Record::load(&socket);
        let changed = Changed { index: 2, setting: Setting::ArpIgnore, former: 0, set: 1 };
        record.edit(|kept| kept.settings.push(changed.clone()));
        record.edit(|kept| {
            kept.macs.insert((2, [0, 0, 0x5e, 0, 1, 51]));
        });
        let next = Record::load(&socket);
        assert_eq!((next.kept().settings.as_slice(), next.kept().macs.len()), (&[changed][..], 1));
        record.edit(|kept| *kept = Kept { place: kept.place.clone(), ..Kept::default() });
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0);
    }

    #[test]
    fn the_record_of_another_boot_or_namespace_means_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("api.sock");
        let kept = Kept {
            place: "another".to_owned(),
            macs: BTreeSet::from([(2, [0; 6])]),
            ..Kept::default()
        };
        fs::write(socket.with_extension("changes.json"), serde_json::to_vec(&kept).expect("text"))
            .expect("written");
        assert!(Record::load(&socket).kept().macs.is_empty());
    }

    #[test]
    fn an_address_is_ours_by_mark_and_prefix_or_by_record_where_there_are_no_marks() {
        let link = Link { index: 2, ..Link::default() };
        let mut record = Record::default();
        assert!(
            !record.is_ours(&link, &address(ADDRESS_PROTOCOL), || false),
            "of a keepalived with other routers"
        );
        assert!(record.is_ours(&link, &address(ADDRESS_PROTOCOL), || true));
        assert!(
            !record.is_ours(&link, &address(0), || true),
            "the host's own, though the configuration names it"
        );
        record.edit(|kept| {
            kept.addresses.insert(own(2, &address(0)));
        });
        assert!(record.is_ours(&link, &address(ADDRESS_PROTOCOL), || false));
        assert!(!record.is_ours(&link, &address(0), || true), "added by hand after ours had gone");
        record.unmarked = true;
        assert!(record.is_ours(&link, &address(0), || false));
        assert!(!record.is_ours(&link, &Address { prefix_len: 24, ..address(0) }, || true));
    }
}
