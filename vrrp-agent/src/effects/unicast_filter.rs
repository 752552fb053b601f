//! The unicast filters of the interfaces: frames for a virtual MAC must come in where this node
//! answers for it.

use std::collections::BTreeSet;

use super::Problems;
use super::record::Record;
use crate::net::Netlink;

/// Interface index and MAC.
pub type Entry = (u32, [u8; 6]);

/// The entries that this agent added, or found added by one before it: the kernel does not tell
/// whose an entry is.
#[derive(Debug, Default)]
pub struct Macs {
    held: BTreeSet<Entry>,
    /// Were there before, by others, and stay when we go.
    others: BTreeSet<Entry>,
}

impl Macs {
    /// Adds what is wanted and not there.
    pub async fn add(
        &mut self,
        netlink: &Netlink,
        record: &mut Record,
        wanted: &BTreeSet<Entry>,
        problems: &mut Problems,
    ) {
        self.held.retain(|entry| wanted.contains(entry));
        self.others.retain(|entry| wanted.contains(entry));
        for &entry in wanted
            .iter()
            .filter(|entry| !self.held.contains(entry) && !self.others.contains(entry))
            .collect::<Vec<_>>()
        {
            let recorded = record.kept().macs.contains(&entry);
            record.edit(|kept| {
                kept.macs.insert(entry);
            });
            let outcome = netlink.filter_mac(entry.0, entry.1, true).await;
            match &outcome {
                Ok(true) => {
                    tracing::info!(
                        mac = text(entry),
                        ifindex = entry.0,
                        "virtual MAC added to the interface's unicast filter"
                    );
                    self.held.insert(entry);
                }
                Ok(false) if recorded => {
                    self.held.insert(entry);
                }
                Ok(false) => {
                    tracing::info!(
                        mac = text(entry),
                        ifindex = entry.0,
                        "virtual MAC: another program has added it to the interface's unicast filter"
                    );
                    self.others.insert(entry);
                }
                // It is tried again.
                Err(_) => {}
            }
            if !recorded && !self.held.contains(&entry) {
                record.edit(|kept| {
                    kept.macs.remove(&entry);
                });
            }
            problems.note(
                &format!("virtual MAC {} on interface {}", text(entry), entry.0),
                outcome.map(drop),
            );
        }
    }

    /// Takes out what this agent, or a killed one, added and is wanted no more.
    pub async fn remove(
        &mut self,
        netlink: &Netlink,
        record: &mut Record,
        wanted: &BTreeSet<Entry>,
        problems: &mut Problems,
    ) {
        let stray: Vec<Entry> = record.kept().macs.difference(wanted).copied().collect();
        for entry in stray {
            let outcome = netlink.filter_mac(entry.0, entry.1, false).await;
            if outcome.is_ok() {
                tracing::info!(
                    mac = text(entry),
                    ifindex = entry.0,
                    "virtual MAC removed from the interface's unicast filter"
                );
                self.held.remove(&entry);
                record.edit(|kept| {
                    kept.macs.remove(&entry);
                });
            }
            problems.note(
                &format!("virtual MAC {} on interface {}", text(entry), entry.0),
                outcome.map(drop),
            );
        }
    }
}

fn text(entry: Entry) -> String {
    entry.1.map(|byte| format!("{byte:02x}")).join(":")
}

#[cfg(test)]
mod tests;
