//! Installs virtual addresses, and the local routes that let a backup accept packets which the
//! master forwarded to it. Recognises what an agent installed.
//!
//! All calls are idempotent: a change that is already in place is no error.

use std::net::IpAddr;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, AddressScope, CacheInfo,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use nix::errno::Errno;
use rtnetlink::AddressAddRequest;
use serde::{Deserialize, Serialize};

use super::netlink::{Netlink, NetlinkError, dump, request, unless_so};
use crate::kernel_release;

/// IFA_PROTO of the addresses we install, so that a later start recognises them. keepalived marks
/// its own addresses with the same number.
pub const ADDRESS_PROTOCOL: u8 = 18;
/// rtm_protocol of the routes we install: VRRP's IP protocol number, which no routing daemon uses
/// here.
pub const ROUTE_PROTOCOL: u8 = 112;
/// Larger than that of the kernel's own local route (metric 0) for the same address: the kernel's
/// route takes precedence while the address is installed.
const ROUTE_METRIC: u32 = 112;
const TABLE_LOCAL: u8 = 255;
/// The loopback interface has this index in every network namespace.
const LOOPBACK: u32 = 1;

/// An address that an agent installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OwnAddress {
    pub index: u32,
    pub address: IpAddr,
    pub prefix_len: u8,
}

impl Netlink {
    /// Installs the address if the interface does not have it; returns true if it was added. An
    /// existing address is not changed, whether an agent installed it or not. See
    /// [`Netlink::ensure_address`] for the rest.
    pub async fn add_address(
        &self,
        index: u32,
        address: IpAddr,
        prefix_len: u8,
        label: Option<&str>,
    ) -> Result<bool, NetlinkError> {
        let add = virtual_address(
            self.handle()?.address().add(index, address, prefix_len),
            address,
            label,
        );
        let outcome =
            request(|| format!("add {address}/{prefix_len} on interface {index}"), add.execute())
                .await;
        unless_so(outcome, &[Errno::EEXIST])
    }

    /// Installs the address. An existing address gets the attributes of a new one, so the caller
    /// must know that it is ours.
    ///
    /// `label` is at most 15 bytes and for IPv4 only. An existing address of the same prefix keeps
    /// its label.
    ///
    /// An IPv6 address is usable at once, without duplicate address detection, since the last
    /// master may still hold it (RFC 9568 section 8.2.2). An existing one keeps its prefix and the
    /// result of its detection. The address is deprecated (preferred lifetime 0, valid forever)
    /// whatever its prefix: the host opens no connection from it (RFC 6724 section 5, rule 3).
    pub async fn ensure_address(
        &self,
        index: u32,
        address: IpAddr,
        prefix_len: u8,
        label: Option<&str>,
    ) -> Result<(), NetlinkError> {
        let add = virtual_address(
            self.handle()?.address().add(index, address, prefix_len).replace(),
            address,
            label,
        );
        request(|| format!("add {address}/{prefix_len} on interface {index}"), add.execute()).await
    }

    /// Removes the address; returns true if it was there. An interface that is gone does not have
    /// it.
    pub async fn remove_address(
        &self,
        index: u32,
        address: IpAddr,
        prefix_len: u8,
    ) -> Result<bool, NetlinkError> {
        let mut message = AddressMessage::default();
        message.header.family =
            if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        message.header.index = index;
        message.header.prefix_len = prefix_len;
        message.header.scope = AddressScope::Universe;
        message.attributes =
            vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
        let del = self.handle()?.address().del(message).execute();
        let result =
            request(|| format!("remove {address}/{prefix_len} from interface {index}"), del).await;
        // ENXIO: the interface has no IPv6 at all.
        unless_so(result, &[Errno::EADDRNOTAVAIL, Errno::ENODEV, Errno::ENXIO])
    }

