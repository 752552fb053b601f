//! What a virtual router needs of the host before it may take part in the election: an interface
//! that works, and an address of its own.

use std::net::IpAddr;

use vrrp_model::host::ADDRESS_PROTOCOL;
use vrrp_model::host::Interface;
use vrrp_model::host::{Address, HostView, Link};
use vrrp_model::{Family, Router, VirtualAddress};

const OWNER: u8 = 255;

/// Where a virtual router is on the host, and the address that its adverts come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    pub interface: Interface,
    pub mac: [u8; 6],
    pub source: IpAddr,
}

/// What a virtual router lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbound {
    #[error("the interface does not exist")]
    NoInterface,
    #[error("the interface is down")]
    Down,
    #[error("the interface has no IPv4 address")]
    NoAddress,
    #[error("the interface has no usable link-local IPv6 address")]
    NoLinkLocal,
    #[error("the source address {0} is not on this host")]
    NoSource(IpAddr),
    #[error(
        "{address}/{prefix_len} on {interface} is the host's own: take it out of the virtual addresses, or off the host"
    )]
    HostsOwn { address: IpAddr, prefix_len: u8, interface: String },
}

/// Where the router would take part in the election.
///
/// # Errors
/// What it waits for.
pub fn binding(router: &Router, host: &HostView) -> Result<Binding, Unbound> {
    let link = host.link_by_name(&router.interface).ok_or(Unbound::NoInterface)?;
    if !link.up && router.track_own_interface {
        return Err(Unbound::Down);
    }
    if let Some((interface, held)) = hosts_own(router, host) {
        let Address { address, prefix_len, .. } = *held;
        return Err(Unbound::HostsOwn { address, prefix_len, interface: interface.to_owned() });
    }
    let source = match router.source {
        Some(source) if is_own(host, link, source) => source,
        Some(source) => return Err(Unbound::NoSource(source)),
        None => host.primary_address(link.index, router.family(), &moving(router, link)).ok_or(
            match router.family() {
                Family::V4 => Unbound::NoAddress,
                Family::V6 => Unbound::NoLinkLocal,
            },
        )?,
    };
    Ok(Binding { interface: link.interface(), mac: link.mac, source })
}

/// Whether the host has the address, ready for use and not as a virtual one. A link-local one
/// counts on its link alone.
fn is_own(host: &HostView, link: &Link, source: IpAddr) -> bool {
    let here = matches!(source, IpAddr::V6(source) if source.is_unicast_link_local());
    let own =
        |held: &Address| held.address == source && held.usable && held.protocol != ADDRESS_PROTOCOL;
    host.links
        .values()
        .filter(|other| !here || other.index == link.index)
        .any(|other| other.addresses.iter().any(own))
}

/// An advertised address that the host has itself: two nodes would hold it whenever another is
/// master. The address owner's are meant to be there.
fn hosts_own<'a>(router: &'a Router, host: &'a HostView) -> Option<(&'a str, &'a Address)> {
    if router.priority == OWNER {
        return None;
    }
    router.addresses.iter().find_map(|named| {
        let device = named.device.as_ref().unwrap_or(&router.interface);
        let link = host.link_by_name(device)?;
        let held = link.addresses.iter().find(|held| {
            held.address == named.address
                && held.prefix_len != named.prefix_len
                && held.protocol != ADDRESS_PROTOCOL
        })?;
        Some((device.as_str(), held))
    })
}

/// Addresses that adverts must not come from, since they move: none of the address owner's, and no
/// excluded one that the host has by another prefix than the router.
fn moving(router: &Router, link: &Link) -> Vec<IpAddr> {
    if router.priority == OWNER {
        return Vec::new();
    }
    let stays = |named: &VirtualAddress| {
        link.addresses
            .iter()
            .any(|held| held.address == named.address && held.prefix_len != named.prefix_len)
    };
    let excluded = router.excluded_addresses.iter().filter(|named| !stays(named));
    router.addresses.iter().chain(excluded).map(|named| named.address).collect()
}

#[cfg(test)]
mod tests;
