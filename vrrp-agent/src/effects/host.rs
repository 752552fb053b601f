//! The host's side of desired state: addresses, local routes, ARP settings.

use std::collections::HashSet;
use std::net::IpAddr;

use super::Problems;
use crate::desired::{Desired, Installed};
use crate::model::Config;
use crate::net::addresses::ADDRESS_PROTOCOL;
use crate::net::sysctl::{Ensured, Setting, Sysctl};
use crate::net::view::{Address, HostView, Link};
use crate::net::{Netlink, NetlinkError};

const OWNER: u8 = 255;
/// Of rtnetlink: an address for destinations anywhere.
const GLOBAL_SCOPE: u8 = 0;

/// Puts missing addresses on their interfaces, also those that somebody else took away, and mends those from which the host would
/// open connections.
pub async fn install(netlink: &Netlink, desired: &Desired, host: &HostView, problems: &mut Problems) {
    for wanted in desired.installed.iter().filter(|wanted| !is_installed(host, wanted)) {
        let Installed { ifindex, address, prefix_len, label } = wanted;
        if let Some(held) = unusable(host, wanted) {
            // What duplicate address detection holds back or gave up stays so; only a new one is free of it.
            let outcome = netlink.remove_address(*ifindex, held.address, held.prefix_len).await;
            problems.note(&format!("replace {address}"), outcome.map(drop));
        }
        let outcome = netlink.ensure_address(*ifindex, *address, *prefix_len, label.as_deref()).await;
        if outcome.is_ok() {
            tracing::info!(%address, interface = name(host, *ifindex), "virtual address installed");
        }
        problems.note(&format!("install {address}"), outcome);
    }
    for wanted in &desired.installed {
        if let Some(link) = host.links.get(&wanted.ifindex)
            && is_first(link, desired, wanted)
        {
            let outcome = put_last(netlink, link, wanted).await;
            problems.note(&format!("move {} behind the host's own addresses", wanted.address), outcome);
        }
    }
}

/// Whether the host would open connections from an IPv4 virtual address, since it comes before one of the host's own.
///
/// For a destination that no route's source and no address's prefix decides (multicast, a route without a gateway, a gateway
/// outside all prefixes), the kernel takes the first address of the interface that is not a secondary one. The host's own
/// comes after a virtual one when it was added later, as when DHCP gives a new one.
fn is_first(link: &Link, desired: &Desired, wanted: &Installed) -> bool {
    let is_virtual = |held: &Address| {
        desired.installed.iter().any(|any| (any.ifindex, any.address) == (link.index, held.address))
            || held.protocol == ADDRESS_PROTOCOL
    };
    let at = link.addresses.iter().position(|held| {
        held.address == wanted.address && held.prefix_len == wanted.prefix_len && held.address.is_ipv4() && !held.secondary
    });
    let own = |held: &Address| held.address.is_ipv4() && held.scope == GLOBAL_SCOPE && !is_virtual(held);
    at.is_some_and(|at| link.addresses.iter().skip(at + 1).any(own))
}

/// Takes an address away and puts it back behind all others of its interface.
async fn put_last(netlink: &Netlink, link: &Link, wanted: &Installed) -> Result<(), NetlinkError> {
    let Installed { ifindex, address, prefix_len, label } = wanted;
    remove(netlink, link, *address, *prefix_len).await?;
    netlink.ensure_address(*ifindex, *address, *prefix_len, label.as_deref()).await?;
    tracing::info!(%address, interface = link.name, "virtual address moved behind the host's own, which connections are opened from");
    Ok(())
}

/// Removes an address, and none with it: with the primary address of a prefix the kernel removes the secondary ones, unless
/// `promote_secondaries` is set. It is set for as long as this takes where secondary ones depend on it.
async fn remove(netlink: &Netlink, link: &Link, address: IpAddr, prefix_len: u8) -> Result<bool, NetlinkError> {
    let primary = |held: &&Address| held.address == address && held.prefix_len == prefix_len && !held.secondary;
    let depends = |held: &Address| held.secondary && held.address.is_ipv4() && held.prefix_len == prefix_len;
    let alone = link.addresses.iter().find(primary).is_none() || !link.addresses.iter().any(depends);
    let sysctl = Sysctl::default();
    let promoted = match alone {
        true => None,
        false => sysctl.ensure_min(&link.name, Setting::PromoteSecondaries, 1).ok(),
    };
    let outcome = netlink.remove_address(link.index, address, prefix_len).await;
    if let Some(Ensured::Changed { from, .. }) = promoted
        && let Err(error) = sysctl.write(&link.name, Setting::PromoteSecondaries, from)
    {
        tracing::error!(interface = link.name, %error, "promote_secondaries stays 1, and was {from}");
    }
    outcome
}

