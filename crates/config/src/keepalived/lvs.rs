//! What LVS's words for schedulers and ways mean here.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::At;
use super::super::source::Span;
use super::tree::Node;
use super::values;
use vrrp_model::{Forward, Persistence};

/// Of `persistence_timeout`, in seconds.
const TIMEOUTS: RangeInclusive<i64> = 1..=2_678_400;

/// How a statement `lvs_method` has packets reach a backend: `NAT`, `DR`, or `TUN` with its
/// options; `present` for any other word. `None`, with a diagnostic, where it is not built.
pub(super) fn method(
    node: &Node,
    present: Option<Forward>,
    reporter: &mut Reporter,
) -> Option<Forward> {
    let Some(word) = node.values().first() else {
        values::word(node, reporter);
        return None;
    };
    match word.text.as_str() {
        "NAT" => Some(Forward::Nat),
        // IPVS takes an address of its own host for a local one, too.
        "DR" => Some(Forward::Auto),
        "TUN" => tunnel(node, reporter),
        _ => {
            let message = format!("`{}` is neither NAT, DR nor TUN", reporter.quote(&word.span));
            reporter.ignored(Diagnostic::at(&word.span, message));
            present
        }
    }
}

/// `TUN [type ipip|gue|gre ...]`
fn tunnel(node: &Node, reporter: &mut Reporter) -> Option<Forward> {
    let mut words = node.values().iter().skip_while(|word| word.text != "type").skip(1);
    match words.next() {
        Some(kind) if kind.text != "ipip" => {
            let message = format!(
                "a tunnel of type `{}` is not supported: backends reached so",
                reporter.quote(&kind.span)
            );
            reporter.ignored(
                Diagnostic::at(&kind.span, message)
                    .help("the type ipip is: backends need a tunnel interface of it"),
            );
            None
        }
        _ => Some(Forward::Ipip),
    }
}

/// What decides the backend under a scheduler. Says how the one scheduler there is differs from the
/// one asked for.
///
/// `with_ports`: `sh-port` or `mh-port` was given.
pub(super) fn scheduler(
    (name, span): (&str, &Span),
    with_ports: bool,
    reporter: &mut Reporter,
) -> Persistence {
    let spread =
        "each connection goes to a backend by Maglev hashing, in proportion to the weights";
    let persistence = match name {
        "sh" | "mh" if !with_ports => Persistence::Source,
        _ => Persistence::Flow,
    };
    let message = match name {
        "mh" => return persistence,
        "rr" | "wrr" => format!("{spread}, not in turn as `{name}` would"),
        "sh" | "dh" => format!(
            "{spread}; `{name}` hashes in another way: connections move when this node takes over"
        ),
        "lc" | "wlc" | "lblc" | "lblcr" | "sed" | "nq" | "fo" | "ovf" | "twos" => {
            format!("{spread}, not by the load as `{name}` would")
        }
        _ => {
            reporter.ignored(Diagnostic::at(
                span,
                format!("unknown scheduler `{}`", reporter.quote(span)),
            ));
            return persistence;
        }
    };
    reporter.warning(Diagnostic::at(span, message));
    persistence
}

/// `persistence_timeout` or `persistence_granularity`: either makes a service persistent. `None`,
/// with a diagnostic, where keepalived reads no value.
pub(super) fn persistence(node: &Node, reporter: &mut Reporter) -> Option<Persistence> {
    if node.keyword() == "persistence_timeout" {
        // Without a value it is six minutes.
        if !node.values().is_empty() {
            values::number(node, TIMEOUTS, reporter)?;
        }
        let message = "a client keeps its backend as long as that is in the ring: no time is kept, the value has no meaning";
        reporter.warning(Diagnostic::at(node.span(), message));
        return Some(Persistence::Source);
    }
    let mask = values::word(node, reporter)?;
    let length = mask.text.parse().is_ok_and(|length| (1..=128_u8).contains(&length));
    if !length && mask.text.parse::<Ipv4Addr>().is_err() {
        let quoted = reporter.quote(&mask.span);
        let message = format!("`{quoted}` is neither a netmask nor the length of a prefix");
        reporter.ignored(Diagnostic::at(&mask.span, message));
        return None;
    }
    if mask.text != "255.255.255.255" && mask.text != "128" {
        let message = "clients are told apart by their whole addresses: this granularity";
        reporter.ignored(Diagnostic::at(&mask.span, message));
    }
    Some(Persistence::Source)
}

/// A quorum has no dampener.
pub(super) fn hysteresis(node: &Node, reporter: &mut Reporter) {
    if let Some(At { value: 1.., span }) = values::number(node, values::ANY, reporter) {
        let message = "a quorum is gained and lost at the same sum of weights: this hysteresis";
        let help = "`rise` and `fall` of a check in the agent's own configuration keep a backend from flapping";
        reporter.ignored(Diagnostic::at(&span, message).help(help));
    }
}
