//! Routes and rules in the host's tables: level-triggered, as addresses are. What another program
//! removes is put back; what the host has itself is left as it is.

use std::collections::BTreeSet;

use super::Problems;
use super::record::Record;
use crate::net::routing::{self, OwnRoute, OwnRule};
use crate::net::{Netlink, NetlinkError};
use vrrp_model::{VirtualRoute, VirtualRule};
use vrrp_steering::desired::Desired;

/// Routes and rules that are there by this agent, or by one before it.
#[derive(Debug, Default)]
pub struct Routing {
    routes: BTreeSet<(VirtualRoute, Option<u32>)>,
    rules: BTreeSet<VirtualRule>,
    /// Of the host or of another program, as it was last seen.
    foreign_routes: BTreeSet<OwnRoute>,
    foreign_rules: BTreeSet<OwnRule>,
    /// What an earlier agent left was looked for.
    swept: bool,
}

impl Routing {
    /// Adds what is missing.
    pub async fn add(
        &mut self,
        netlink: &Netlink,
        record: &mut Record,
        desired: &Desired,
        problems: &mut Problems,
    ) {
        for wanted in &desired.routes {
            let (route, ifindex) = wanted;
            let what = format!("route to {} in table {}", route.destination, route.table);
            let own = OwnRoute::of(route);
            let known = record.kept().routes.contains(&own);
            if !self.foreign_routes.contains(&own) {
                record.edit(|kept| kept.routes.extend([own.clone()]));
            }
            let outcome = netlink.add_route(route, *ifindex).await;
            match (&outcome, known) {
                (Ok(true), _) => {
                    self.foreign_routes.remove(&own);
                    record.edit(|kept| kept.routes.extend([own]));
                    told(&what, !self.routes.insert(wanted.clone()));
                }
                (Ok(false), true) => self.routes.extend([wanted.clone()]),
                (_, true) => {}
                (_, false) => {
                    record.edit(|kept| kept.routes.retain(|kept| *kept != own));
                    if outcome.is_ok() {
                        problems.remark(&what, IS_THERE);
                        self.foreign_routes.insert(own);
                        continue;
                    }
                }
            }
            problems.note(&what, outcome.map(drop));
        }
        for rule in &desired.rules {
            let what = format!("rule of priority {} for table {}", rule.priority, rule.table);
            let own = OwnRule::of(rule);
            let known = record.kept().rules.contains(&own);
            if !self.foreign_rules.contains(&own) {
                record.edit(|kept| kept.rules.extend([own.clone()]));
            }
            let outcome = netlink.add_rule(rule).await;
            match (&outcome, known) {
                (Ok(true), _) => {
                    self.foreign_rules.remove(&own);
                    record.edit(|kept| kept.rules.extend([own]));
                    told(&what, !self.rules.insert(rule.clone()));
                }
                (Ok(false), true) => self.rules.extend([rule.clone()]),
                (_, true) => {}
                (_, false) => {
                    record.edit(|kept| kept.rules.retain(|kept| *kept != own));
                    if outcome.is_ok() {
                        problems.remark(&what, IS_THERE);
                        self.foreign_rules.insert(own);
                        continue;
                    }
                }
            }
            problems.note(&what, outcome.map(drop));
        }
    }

    /// Removes what is not wanted any more; the first time also what an earlier agent left.
    pub async fn remove(
        &mut self,
        netlink: &Netlink,
        record: &mut Record,
        desired: &Desired,
        problems: &mut Problems,
    ) {
        if !std::mem::replace(&mut self.swept, true) {
            let swept = sweep(netlink, record, desired).await;
            self.swept = swept.is_ok();
            problems.note("routes and rules of an earlier agent", swept.map(drop));
        }
        for gone in self.routes.difference(&desired.routes).cloned().collect::<Vec<_>>() {
            let (route, ifindex) = &gone;
            let outcome = netlink.remove_route(route, *ifindex).await;
            let what = format!("route to {}", route.destination);
            if outcome.is_ok() {
                tracing::info!(destination = %route.destination, table = route.table, "route removed");
                let own = OwnRoute::of(route);
                record.edit(|kept| kept.routes.retain(|kept| *kept != own));
                self.routes.remove(&gone);
            }
            problems.note(&what, outcome.map(drop));
        }
        for gone in self.rules.difference(&desired.rules).cloned().collect::<Vec<_>>() {
            let outcome = netlink.remove_rule(&gone).await;
            if outcome.is_ok() {
                tracing::info!(priority = gone.priority, table = gone.table, "rule removed");
                let own = OwnRule::of(&gone);
                record.edit(|kept| kept.rules.retain(|kept| *kept != own));
                self.rules.remove(&gone);
            }
            problems.note("a rule", outcome.map(drop));
        }
    }
}

const IS_THERE: &str = "is there already and is not the agent's: it is left as it is";

fn told(what: &str, again: bool) {
    match again {
        true => tracing::warn!("{what}: another program removed it; it is put back"),
        false => tracing::info!("{what}: added"),
    }
}

/// Removes routes and rules that an earlier agent recorded and that are not wanted. Returns what
/// was removed, for people.
///
/// # Errors
/// The kernel does not answer.
pub async fn sweep(
    netlink: &Netlink,
    record: &mut Record,
    desired: &Desired,
) -> Result<Vec<String>, NetlinkError> {
    let mut removed = Vec::new();
    let wanted: BTreeSet<OwnRoute> =
        desired.routes.iter().map(|(route, _)| OwnRoute::of(route)).collect();
    let left: BTreeSet<_> = record.kept().routes.difference(&wanted).cloned().collect();
    if !left.is_empty() {
        for route in netlink.own_routes().await? {
            let OwnRoute { address, prefix_len, table, .. } = &routing::key(&route);
            if left.contains(&routing::key(&route)) {
                removed.push(format!("route to {address}/{prefix_len} in table {table}"));
                netlink.remove_route_message(route).await?;
            }
        }
        record.edit(|kept| kept.routes.retain(|route| !left.contains(route)));
    }
    let wanted: BTreeSet<OwnRule> = desired.rules.iter().map(OwnRule::of).collect();
    let left: BTreeSet<_> = record.kept().rules.difference(&wanted).cloned().collect();
    if !left.is_empty() {
        for rule in netlink.own_rules().await? {
            let key = routing::rule_key(&rule);
            if left.contains(&key) {
                removed.push(format!("rule of priority {} for table {}", key.priority, key.table));
                netlink.remove_rule_message(rule).await?;
            }
        }
        record.edit(|kept| kept.rules.retain(|rule| !left.contains(rule)));
    }
    Ok(removed)
}

#[cfg(test)]
mod tests;
