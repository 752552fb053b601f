//! Routes and rules.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, RouteDraft, RuleDraft};
use super::values;
use vrrp_model::{Family, RouteKind, Routing, VirtualRoute, VirtualRule};

/// A wrong route or rule is left out where that is allowed.
pub(super) fn validate(
    routes: &[RouteDraft],
    rules: &[RuleDraft],
    reporter: &mut Reporter,
) -> Routing {
    let mut routing = Routing::default();
    for draft in routes {
        let read = |reporter: &mut Reporter| route(draft, reporter);
        routing.routes.extend(reporter.part("this route is left out", read).flatten());
    }
    for draft in rules {
        let read = |reporter: &mut Reporter| rule(draft, reporter);
        routing.rules.extend(reporter.part("this rule is left out", read).flatten());
    }
    routing
}

fn route(draft: &RouteDraft, reporter: &mut Reporter) -> Option<VirtualRoute> {
    let RouteDraft { to, kind, via, device, source, scope, table, metric, onlink } = draft;
    let destination = prefix(to, "a route's destination", reporter)?;
    let family = family(&destination);
    let mut address = |written: &Option<At<String>>, what: &str| {
        written.as_ref().and_then(|written| of_family(written, family, what, reporter))
    };
    let (via, source) = (address(via, "a next hop"), address(source, "a route's source"));
    if let Some(device) = device {
        values::interface(device, "a route's device", reporter);
    }
    if *kind == RouteKind::Unicast && via.is_none() && device.is_none() {
        let message = "a route needs `via` or `device`";
        reporter.error(Diagnostic::at(&to.span, message));
    }
    Some(VirtualRoute {
        destination,
        kind: *kind,
        via,
        device: device.as_ref().map(|device| device.value.clone()),
        source,
        scope: *scope,
        table: number(table.as_ref(), VirtualRoute::TABLE, "table", reporter),
        metric: number(metric.as_ref(), 0, "metric", reporter),
        onlink: *onlink,
    })
}

fn rule(draft: &RuleDraft, reporter: &mut Reporter) -> Option<VirtualRule> {
    let RuleDraft { from, to, input, table, priority } = draft;
    let mut net = |written: &Option<At<String>>, what: &str| {
        written.as_ref().and_then(|written| prefix(written, what, reporter))
    };
    let (source, destination) = (net(from, "`from`"), net(to, "`to`"));
    if let Some(input) = input {
        values::interface(input, "a rule's interface", reporter);
    }
    let families: Vec<Family> = source.iter().chain(&destination).map(family).collect();
    if let ([first, second], Some(to)) = (families.as_slice(), to)
        && first != second
    {
        reporter.error(Diagnostic::at(&to.span, "`from` and `to` are of two families"));
        return None;
    }
    if families.is_empty() && input.is_none() {
        let message = "a rule needs `from`, `to` or `input`: it would be for every packet";
        reporter.error(Diagnostic::at(&table.span, message));
        return None;
    }
    Some(VirtualRule {
        family: families.first().copied().unwrap_or(Family::V4),
        from: source,
        to: destination,
        input: input.as_ref().map(|input| input.value.clone()),
        table: number(Some(table), VirtualRoute::TABLE, "table", reporter),
        priority: number(Some(priority), 0, "priority", reporter),
    })
}

fn number(written: Option<&At<i64>>, default: u32, what: &str, reporter: &mut Reporter) -> u32 {
    values::number_or(written, default, what, 0..=u32::MAX, reporter)
}

const fn family(net: &IpNet) -> Family {
    match net {
        IpNet::V4(_) => Family::V4,
        IpNet::V6(_) => Family::V6,
    }
}

/// Host bits are dropped, as ip(8) refuses and keepalived drops them.
fn prefix(written: &At<String>, what: &str, reporter: &mut Reporter) -> Option<IpNet> {
    let text = written.value.as_str();
    let parsed =
        text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    if parsed.is_none() {
        let message = format!("{what} `{text}` is not ADDRESS/LENGTH");
        reporter.error(Diagnostic::at(&written.span, message));
    }
    parsed.map(|net| net.trunc())
}

fn of_family(
    written: &At<String>,
    family: Family,
    what: &str,
    reporter: &mut Reporter,
) -> Option<IpAddr> {
    let found = written.value.parse().ok().filter(|address| Family::of(*address) == family);
    if found.is_none() {
        let message =
            format!("{what} `{}` is no address of the destination's family", written.value);
        reporter.error(Diagnostic::at(&written.span, message));
    }
    found
}
