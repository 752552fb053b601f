//! Taking back what a stopped or killed agent left of addresses, filter entries and settings:
//! `vrrp-agent detach`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use super::addresses::remove;
use super::record::{Record, own};
use super::settings;
use super::unicast_filter::Macs;
use super::{Problems, routing};
use crate::net::watch::Watcher;
use crate::net::{Netlink, NetlinkError};
use vrrp_model::host::ADDRESS_PROTOCOL;
use vrrp_model::host::{Address, Link};
use vrrp_steering::desired::Desired;

/// What was taken back, and which addresses were left alone although they bear the mark of a VRRP
/// daemon. For people.
#[derive(Debug, Default)]
pub struct Undone {
    pub removed: Vec<String>,
    pub left_alone: Vec<String>,
}

/// Takes back what is in the record of the agent with this API socket, and marked addresses of
/// `in_maps` (interface index and address), which an agent without a record left. Settings come
/// last: as long as local routes are there they keep the stack silent, so those go before.
///
/// # Errors
/// The kernel does not answer. What it refuses is logged, and stays in the record.
pub async fn undo(
    netlink: &Netlink,
    api_socket: &Path,
    in_maps: &[(u32, IpAddr)],
) -> Result<Undone, NetlinkError> {
    let mut record = Record::load(api_socket);
    let before = record.kept().clone();
    let (_watcher, host) = Watcher::start().await?;
    let host = host.borrow().clone();
    let mut problems = Problems::default();
    let mut undone = Undone::default();
    let ours = |record: &Record, link: &Link, held: &Address| {
        let mapped =
            held.protocol == ADDRESS_PROTOCOL && in_maps.contains(&(link.index, held.address));
        let recorded = record.kept().addresses.contains(&own(link.index, held))
            && record.is_ours(link, held, || false);
        mapped || recorded
    };
    for link in host.links.values() {
        for held in &link.addresses {
            let text = format!("{}/{} on {}", held.address, held.prefix_len, link.name);
            if ours(&record, link, held) {
                remove(netlink, link, held.address, held.prefix_len).await?;
                undone.removed.push(text);
            } else if held.protocol == ADDRESS_PROTOCOL {
                undone.left_alone.push(text);
            }
        }
    }
    record.edit(|kept| kept.addresses.clear());
    undone.removed.extend(routing::sweep(netlink, &mut record, &Desired::default()).await?);
    Macs::default().remove(netlink, &mut record, &BTreeSet::new(), &mut problems).await;
    settings::give_back(&mut record, &BTreeSet::new(), &host, &mut problems);
    let after = record.kept();
    if before.macs != after.macs {
        undone.removed.push("filter entries of virtual MAC addresses".to_owned());
    }
    let given_back = before.settings.iter().filter(|changed| !after.settings.contains(changed));
    undone.removed.extend(given_back.map(|changed| {
        let name = host.links.get(&changed.index).map_or("?", |link: &Link| link.name.as_str());
        format!("setting {} {} of before", changed.setting.key(name), changed.former)
    }));
    Ok(undone)
}