/// The address as it stands where it belongs, when it cannot be used.
fn unusable<'a>(host: &'a HostView, wanted: &Installed) -> Option<&'a Address> {
    host.links.get(&wanted.ifindex)?.addresses.iter().find(|held| held.address == wanted.address && !held.usable)
}

/// Whether the host is known to hold the address where it belongs, ready for use, and never to open connections from it.
pub fn is_installed(host: &HostView, wanted: &Installed) -> bool {
    // An interface holds an IPv6 address once, whatever its prefix; a stray one of another prefix is taken away before.
    let fits = |a: &Address| a.prefix_len == wanted.prefix_len || a.address.is_ipv6();
    let same = |a: &Address| a.address == wanted.address && fits(a) && a.usable && (a.deprecated || a.address.is_ipv4());
    host.links.get(&wanted.ifindex).is_some_and(|link| link.addresses.iter().any(same))
}

/// Takes virtual addresses away that do not belong here now: our own, and what another daemon left of them.
pub async fn uninstall(netlink: &Netlink, config: &Config, desired: &Desired, host: &HostView, problems: &mut Problems) {
    let wanted: HashSet<(u32, IpAddr, u8)> = desired.installed.iter().map(|w| (w.ifindex, w.address, w.prefix_len)).collect();
    for link in host.links.values() {
        let unwanted = |held: &&Address| !wanted.contains(&(link.index, held.address, held.prefix_len));
        for held in link.addresses.iter().filter(unwanted).filter(|held| is_left_over(config, link, held)) {
            let outcome = remove(netlink, link, held.address, held.prefix_len).await;
            if outcome.is_ok() {
                tracing::info!(address = %held.address, interface = link.name, "virtual address removed");
            }
            problems.note(&format!("remove {}", held.address), outcome.map(drop));
        }
    }
}

/// Whether an address that does not belong here is ours to take.
fn is_left_over(config: &Config, link: &Link, held: &Address) -> bool {
    // An address owner has the address configured by other means: that one is not.
    let left_over =
        config.routers.iter().filter(|router| router.priority != OWNER && router.interface == link.name).any(|router| {
            router.addresses.iter().chain(&router.excluded_addresses).any(|virtual_| virtual_.address == held.address)
        });
    held.protocol == ADDRESS_PROTOCOL || left_over
}

/// Lets the stack accept packets for addresses whose direct-return backend this node is, without answering ARP for them.
pub async fn accept(netlink: &Netlink, desired: &Desired, host: &HostView, problems: &mut Problems) {
    // ARP first: a route alone would make the stack answer, and speak for the address in its own requests.
    if !desired.local_routes.is_empty() {
        for ifindex in desired.interfaces.keys() {
            silence(name(host, *ifindex), problems);
        }
    }
    let held = match netlink.own_local_routes().await {
        Ok(held) => held,
        Err(error) => return problems.note("list local routes", Err(error)),
    };
    let missing: Vec<&IpAddr> = desired.local_routes.iter().filter(|&address| !held.contains(address)).collect();
    for &address in missing {
        let outcome = netlink.ensure_local_route(address).await;
        if outcome.is_ok() {
            tracing::info!(%address, "direct-return backend: the stack accepts packets for it");
        }
        problems.note(&format!("local route to {address}"), outcome.map(drop));
    }
    for address in held.into_iter().filter(|address| !desired.local_routes.contains(address)) {
        problems.note(&format!("local route to {address}"), netlink.remove_local_route(address).await.map(drop));
    }
}

/// `arp_ignore` 1: no answers for addresses that are not on the interface; `arp_announce` 2: no requests in their name.
fn silence(interface: &str, problems: &mut Problems) {
    for (setting, minimum) in [(Setting::ArpIgnore, 1), (Setting::ArpAnnounce, 2)] {
        let outcome = Sysctl::default().ensure_min(interface, setting, minimum);
        if let Ok(Ensured::Changed { from, to }) = &outcome {
            tracing::info!(interface, ?setting, from, to, "kernel setting changed, as direct return needs it");
        }
        problems.note(&format!("{setting:?} on {interface}"), outcome.map(drop));
    }
}

fn name(host: &HostView, ifindex: u32) -> &str {
    host.links.get(&ifindex).map_or("?", |link| &link.name)
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod source_tests;
#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
