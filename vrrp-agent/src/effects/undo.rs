//! Taking back what a stopped or killed agent left of addresses, routes, filter entries and settings: `vrrp-agent detach`.

use std::collections::BTreeSet;
use std::path::Path;

use super::Problems;
use super::host::remove;
use super::macs::Macs;
use super::record::{Record, own};
use super::settings;
use crate::net::view::{Address, Link};
use crate::net::watch::Watcher;
use crate::net::{Netlink, NetlinkError};

/// Takes back what is in the record of the agent with this API socket. Says whether there was anything. Settings come last: as long
/// as local routes are there they keep the stack silent, so those go before.
///
/// # Errors
/// The kernel does not answer. What it refuses is logged, and stays in the record.
pub async fn undo(netlink: &Netlink, api_socket: &Path) -> Result<bool, NetlinkError> {
    let mut record = Record::load(api_socket);
    let before = record.kept().clone();
    let (_watcher, host) = Watcher::start().await?;
    let host = host.borrow().clone();
    let mut problems = Problems::default();
    let ours = |record: &Record, link: &Link, held: &Address| {
        record.kept().addresses.contains(&own(link.index, held)) && record.is_ours(link, held, || false)
    };
    for link in host.links.values() {
        for held in link.addresses.iter().filter(|held| ours(&record, link, held)) {
            remove(netlink, link, held.address, held.prefix_len).await?;
            tracing::info!(address = %held.address, interface = link.name, "virtual address removed");
        }
    }
    record.edit(|kept| kept.addresses.clear());
    Macs::default().remove(netlink, &mut record, &BTreeSet::new(), &mut problems).await;
    settings::give_back(&mut record, &BTreeSet::new(), &host, &mut problems);
    Ok(*record.kept() != before)
}
