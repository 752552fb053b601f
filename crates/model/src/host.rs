//! The host's network as the agent sees it: links, their addresses, resolved neighbours, routes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;

use crate::Family;

/// IFA_PROTO of the addresses we install, so that a later start can recognise them (the number
/// keepalived marks its own with, too).
pub const ADDRESS_PROTOCOL: u8 = 18;

/// A network interface of this host. The index is what counts; the name is for people.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Interface {
    pub index: u32,
    pub name: String,
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

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
    /// Not tentative, and not found to be another host's (RFC 4862 section 5.4). Always so for
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

/// The kernel's answer to "how would you send to this address".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub ifindex: u32,
    /// `None`: the destination itself is on the link.
    pub gateway: Option<IpAddr>,
    /// The route's own MTU, in bytes, where it has one.
    pub mtu: Option<u32>,
}

/// The known routes: `None` for a destination that none leads to.
pub type Routes = HashMap<IpAddr, Option<Route>>;

impl Link {
    pub fn interface(&self) -> Interface {
        Interface { index: self.index, name: self.name.clone() }
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
}

fn is_link_local(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}
