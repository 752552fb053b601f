//! Routes and rules.

use super::text::{Text, inline_table, string};
use vrrp_model::{RouteKind, Routing, VirtualRoute, VirtualRule};

/// Those of a router, as keys of its table.
pub(super) fn write(text: &mut Text, routing: &Routing) {
    let Routing { routes, rules } = routing;
    if !routes.is_empty() {
        text.list("routes", routes.iter().map(|route| inline_table(route_keys(route))));
    }
    if !rules.is_empty() {
        text.list("rules", rules.iter().map(|rule| inline_table(rule_keys(rule))));
    }
}

/// Those of the file, each in a table.
pub(super) fn write_static(text: &mut Text, routing: &Routing) {
    let Routing { routes, rules } = routing;
    for route in routes {
        text.table("static_route", &[]);
        keys(text, route_keys(route));
    }
    for rule in rules {
        text.table("static_rule", &[]);
        keys(text, rule_keys(rule));
    }
}

fn keys<const N: usize>(text: &mut Text, keys: [(&str, Option<String>); N]) {
    for (key, value) in keys {
        if let Some(value) = value {
            text.key(key, &value);
        }
    }
}

fn route_keys(route: &VirtualRoute) -> [(&'static str, Option<String>); 9] {
    let VirtualRoute { destination, kind, via, device, source, scope, table, metric, onlink } =
        route;
    let other = |number: u32, default: u32| (number != default).then(|| number.to_string());
    [
        ("to", Some(string(&destination.to_string()))),
        ("type", (*kind != RouteKind::default()).then(|| string(kind.label()))),
        ("via", via.map(|via| string(&via.to_string()))),
        ("device", device.as_deref().map(string)),
        ("source", source.map(|source| string(&source.to_string()))),
        ("scope", scope.map(|scope| string(scope.label()))),
        ("table", other(*table, VirtualRoute::TABLE)),
        ("metric", other(*metric, 0)),
        ("onlink", onlink.then(|| "true".to_owned())),
    ]
}

fn rule_keys(rule: &VirtualRule) -> [(&'static str, Option<String>); 5] {
    // The family is that of its prefixes.
    let VirtualRule { family: _, from, to, input, table, priority } = rule;
    [
        ("from", from.map(|from| string(&from.to_string()))),
        ("to", to.map(|to| string(&to.to_string()))),
        ("input", input.as_deref().map(string)),
        ("table", Some(table.to_string())),
        ("priority", Some(priority.to_string())),
    ]
}
