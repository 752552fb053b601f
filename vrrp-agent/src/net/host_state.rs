//! Applies netlink messages to the view of the host. Pure.

use std::net::{IpAddr, Ipv6Addr};

use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    LinkAttribute, LinkFlags, LinkInfo, LinkMessage, LinkXdp, XdpAttached as Mode,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use vrrp_model::host::{Address, HostView, Link, NeighbourKey, XdpAttached, XdpMode};

/// Applies the attributes of `message`; others keep their value.
fn update(link: &mut Link, message: LinkMessage) {
    link.index = message.header.index;
    // A lost carrier clears LOWER_UP first; a link that came back forwards packets once it is
    // RUNNING.
    let working = LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Running;
    link.up = message.header.flags.contains(working);
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Address(mac) => link.mac = mac.try_into().unwrap_or_default(),
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::LinkInfo(info) => {
                link.kind = info.into_iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind.to_string()),
                    _ => None,
                });
            }
            LinkAttribute::Xdp(xdp) => link.xdp = attached(&xdp),
            _ => {}
        }
    }
}

/// Applies one answer or notification; returns true if it changed anything.
pub(super) fn apply(view: &mut HostView, message: RouteNetlinkMessage) -> bool {
    match message {
        // AF_BRIDGE messages describe a bridge port, not the link: "deleted" means that it left the
        // bridge.
        RouteNetlinkMessage::NewLink(m) if m.header.interface_family == AddressFamily::Unspec => {
            set_link(view, m)
        }
        RouteNetlinkMessage::DelLink(m) if m.header.interface_family == AddressFamily::Unspec => {
            let index = m.header.index;
            view.neighbours.retain(|key, _| key.0 != index);
            view.links.remove(&index).is_some()
        }
        RouteNetlinkMessage::NewAddress(m) => set_address(view, &m),
        RouteNetlinkMessage::DelAddress(m) => remove_address(view, &m),
        RouteNetlinkMessage::NewNeighbour(m) => set_neighbour(view, &m),
        RouteNetlinkMessage::DelNeighbour(m) => {
            neighbour(&m).is_some_and(|(key, _)| view.neighbours.remove(&key).is_some())
        }
        _ => false,
    }
}

fn set_link(view: &mut HostView, message: LinkMessage) -> bool {
    let index = message.header.index;
    let known = view.links.get(&index).cloned();
    let mut link = known.clone().unwrap_or_default();
    update(&mut link, message);
    if known.as_ref() == Some(&link) {
        return false;
    }
    view.links.insert(index, link);
    true
}

fn set_address(view: &mut HostView, message: &AddressMessage) -> bool {
    let (Some(address), Some(link)) = (address(message), view.links.get_mut(&message.header.index))
    else {
        return false;
    };
    let same =
        |a: &&mut Address| a.address == address.address && a.prefix_len == address.prefix_len;
    match link.addresses.iter_mut().find(same) {
        Some(known) if *known == address => false,
        Some(known) => {
            *known = address;
            true
        }
        None => {
            link.addresses.push(address);
            true
        }
    }
}

fn remove_address(view: &mut HostView, message: &AddressMessage) -> bool {
    let (Some(gone), Some(link)) = (address(message), view.links.get_mut(&message.header.index))
    else {
        return false;
    };
    let before = link.addresses.len();
    link.addresses.retain(|a| a.address != gone.address || a.prefix_len != gone.prefix_len);
    link.addresses.len() != before
}

fn set_neighbour(view: &mut HostView, message: &NeighbourMessage) -> bool {
    match neighbour(message) {
        Some((key, Some(mac))) => view.neighbours.insert(key, mac) != Some(mac),
        Some((key, None)) => view.neighbours.remove(&key).is_some(),
        None => false,
    }
}

fn is_ip(family: AddressFamily) -> bool {
    matches!(family, AddressFamily::Inet | AddressFamily::Inet6)
}

/// The IP address that a message describes.
fn address(message: &AddressMessage) -> Option<Address> {
    if !is_ip(message.header.family) {
        return None;
    }
    let flags = message.header.flags;
    let mut found = Address {
        address: Ipv6Addr::UNSPECIFIED.into(),
        prefix_len: message.header.prefix_len,
        protocol: 0,
        label: None,
        scope: message.header.scope.into(),
        secondary: flags.contains(AddressHeaderFlags::Secondary),
        usable: !flags.intersects(AddressHeaderFlags::Tentative | AddressHeaderFlags::Dadfailed),
        deprecated: flags.contains(AddressHeaderFlags::Deprecated),
    };
    let (mut local, mut peer) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(*address),
            AddressAttribute::Address(address) => peer = Some(*address),
            AddressAttribute::Label(label) => found.label = Some(label.clone()),
            AddressAttribute::Protocol(protocol) => found.protocol = (*protocol).into(),
            _ => {}
        }
    }
    // On a point-to-point link IFA_ADDRESS is the peer's address.
    found.address = local.or(peer)?;
    Some(found)
}

/// The IP neighbour that a message describes, and its MAC address while it is usable.
fn neighbour(message: &NeighbourMessage) -> Option<(NeighbourKey, Option<[u8; 6]>)> {
    // Bridge forwarding entries arrive through the same multicast group.
    if !is_ip(message.header.family) {
        return None;
    }
    let (mut destination, mut mac) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => {
                destination = Some(IpAddr::V4(*address));
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => {
                destination = Some(IpAddr::V6(*address));
            }
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = bytes.as_slice().try_into().ok(),
            _ => {}
        }
    }
    let usable = matches!(
        message.header.state,
        NeighbourState::Reachable
            | NeighbourState::Stale
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Permanent
            | NeighbourState::Noarp
    );
    // A link without addresses has NOARP entries of zeros.
    let unicast = |mac: &[u8; 6]| *mac != [0; 6] && mac[0] & 1 == 0;
    Some(((message.header.ifindex, destination?), mac.filter(|_| usable).filter(unicast)))
}

/// The XDP program that a link's attributes name.
pub(super) fn attached(attributes: &[LinkXdp]) -> Option<XdpAttached> {
    let mode = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::Attached(Mode::Driver) => Some(XdpMode::Driver),
        LinkXdp::Attached(Mode::SocketBuffer) => Some(XdpMode::Generic),
        LinkXdp::Attached(Mode::Hardware) => Some(XdpMode::Hardware),
        LinkXdp::Attached(Mode::Multiple) => Some(XdpMode::Multiple),
        _ => None,
    })?;
    let prog_id = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::ProgId(id) => Some(*id),
        _ => None,
    });
    Some(XdpAttached { mode, prog_id: prog_id.unwrap_or(0) })
}

#[cfg(test)]
mod tests;