    /// Every address of this namespace that carries [`ADDRESS_PROTOCOL`]. Before Linux 5.18 there
    /// is no such mark, and the result is empty.
    #[cfg(test)]
    pub async fn own_addresses(&self) -> Result<Vec<OwnAddress>, NetlinkError> {
        let mut own = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut get = self.handle()?.address().get();
            get.message_mut().header.family = family;
            own.extend(dump("list addresses", get.execute()).await?.iter().filter_map(own_address));
        }
        Ok(own)
    }

    /// Makes the stack accept packets to `address` although no interface holds it: `local ADDRESS
    /// dev lo proto 112`. Returns true if the route was added.
    ///
    /// The route stays when the address itself is installed and removed again. The stack also
    /// answers ARP for such an IPv4 address unless the interface's `arp_ignore` is 1 or more. It
    /// does not answer neighbour solicitations for such an IPv6 address.
    pub async fn ensure_local_route(&self, address: IpAddr) -> Result<bool, NetlinkError> {
        let add = self.handle()?.route().add(local_route(address)).execute();
        unless_so(request(|| format!("add local route to {address}"), add).await, &[Errno::EEXIST])
    }

    /// Removes our local route and no other; returns true if it was there.
    pub async fn remove_local_route(&self, address: IpAddr) -> Result<bool, NetlinkError> {
        let del = self.handle()?.route().del(local_route(address)).execute();
        unless_so(
            request(|| format!("remove local route to {address}"), del).await,
            &[Errno::ESRCH],
        )
    }

    /// Addresses of all local routes that carry [`ROUTE_PROTOCOL`].
    pub async fn own_local_routes(&self) -> Result<Vec<IpAddr>, NetlinkError> {
        let mut own = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut filter = RouteMessage::default();
            filter.header.address_family = family;
            filter.header.table = TABLE_LOCAL;
            filter.header.protocol = RouteProtocol::Other(ROUTE_PROTOCOL);
            let routes =
                match dump("list local routes", self.handle()?.route().get(filter).execute()).await
                {
                    // A table that does not exist yet has no routes; a host without IPv6 has none
                    // either.
                    Err(error) => unless_so(
                        Err(error),
                        &[Errno::ENOENT, Errno::EAFNOSUPPORT, Errno::EOPNOTSUPP],
                    )
                    .map(|_| Vec::new())?,
                    Ok(routes) => routes,
                };
            own.extend(routes.iter().filter_map(own_route));
        }
        Ok(own)
    }
}

/// The request to add an address, with the attributes of every virtual address.
fn virtual_address(
    mut add: AddressAddRequest,
    address: IpAddr,
    label: Option<&str>,
) -> AddressAddRequest {
    let attributes = &mut add.message_mut().attributes;
    attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(ADDRESS_PROTOCOL)));
    match (address, label) {
        (IpAddr::V6(_), _) => {
            attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
            attributes.push(AddressAttribute::CacheInfo(deprecated()));
        }
        (IpAddr::V4(_), Some(label)) => attributes.push(AddressAttribute::Label(label.to_owned())),
        (IpAddr::V4(_), None) => {}
    }
    add
}

/// Whether this kernel keeps and reports [`ADDRESS_PROTOCOL`] of addresses: since Linux 5.18. A
/// release that cannot be read counts as newer.
pub fn kernel_marks_addresses() -> bool {
    kernel_release::version(&kernel_release::release()).is_none_or(|found| found >= (5, 18))
}

/// The lifetimes of an address that is never chosen as a source, in seconds.
fn deprecated() -> CacheInfo {
    const FOREVER: u32 = u32::MAX;
    let mut lifetimes = CacheInfo::default();
    lifetimes.ifa_preferred = 0;
    lifetimes.ifa_valid = FOREVER;
    lifetimes
}

fn local_route(address: IpAddr) -> RouteMessage {
    let mut route = RouteMessage::default();
    (route.header.address_family, route.header.destination_prefix_length) = match address {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    route.header.table = TABLE_LOCAL;
    route.header.protocol = RouteProtocol::Other(ROUTE_PROTOCOL);
    route.header.kind = RouteType::Local;
    route.header.scope = RouteScope::Host;
    route.attributes = vec![
        RouteAttribute::Destination(address.into()),
        RouteAttribute::Oif(LOOPBACK),
        RouteAttribute::Priority(ROUTE_METRIC),
    ];
    route
}

#[cfg(test)]
fn own_address(message: &AddressMessage) -> Option<OwnAddress> {
    let ours = AddressAttribute::Protocol(AddressProtocol::Other(ADDRESS_PROTOCOL));
    if !message.attributes.contains(&ours) {
        return None;
    }
    // IPv6 has a local attribute only where there is a peer.
    let (mut local, mut peer) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(*address),
            AddressAttribute::Address(address) => peer = Some(*address),
            _ => {}
        }
    }
    Some(OwnAddress {
        index: message.header.index,
        address: local.or(peer)?,
        prefix_len: message.header.prefix_len,
    })
}

/// The kernel filters by table and protocol; an older kernel returns all routes, so both are
/// checked again here.
fn own_route(message: &RouteMessage) -> Option<IpAddr> {
    let header = &message.header;
    let ours = header.table == TABLE_LOCAL
        && header.protocol == RouteProtocol::Other(ROUTE_PROTOCOL)
        && header.kind == RouteType::Local;
    message.attributes.iter().filter(|_| ours).find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
