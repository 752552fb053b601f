//! Blocks whose lines are values, not keywords: addresses, tracked scripts and interfaces.

use std::net::Ipv6Addr;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{AddressDraft, At, InterfaceTrackDraft, PeerDraft, ScriptTrackDraft};
use super::lists::lines;
use super::script;
use super::tree::{Node, Word};
use super::values;

/// The addresses of `virtual_ipaddress` and its like.
pub(super) fn addresses(node: &Node, reporter: &mut Reporter) -> Vec<AddressDraft> {
    lines(node, reporter).into_iter().map(|line| address(line, reporter)).collect()
}

/// `ADDRESS[/LENGTH] [dev NAME] [label NAME] ...`
fn address(line: &Node, reporter: &mut Reporter) -> AddressDraft {
    let first = line.first();
    let mut draft = AddressDraft {
        address: At::new(first.text.clone(), &first.span),
        device: None,
        label: None,
    };
    let mut words = line.values().iter();
    while let Some(word) = words.next() {
        match word.text.as_str() {
            "dev" => draft.device = option(word, words.next(), reporter),
            "label" => draft.label = option(word, words.next(), reporter),
            "brd" | "broadcast" | "scope" | "peer" | "preferred_lft" => {
                let value = option(word, words.next(), reporter);
                let span =
                    value.map_or(word.span.clone(), |value| values::join(&word.span, &value.span));
                let message = format!("`{}` of an address is not supported yet", word.text);
                reporter.ignored(Diagnostic::at(&span, message));
            }
            "-nodad" => {
                let message = "`-nodad` is always so: virtual addresses are added without duplicate address detection";
                reporter.warning(Diagnostic::at(&word.span, message));
            }
            "home" | "mngtmpaddr" | "noprefixroute" | "autojoin" | "no_track" | "use_vmac" => {
                let message = format!("`{}` of an address is not supported yet", word.text);
                reporter.ignored(Diagnostic::at(&word.span, message));
            }
            _ => {
                let message =
                    format!("`{}` is no option of an address", reporter.quote(&word.span));
                reporter.ignored(Diagnostic::at(&word.span, message));
            }
        }
    }
    draft
}

fn option(name: &Word, value: Option<&Word>, reporter: &mut Reporter) -> Option<At<String>> {
    if value.is_none() {
        reporter.ignored(Diagnostic::at(&name.span, format!("`{}` needs a value", name.text)));
    }
    value.map(|value| At::new(value.text.clone(), &value.span))
}

/// The peers of `unicast_peer`: `ADDRESS [min_ttl N] [max_ttl N]`.
///
/// Where a line has neither, keepalived takes any TTL, and the agent none below 255: said once for
/// the block.
pub(super) fn peers(node: &Node, reporter: &mut Reporter) -> Vec<PeerDraft> {
    let peers: Vec<PeerDraft> =
        lines(node, reporter).into_iter().map(|line| peer(line, reporter)).collect();
    // What is link-local never comes through a router.
    let near = |peer: &PeerDraft| {
        peer.address.value.parse().is_ok_and(|address: Ipv6Addr| address.is_unicast_link_local())
    };
    if let Some(first) =
        peers.iter().find(|peer| peer.min_ttl.is_none() && peer.max_ttl.is_none() && !near(peer))
    {
        let message = "adverts of a peer without `min_ttl` must arrive with TTL 255, which none has that came through a router; \
                       keepalived takes any";
        let help = "if routers are between, say how far the TTL may have fallen: `min_ttl 254` for one of them";
        reporter.warning(Diagnostic::at(&first.address.span, message).help(help));
    }
    peers
}

fn peer(line: &Node, reporter: &mut Reporter) -> PeerDraft {
    let first = line.first();
    let mut draft = PeerDraft {
        address: At::new(first.text.clone(), &first.span),
        min_ttl: None,
        max_ttl: None,
    };
    let mut words = line.values().iter();
    while let Some(word) = words.next() {
        let bound = match word.text.as_str() {
            "min_ttl" => &mut draft.min_ttl,
            "max_ttl" => &mut draft.max_ttl,
            _ => {
                let message = format!("`{}` is no option of a peer", reporter.quote(&word.span));
                reporter.ignored(Diagnostic::at(&word.span, message));
                continue;
            }
        };
        *bound = match words.next() {
            Some(value) => values::number_of(&word.text, value, 0..=255, reporter),
            None => {
                reporter
                    .ignored(Diagnostic::at(&word.span, format!("`{}` needs a value", word.text)));
                None
            }
        };
    }
    complete_range(&mut draft);
    draft
}

/// In keepalived a lower bound is 0 unless written; no packet arrives with less than 1.
fn complete_range(draft: &mut PeerDraft) {
    match (&mut draft.min_ttl, &draft.max_ttl) {
        (Some(min_ttl), _) => min_ttl.value += i64::from(min_ttl.value == 0),
        (None, Some(max_ttl)) => draft.min_ttl = Some(At::new(1, &max_ttl.span)),
        (None, None) => {}
    }
}

/// The lines of `track_script` and `track_interface`: `NAME [weight N [reverse]]`.
pub(super) fn tracks(
    node: &Node,
    reporter: &mut Reporter,
) -> impl Iterator<Item = (At<String>, Option<script::Written>)> {
    let mut tracks = Vec::new();
    for line in lines(node, reporter) {
        let first = line.first();
        let weight = match line.values() {
            [] => None,
            [word, rest @ ..] if word.text == "weight" => script::weight(line, rest, reporter),
            [word, ..] => {
                let message =
                    format!("`{}` is no option here, only `weight` is", reporter.quote(&word.span));
                reporter.ignored(Diagnostic::at(&word.span, message));
                None
            }
        };
        tracks.push((At::new(first.text.clone(), &first.span), weight));
    }
    tracks.into_iter()
}

/// A line of `track_script`.
pub(super) fn script_track(
    (name, written): (At<String>, Option<script::Written>),
) -> ScriptTrackDraft {
    let reverse = written.as_ref().is_some_and(|written| written.reverse);
    ScriptTrackDraft { name, weight: written.map(|written| written.value), reverse }
}

/// A line of `track_interface`.
pub(super) fn interface_track(
    (name, written): (At<String>, Option<script::Written>),
) -> InterfaceTrackDraft {
    let reverse = written.as_ref().is_some_and(|written| written.reverse);
    InterfaceTrackDraft { name, weight: written.map(|written| written.value), reverse }
}
