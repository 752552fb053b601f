//! Routes and rules in the host's tables: level-triggered, as addresses are. What another program
//! removes is put back; what the host has itself is left as it is.

use std::collections::BTreeSet;

use super::Problems;
use crate::net::{Netlink, NetlinkError, routing};
use vrrp_model::{VirtualRoute, VirtualRule};
use vrrp_steering::desired::Desired;

/// Routes and rules that this agent has added.
#[derive(Debug, Default)]
pub struct Routing {
    routes: BTreeSet<(VirtualRoute, Option<u32>)>,
    rules: BTreeSet<VirtualRule>,
    /// What an earlier agent left was looked for.
    swept: bool,
}

impl Routing {
    /// Adds what is missing.
    pub async fn add(&mut self, netlink: &Netlink, desired: &Desired, problems: &mut Problems) {
        for wanted in &desired.routes {
            let (route, ifindex) = wanted;
            let what = format!("route to {} in table {}", route.destination, route.table);
            let outcome = netlink.add_route(route, *ifindex).await;
            if matches!(outcome, Ok(true)) {
                let again = !self.routes.insert(wanted.clone());
                told(&what, again);
            } else if matches!(outcome, Ok(false)) && !self.routes.contains(wanted) {
                if self.is_left_by_an_agent(netlink, route).await {
                    self.routes.insert(wanted.clone());
                } else {
                    problems.remark(
                        &what,
                        "is there already and is not the agent's: it is left as it is",
                    );
                }
            }
            problems.note(&what, outcome.map(drop));
        }
        for rule in &desired.rules {
            let what = format!("rule of priority {} for table {}", rule.priority, rule.table);
            let outcome = netlink.add_rule(rule).await;
            match outcome {
                Ok(true) => told(&what, !self.rules.insert(rule.clone())),
                // The kernel compares the protocol too: it is one of an agent.
                Ok(false) => drop(self.rules.insert(rule.clone())),
                Err(_) => {}
            }
            problems.note(&what, outcome.map(drop));
        }
    }

    /// Removes what is not wanted any more; the first time also what an earlier agent left.
    pub async fn remove(&mut self, netlink: &Netlink, desired: &Desired, problems: &mut Problems) {
        if !std::mem::replace(&mut self.swept, true) {
            let swept = sweep(netlink, desired).await;
            self.swept = swept.is_ok();
            problems.note("routes and rules of an earlier agent", swept.map(drop));
        }
        for gone in self.routes.difference(&desired.routes).cloned().collect::<Vec<_>>() {
            let (route, ifindex) = &gone;
            let outcome = netlink.remove_route(route, *ifindex).await;
            let what = format!("route to {}", route.destination);
            if outcome.is_ok() {
                tracing::info!(destination = %route.destination, table = route.table, "route removed");
                self.routes.remove(&gone);
            }
            problems.note(&what, outcome.map(drop));
        }
        for gone in self.rules.difference(&desired.rules).cloned().collect::<Vec<_>>() {
            let outcome = netlink.remove_rule(&gone).await;
            if outcome.is_ok() {
                tracing::info!(priority = gone.priority, table = gone.table, "rule removed");
                self.rules.remove(&gone);
            }
            problems.note("a rule", outcome.map(drop));
        }
    }

    async fn is_left_by_an_agent(&self, netlink: &Netlink, route: &VirtualRoute) -> bool {
        let wanted = (route.destination, route.table, route.metric);
        let own = netlink.own_routes().await.unwrap_or_default();
        own.iter().any(|left| routing::key(left) == Some(wanted))
    }
}

fn told(what: &str, again: bool) {
    match again {
        true => tracing::warn!("{what}: another program removed it; it is put back"),
        false => tracing::info!("{what}: added"),
    }
}

/// Removes routes and rules of an earlier agent that are not wanted. Returns what was removed, for
/// people.
///
/// # Errors
/// The kernel does not answer.
pub async fn sweep(netlink: &Netlink, desired: &Desired) -> Result<Vec<String>, NetlinkError> {
    let mut removed = Vec::new();
    let wanted = |left: &(_, u32, u32)| {
        let of = |route: &VirtualRoute| (route.destination, route.table, route.metric);
        desired.routes.iter().any(|(route, _)| of(route) == *left)
    };
    for left in netlink.own_routes().await? {
        let Some(key) = routing::key(&left).filter(|key| !wanted(key)) else { continue };
        netlink.remove_route_message(left).await?;
        removed.push(format!("route to {} in table {}", key.0, key.1));
    }
    // Rules that are wanted are added again at once: they have no state.
    if desired.rules.is_empty() {
        for left in netlink.own_rules().await? {
            netlink.remove_rule_message(left).await?;
            removed.push("a routing rule".to_owned());
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests;
