//! What the host's network looks like: links, their addresses, and resolved neighbours. Pure:
//! netlink messages go in.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};

use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    LinkAttribute, LinkFlags, LinkInfo, LinkMessage, LinkXdp, XdpAttached as Mode,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::Interface;
use super::addresses::ADDRESS_PROTOCOL;
use super::route::Routes;
use crate::model::Family;

/// Interface index and address.
pub type NeighbourKey = (u32, IpAddr);

/// A snapshot of this network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostView {
    /// By interface index.
    pub links: BTreeMap<u32, Link>,
    /// MAC addresses of neighbours that the kernel would send to right now, by interface and
    /// address.
    pub neighbours: HashMap<NeighbourKey, [u8; 6]>,
    /// Where packets to the destinations that were asked about would go.
    pub routes: Routes,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    pub name: String,
    pub index: u32,
    /// Administratively up, with a carrier, and operational: what is sent now is not dropped by the
    /// link itself.
    pub up: bool,
    /// Zero on links without Ethernet addresses.
    pub mac: [u8; 6],
    pub mtu: u32,
    /// `veth`, `bond`, `vlan`, ...; `None` for hardware.
    pub kind: Option<String>,
    /// In the kernel's order.
    pub addresses: Vec<Address>,
    /// The kernel reports some attachments only when asked: fresh to the resync interval.
    pub xdp: Option<XdpAttached>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub address: IpAddr,
    pub prefix_len: u8,
    /// IFA_PROTO: who installed it; [`ADDRESS_PROTOCOL`] marks ours. Zero before Linux 5.18.
    pub protocol: u8,
    /// IPv4 only.
    pub label: Option<String>,
    /// rtnetlink scope: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// IPv4: another address of the same prefix came first. IPv6: a temporary address (RFC 8981).
    pub secondary: bool,
    /// Not tentative, and not found to be somebody else's (RFC 4862 section 5.4). Always so for
    /// IPv4.
    pub usable: bool,
    /// Its preferred lifetime is over: the kernel chooses it as a source only where the host has no
    /// other (RFC 6724).
    pub deprecated: bool,
}

/// The XDP program on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XdpAttached {
    pub mode: XdpMode,
    /// Zero with [`XdpMode::Multiple`].
    pub prog_id: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XdpMode {
    Driver,
    Generic,
    Hardware,
    /// Programs in several modes at once.
    Multiple,
}

impl Link {
    pub fn interface(&self) -> Interface {
        Interface { index: self.index, name: self.name.clone() }
    }

    /// Takes over what `message` says; what it does not mention stays.
    fn update(&mut self, message: LinkMessage) {
        self.index = message.header.index;
        // A lost carrier shows in LOWER_UP first; a link that came back takes packets once it is
        // RUNNING.
        let working = LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Running;
        self.up = message.header.flags.contains(working);
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => self.name = name,
                LinkAttribute::Address(mac) => self.mac = mac.try_into().unwrap_or_default(),
                LinkAttribute::Mtu(mtu) => self.mtu = mtu,
                LinkAttribute::LinkInfo(info) => {
                    self.kind = info.into_iter().find_map(|info| match info {
                        LinkInfo::Kind(kind) => Some(kind.to_string()),
                        _ => None,
                    });
                }
                LinkAttribute::Xdp(xdp) => self.xdp = attached(&xdp),
                _ => {}
            }
        }
    }
}

impl HostView {
    pub fn link_by_name(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|link| link.name == name)
    }

    /// The address that adverts of this interface come from: usable, not secondary, not installed
    /// by an agent and not in `excluding`. `None` when there is none (yet).
    ///
    /// IPv4: the first of them, a global one before one of link scope. IPv6: the lowest link-local
    /// one (RFC 9568 section 5.1.2.1), since the kernel's order of these changes.
    pub fn primary_address(
        &self,
        index: u32,
        family: Family,
        excluding: &[IpAddr],
    ) -> Option<IpAddr> {
        const HOST_SCOPE: u8 = 254;
        let candidates = self.links.get(&index)?.addresses.iter().filter(|a| {
            a.usable
                && !a.secondary
                && a.protocol != ADDRESS_PROTOCOL
                && a.scope < HOST_SCOPE
                && !excluding.contains(&a.address)
        });
        match family {
            // The first of the smallest scope.
            Family::V4 => candidates
                .filter(|a| a.address.is_ipv4())
                .min_by_key(|a| a.scope)
                .map(|a| a.address),
            Family::V6 => candidates.map(|a| a.address).filter(is_link_local).min(),
        }
    }

    /// Takes over one answer or notification; says whether it changed anything.
    pub(super) fn apply(&mut self, message: RouteNetlinkMessage) -> bool {
        match message {
            // AF_BRIDGE messages tell of a bridge's port, not of the link: "deleted" means it left
            // the bridge.
            RouteNetlinkMessage::NewLink(m)
                if m.header.interface_family == AddressFamily::Unspec =>
            {
                self.set_link(m)
            }
            RouteNetlinkMessage::DelLink(m)
                if m.header.interface_family == AddressFamily::Unspec =>
            {
                let index = m.header.index;
                self.neighbours.retain(|key, _| key.0 != index);
                self.links.remove(&index).is_some()
            }
            RouteNetlinkMessage::NewAddress(m) => self.set_address(&m),
            RouteNetlinkMessage::DelAddress(m) => self.remove_address(&m),
            RouteNetlinkMessage::NewNeighbour(m) => self.set_neighbour(&m),
            RouteNetlinkMessage::DelNeighbour(m) => {
                neighbour(&m).is_some_and(|(key, _)| self.neighbours.remove(&key).is_some())
            }
            _ => false,
        }
    }

    fn set_link(&mut self, message: LinkMessage) -> bool {
        let index = message.header.index;
        let known = self.links.get(&index).cloned();
        let mut link = known.clone().unwrap_or_default();
        link.update(message);
        if known.as_ref() == Some(&link) {
            return false;
        }
        self.links.insert(index, link);
        true
    }

    fn set_address(&mut self, message: &AddressMessage) -> bool {
        let (Some(address), Some(link)) =
            (address(message), self.links.get_mut(&message.header.index))
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

    fn remove_address(&mut self, message: &AddressMessage) -> bool {
        let (Some(gone), Some(link)) =
            (address(message), self.links.get_mut(&message.header.index))
        else {
            return false;
        };
        let before = link.addresses.len();
        link.addresses.retain(|a| a.address != gone.address || a.prefix_len != gone.prefix_len);
        link.addresses.len() != before
    }

    fn set_neighbour(&mut self, message: &NeighbourMessage) -> bool {
        match neighbour(message) {
            Some((key, Some(mac))) => self.neighbours.insert(key, mac) != Some(mac),
            Some((key, None)) => self.neighbours.remove(&key).is_some(),
            None => false,
        }
    }
}

fn is_link_local(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

fn is_ip(family: AddressFamily) -> bool {
    matches!(family, AddressFamily::Inet | AddressFamily::Inet6)
}

/// The IP address a message is about.
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
    // IFA_ADDRESS is the other end's on a point-to-point link.
    found.address = local.or(peer)?;
    Some(found)
}

/// The IP neighbour a message is about, and its MAC address while it is usable.
fn neighbour(message: &NeighbourMessage) -> Option<(NeighbourKey, Option<[u8; 6]>)> {
    // Bridge forwarding entries come through the same group.
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

/// The program that a link's attributes tell of.
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
