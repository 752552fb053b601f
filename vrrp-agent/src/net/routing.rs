//! Routes and rules of the configuration in the host's routing tables.
//!
//! All carry [`ROUTE_PROTOCOL`]. Adding one that is there is no error.

use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use nix::errno::Errno;
use rtnetlink::IpVersion;
use serde::{Deserialize, Serialize};

use super::addresses::ROUTE_PROTOCOL;
use super::netlink::{Netlink, NetlinkError, dump, request, unless_so};
use vrrp_model::{Family, RouteKind, VirtualRoute, VirtualRule};

const TABLE_LOCAL: u8 = 255;
/// A host without IPv6, or a table that does not exist yet.
const NONE: [Errno; 3] = [Errno::ENOENT, Errno::EAFNOSUPPORT, Errno::EOPNOTSUPP];

impl Netlink {
    /// Adds the route if no route has its destination, table and metric; returns true if it was
    /// added. `ifindex` is that of its device.
    pub async fn add_route(
        &self,
        route: &VirtualRoute,
        ifindex: Option<u32>,
    ) -> Result<bool, NetlinkError> {
        let add = self.handle()?.route().add(route_message(route, ifindex)).execute();
        let what = || format!("add the route to {}", route.destination);
        unless_so(request(what, add).await, &[Errno::EEXIST])
    }

    /// Removes the route; returns true if it was there.
    pub async fn remove_route(
        &self,
        route: &VirtualRoute,
        ifindex: Option<u32>,
    ) -> Result<bool, NetlinkError> {
        self.remove_route_message(route_message(route, ifindex)).await
    }

    /// Removes a route that [`Netlink::own_routes`] has listed.
    pub async fn remove_route_message(&self, route: RouteMessage) -> Result<bool, NetlinkError> {
        let del = self.handle()?.route().del(route).execute();
        unless_so(
            request(|| "remove a route".to_owned(), del).await,
            &[Errno::ESRCH, Errno::ENODEV],
        )
    }

    /// Routes with [`ROUTE_PROTOCOL`] outside the local table.
    pub async fn own_routes(&self) -> Result<Vec<RouteMessage>, NetlinkError> {
        let mut own = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut filter = RouteMessage::default();
            filter.header.address_family = family;
            filter.header.protocol = RouteProtocol::Other(ROUTE_PROTOCOL);
            let routes = dump("list routes", self.handle()?.route().get(filter).execute()).await;
            own.extend(listed(routes)?);
        }
        own.retain(|route: &RouteMessage| {
            route.header.protocol == RouteProtocol::Other(ROUTE_PROTOCOL)
                && route.header.table != TABLE_LOCAL
        });
        Ok(own)
    }

    /// Adds the rule if there is none like it; returns true if it was added.
    pub async fn add_rule(&self, rule: &VirtualRule) -> Result<bool, NetlinkError> {
        let mut add = self.handle()?.rule().add();
        *add.message_mut() = rule_message(rule);
        let what = || format!("add the rule of priority {}", rule.priority);
        unless_so(request(what, add.execute()).await, &[Errno::EEXIST])
    }

    /// Removes the rule; returns true if it was there.
    pub async fn remove_rule(&self, rule: &VirtualRule) -> Result<bool, NetlinkError> {
        self.remove_rule_message(rule_message(rule)).await
    }

    /// Removes a rule that [`Netlink::own_rules`] has listed.
    pub async fn remove_rule_message(&self, rule: RuleMessage) -> Result<bool, NetlinkError> {
        let del = self.handle()?.rule().del(rule).execute();
        unless_so(request(|| "remove a rule".to_owned(), del).await, &[Errno::ENOENT])
    }

    /// Rules with [`ROUTE_PROTOCOL`].
    pub async fn own_rules(&self) -> Result<Vec<RuleMessage>, NetlinkError> {
        let mut own = Vec::new();
        for version in [IpVersion::V4, IpVersion::V6] {
            let rules = dump("list rules", self.handle()?.rule().get(version).execute()).await;
            own.extend(listed(rules)?);
        }
        let ours = RuleAttribute::Protocol(RouteProtocol::Other(ROUTE_PROTOCOL));
        own.retain(|rule: &RuleMessage| rule.attributes.contains(&ours));
        Ok(own)
    }
}

fn listed<T>(found: Result<Vec<T>, NetlinkError>) -> Result<Vec<T>, NetlinkError> {
    match found {
        Err(error) => unless_so(Err(error), &NONE).map(|_| Vec::new()),
        found => found,
    }
}

