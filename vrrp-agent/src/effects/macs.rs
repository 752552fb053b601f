//! The unicast filters of the interfaces: frames for a virtual MAC must come in where this node answers for it.

use std::collections::BTreeSet;

use super::Problems;
use crate::net::Netlink;

/// Interface index and MAC.
pub type Entry = (u32, [u8; 6]);

/// The entries that we added: the kernel does not tell whose an entry is.
#[derive(Debug, Default)]
pub struct Macs {
    held: BTreeSet<Entry>,
}

impl Macs {
    /// Adds what is wanted and not there.
    pub async fn add(&mut self, netlink: &Netlink, wanted: &BTreeSet<Entry>, problems: &mut Problems) {
        let missing: Vec<Entry> = wanted.difference(&self.held).copied().collect();
        for entry in missing {
            self.set(netlink, entry, true, problems).await;
        }
    }

    /// Takes out what we added and is wanted no more.
    pub async fn remove(&mut self, netlink: &Netlink, wanted: &BTreeSet<Entry>, problems: &mut Problems) {
        let stray: Vec<Entry> = self.held.difference(wanted).copied().collect();
        for entry in stray {
            self.set(netlink, entry, false, problems).await;
        }
    }

    async fn set(&mut self, netlink: &Netlink, entry: Entry, add: bool, problems: &mut Problems) {
        let (ifindex, mac) = entry;
        let text = mac.map(|byte| format!("{byte:02x}")).join(":");
        let outcome = netlink.filter_mac(ifindex, mac, add).await;
        match &outcome {
            Ok(_) if add => {
                tracing::info!(mac = text, ifindex, "virtual MAC: the interface takes frames for it");
                self.held.insert(entry);
            }
            Ok(_) => {
                tracing::info!(mac = text, ifindex, "virtual MAC: the interface takes no more frames for it");
                self.held.remove(&entry);
            }
            // It is tried again.
            Err(_) => {}
        }
        problems.note(&format!("virtual MAC {text} on interface {ifindex}"), outcome.map(drop));
    }
}

#[cfg(test)]
#[path = "macs_tests.rs"]
mod tests;
