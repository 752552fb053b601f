//! `virtual_routes`, `virtual_rules`, `static_routes`, `static_rules`: lines in the words of ip(8).

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, RouteDraft, RuleDraft};
use super::lists::lines;
use super::tree::{Node, Word};
use super::values;
use vrrp_model::{RouteKind, RouteScope, VirtualRoute};

/// Tables that have a name in every kernel (rtnetlink(7)).
const TABLES: [(&str, i64); 3] = [("default", 253), ("main", 254), ("local", 255)];
/// Where a rule of keepalived without a priority goes: before the main table's.
const RULE_PRIORITY: i64 = 16_384;

/// The words of a line, one after the other.
struct Words<'a> {
    left: std::vec::IntoIter<&'a Word>,
}

impl<'a> Words<'a> {
    fn of(line: &'a Node) -> Self {
        let all: Vec<&Word> = std::iter::once(line.first()).chain(line.values()).collect();
        Self { left: all.into_iter() }
    }

    /// The value behind `name`.
    fn value(&mut self, name: &Word, reporter: &mut Reporter) -> Option<At<String>> {
        let value = self.left.next();
        if value.is_none() {
            let message = format!("`{}` needs a value", name.text);
            reporter.ignored(Diagnostic::at(&name.span, message));
        }
        value.map(|value| At::new(value.text.clone(), &value.span))
    }

    fn number(&mut self, name: &Word, reporter: &mut Reporter) -> Option<At<i64>> {
        let written = self.value(name, reporter)?;
        let known = TABLES.iter().find(|(table, _)| *table == written.value);
        let number = known.map(|(_, number)| *number).or_else(|| written.value.parse().ok());
        if number.is_none() {
            let message = format!("`{}` is not a number", written.value);
            let help = "write the number: names of /etc/iproute2 are not read";
            reporter.ignored(Diagnostic::at(&written.span, message).help(help));
        }
        number.map(|number| At::new(number, &written.span))
    }
}

pub(super) fn routes(node: &Node, reporter: &mut Reporter) -> Vec<RouteDraft> {
    lines(node, reporter).into_iter().filter_map(|line| route(line, reporter)).collect()
}

fn route(line: &Node, reporter: &mut Reporter) -> Option<RouteDraft> {
    let mut to: Option<At<String>> = None;
    let (mut kind, mut scope) = (RouteKind::default(), None);
    let (mut via, mut device, mut source) = (None, None, None);
    let (mut table, mut metric, mut onlink) = (None, None, false);
    let mut words = Words::of(line);
    while let Some(word) = words.left.next() {
        match word.text.as_str() {
            "unicast" => kind = RouteKind::Unicast,
            "blackhole" => kind = RouteKind::Blackhole,
            "unreachable" => kind = RouteKind::Unreachable,
            "prohibit" => kind = RouteKind::Prohibit,
            "to" => to = words.value(word, reporter),
            "via" | "gw" => via = words.value(word, reporter).filter(|via| !is_family(via)),
            "inet" | "inet6" => via = words.value(word, reporter),
            "dev" | "oif" => device = words.value(word, reporter),
            "src" | "from" => source = words.value(word, reporter),
            "table" => table = words.number(word, reporter),
            "metric" | "priority" | "preference" => metric = words.number(word, reporter),
            "onlink" => onlink = true,
            "scope" => scope = words.value(word, reporter).and_then(|at| read_scope(&at, reporter)),
            // The agent's own number marks the route, so that it can be given back.
            "protocol" | "proto" => drop(words.value(word, reporter)),
            // Routes are put back in any case, and no priority depends on them.
            "no_track" => {}
            "track_group" | "weight" => {
                let value = words.value(word, reporter);
                let span = value.map_or(word.span.clone(), |at| values::join(&word.span, &at.span));
                let message = format!("no priority depends on routes here: this `{}`", word.text);
                reporter.ignored(Diagnostic::at(&span, message));
            }
            "or" | "nexthop" => {
                let message = "a route has one next hop here: this route";
                reporter.ignored(Diagnostic::at(&word.span, message));
                return None;
            }
            _ if to.is_none() => to = Some(At::new(word.text.clone(), &word.span)),
            _ => {
                let message = format!("`{}` of a route is not supported", word.text);
                reporter.ignored(Diagnostic::at(&word.span, message));
            }
        }
    }
    let Some(mut to) = to else {
        let message = "a route needs a destination: this line";
        reporter.ignored(Diagnostic::at(line.span(), message));
        return None;
    };
    if to.value == "default" {
        let v6 = via.as_ref().is_some_and(|via: &At<String>| via.value.contains(':'));
        to.value = if v6 { "::/0" } else { "0.0.0.0/0" }.to_owned();
    }
    Some(RouteDraft { to, kind, via, device, source, scope, table, metric, onlink })
}

/// `via inet6 ADDRESS`: the word before the address.
fn is_family(via: &At<String>) -> bool {
    via.value == "inet" || via.value == "inet6"
}

fn read_scope(written: &At<String>, reporter: &mut Reporter) -> Option<RouteScope> {
    let found = RouteScope::ALL.iter().find(|scope| scope.label() == written.value);
    if found.is_none() {
        let message = format!("`{}` is no scope", written.value);
        reporter.ignored(Diagnostic::at(&written.span, message));
    }
    found.copied()
}

pub(super) fn rules(node: &Node, reporter: &mut Reporter) -> Vec<RuleDraft> {
    lines(node, reporter).into_iter().filter_map(|line| rule(line, reporter)).collect()
}

fn rule(line: &Node, reporter: &mut Reporter) -> Option<RuleDraft> {
    let (mut from, mut to, mut input) = (None, None, None);
    let (mut table, mut priority) = (None, None);
    let mut words = Words::of(line);
    while let Some(word) = words.left.next() {
        match word.text.as_str() {
            "from" => from = words.value(word, reporter).filter(|from| from.value != "all"),
            "to" => to = words.value(word, reporter).filter(|to| to.value != "all"),
            "iif" | "dev" => input = words.value(word, reporter),
            "table" | "lookup" => table = words.number(word, reporter),
            "priority" | "preference" | "order" => priority = words.number(word, reporter),
            "no_track" => {}
            "protocol" | "proto" => drop(words.value(word, reporter)),
            _ => {
                let message = format!("`{}` of a rule is not supported: this rule", word.text);
                reporter.ignored(Diagnostic::at(&word.span, message));
                return None;
            }
        }
    }
    let here = line.span();
    Some(RuleDraft {
        from,
        to,
        input,
        table: table.unwrap_or_else(|| At::new(i64::from(VirtualRoute::TABLE), here)),
        priority: priority.unwrap_or_else(|| At::new(RULE_PRIORITY, here)),
    })
}