fn route_message(route: &VirtualRoute, ifindex: Option<u32>) -> RouteMessage {
    let VirtualRoute { destination, kind, via, device: _, source, scope, table, metric, onlink } =
        route;
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = family(route.family());
    header.destination_prefix_length = destination.prefix_len();
    header.protocol = RouteProtocol::Other(ROUTE_PROTOCOL);
    header.kind = match kind {
        RouteKind::Unicast => RouteType::Unicast,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Unreachable => RouteType::Unreachable,
        RouteKind::Prohibit => RouteType::Prohibit,
    };
    header.scope = match scope {
        Some(scope) => route_scope(*scope),
        // As ip(8): what has no next hop is on the link.
        None if via.is_none() && *kind == RouteKind::Unicast && destination.addr().is_ipv4() => {
            RouteScope::Link
        }
        None => RouteScope::Universe,
    };
    if *onlink {
        header.flags = RouteFlags::Onlink;
    }
    let attributes = &mut message.attributes;
    if destination.prefix_len() > 0 {
        attributes.push(RouteAttribute::Destination(destination.addr().into()));
    }
    attributes.extend(via.map(|via| RouteAttribute::Gateway(via.into())));
    attributes.extend(ifindex.map(RouteAttribute::Oif));
    attributes.extend(source.map(|source| RouteAttribute::PrefSource(source.into())));
    if *metric != 0 {
        attributes.push(RouteAttribute::Priority(*metric));
    }
    match u8::try_from(*table) {
        Ok(table) => message.header.table = table,
        Err(_) => attributes.push(RouteAttribute::Table(*table)),
    }
    message
}

fn route_scope(scope: vrrp_model::RouteScope) -> RouteScope {
    match scope {
        vrrp_model::RouteScope::Global => RouteScope::Universe,
        vrrp_model::RouteScope::Site => RouteScope::Site,
        vrrp_model::RouteScope::Link => RouteScope::Link,
        vrrp_model::RouteScope::Host => RouteScope::Host,
    }
}

fn rule_message(rule: &VirtualRule) -> RuleMessage {
    let VirtualRule { family: of, from, to, input, table, priority } = rule;
    let mut message = RuleMessage::default();
    message.header.family = family(*of);
    message.header.action = RuleAction::ToTable;
    let net = |net: &Option<IpNet>| net.filter(|net| net.prefix_len() > 0);
    let attributes = &mut message.attributes;
    if let Some(from) = net(from) {
        message.header.src_len = from.prefix_len();
        attributes.push(RuleAttribute::Source(from.addr()));
    }
    if let Some(to) = net(to) {
        message.header.dst_len = to.prefix_len();
        attributes.push(RuleAttribute::Destination(to.addr()));
    }
    attributes.extend(input.clone().map(RuleAttribute::Iifname));
    attributes.push(RuleAttribute::Priority(*priority));
    attributes.push(RuleAttribute::Table(*table));
    attributes.push(RuleAttribute::Protocol(RouteProtocol::Other(ROUTE_PROTOCOL)));
    message
}

const fn family(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    }
}

/// What distinguishes a route from others: the kernel has one for each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OwnRoute {
    pub address: IpAddr,
    pub prefix_len: u8,
    pub table: u32,
    pub metric: u32,
}

impl OwnRoute {
    pub fn of(route: &VirtualRoute) -> Self {
        let VirtualRoute { destination, table, metric, .. } = route;
        let (address, prefix_len) = (destination.addr(), destination.prefix_len());
        Self { address, prefix_len, table: *table, metric: *metric }
    }
}

/// A rule, as the record has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OwnRule {
    pub from: Option<(IpAddr, u8)>,
    pub to: Option<(IpAddr, u8)>,
    pub input: Option<String>,
    pub table: u32,
    pub priority: u32,
}

impl OwnRule {
    pub fn of(rule: &VirtualRule) -> Self {
        let VirtualRule { family: _, from, to, input, table, priority } = rule;
        let net = |net: &Option<IpNet>| {
            net.filter(|net| net.prefix_len() > 0).map(|net| (net.addr(), net.prefix_len()))
        };
        Self {
            from: net(from),
            to: net(to),
            input: input.clone(),
            table: *table,
            priority: *priority,
        }
    }
}

/// A rule of the kernel, as the record has it.
pub fn rule_key(rule: &RuleMessage) -> OwnRule {
    let (mut from, mut to, mut input) = (None, None, None);
    let (mut table, mut priority) = (u32::from(rule.header.table), 0);
    for attribute in &rule.attributes {
        match attribute {
            RuleAttribute::Source(address) => from = Some((*address, rule.header.src_len)),
            RuleAttribute::Destination(address) => to = Some((*address, rule.header.dst_len)),
            RuleAttribute::Iifname(name) => input = Some(name.clone()),
            RuleAttribute::Table(found) => table = *found,
            RuleAttribute::Priority(found) => priority = *found,
            _ => {}
        }
    }
    OwnRule { from, to, input, table, priority }
}

/// A route of the kernel, as the record has it.
pub fn key(route: &RouteMessage) -> OwnRoute {
    let v6 = route.header.address_family == AddressFamily::Inet6;
    let mut address: IpAddr = if v6 { [0; 16].into() } else { [0; 4].into() };
    let (mut table, mut metric) = (u32::from(route.header.table), 0);
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(found)) => address = (*found).into(),
            RouteAttribute::Destination(RouteAddress::Inet6(found)) => address = (*found).into(),
            RouteAttribute::Table(found) => table = *found,
            RouteAttribute::Priority(found) => metric = *found,
            _ => {}
        }
    }
    OwnRoute { address, prefix_len: route.header.destination_prefix_length, table, metric }
}
