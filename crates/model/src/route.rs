//! Routes and rules that follow a virtual router, or that are there while the agent runs.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::Family;
use crate::choice::choice;

/// A route of the host. It carries the agent's own protocol number, so that it can be given back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VirtualRoute {
    pub destination: IpNet,
    pub kind: RouteKind,
    /// Address of the next hop, of the family of `destination`.
    pub via: Option<IpAddr>,
    /// Interface; that of the next hop when `None`.
    pub device: Option<String>,
    /// Preferred source address.
    pub source: Option<IpAddr>,
    /// The kernel's choice when `None`: `link` without a next hop, else `global`.
    pub scope: Option<RouteScope>,
    pub table: u32,
    pub metric: u32,
    /// Whether the next hop counts as reachable though no network of the interface has it.
    pub onlink: bool,
}

impl VirtualRoute {
    /// The main table (rtnetlink(7)).
    pub const TABLE: u32 = 254;

    pub const fn family(&self) -> Family {
        family(&self.destination)
    }
}

choice! {
    /// What the kernel does with packets that a route matches.
    #[derive(Default)]
    pub enum RouteKind {
        #[default]
        Unicast = "unicast",
        /// Drops them in silence.
        Blackhole = "blackhole",
        /// Drops them and answers that the host is unreachable.
        Unreachable = "unreachable",
        /// Drops them and answers that it is prohibited.
        Prohibit = "prohibit",
    }
}

choice! {
    /// How far the destination is.
    pub enum RouteScope {
        Global = "global",
        Site = "site",
        Link = "link",
        Host = "host",
    }
}

/// A rule that selects a routing table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VirtualRule {
    pub family: Family,
    /// Sources; all when `None`.
    pub from: Option<IpNet>,
    /// Destinations; all when `None`.
    pub to: Option<IpNet>,
    /// Interface that a packet came by.
    pub input: Option<String>,
    pub table: u32,
    /// Lower numbers come first.
    pub priority: u32,
}

const fn family(net: &IpNet) -> Family {
    match net {
        IpNet::V4(_) => Family::V4,
        IpNet::V6(_) => Family::V6,
    }
}

/// What the agent puts into the host's routing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    pub routes: Vec<VirtualRoute>,
    pub rules: Vec<VirtualRule>,
}
