//! The host's side of desired state: addresses, local routes, ARP settings.

use std::collections::HashSet;
use std::net::IpAddr;

use super::Problems;
use crate::desired::{Desired, Installed};
use crate::model::Config;
use crate::net::Netlink;
use crate::net::addresses::ADDRESS_PROTOCOL;
use crate::net::sysctl::{Ensured, Setting, Sysctl};
use crate::net::view::{Address, HostView, Link};

const OWNER: u8 = 255;

/// Puts missing addresses on their interfaces, also those that somebody else took away.
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
}

/// The address as it stands where it belongs, when it cannot be used.
fn unusable<'a>(host: &'a HostView, wanted: &Installed) -> Option<&'a Address> {
    host.links.get(&wanted.ifindex)?.addresses.iter().find(|held| held.address == wanted.address && !held.usable)
}

/// Whether the host is known to hold the address where it belongs, ready for use.
pub fn is_installed(host: &HostView, wanted: &Installed) -> bool {
    // An interface holds an IPv6 address once, whatever its prefix; a stray one of another prefix is taken away before.
    let fits = |a: &Address| a.prefix_len == wanted.prefix_len || a.address.is_ipv6();
    let same = |a: &Address| a.address == wanted.address && fits(a) && a.usable;
    host.links.get(&wanted.ifindex).is_some_and(|link| link.addresses.iter().any(same))
}

/// Takes virtual addresses away that do not belong here now: our own, and what another daemon left of them.
pub async fn uninstall(netlink: &Netlink, config: &Config, desired: &Desired, host: &HostView, problems: &mut Problems) {
    let wanted: HashSet<(u32, IpAddr, u8)> = desired.installed.iter().map(|w| (w.ifindex, w.address, w.prefix_len)).collect();
    for link in host.links.values() {
        let unwanted = |held: &&Address| !wanted.contains(&(link.index, held.address, held.prefix_len));
        for held in link.addresses.iter().filter(unwanted).filter(|held| is_left_over(config, link, held)) {
            let outcome = netlink.remove_address(link.index, held.address, held.prefix_len).await;
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
#[path = "host_tests.rs"]
mod tests;
