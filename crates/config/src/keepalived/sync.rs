//! `vrrp_sync_group`.

use std::collections::{HashMap, HashSet};

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, Draft, GroupDraft, NotifyDraft};
use super::super::source::Span;
use super::address_lists::names;
use super::global::Globals;
use super::keywords::SYNC_GROUP;
use super::tree::Node;
use super::{notify, values};

/// A group as it is read.
pub(super) struct Read {
    pub group: GroupDraft,
    pub notify: Vec<NotifyDraft>,
    /// Whether the weights of its members count (`sync_group_tracking_weight`, once
    /// `global_tracking`).
    pub weights_count: bool,
}

pub(super) fn read(
    node: &Node,
    globals: &Globals,
    mail: &mut Vec<Span>,
    reporter: &mut Reporter,
) -> Option<Read> {
    let name = values::block_name(node, reporter)?;
    let mut members = Vec::new();
    let mut weights_count = false;
    let statements = values::statements(node, &SYNC_GROUP, &["group"], mail, reporter);
    for statement in &statements {
        match statement.keyword() {
            "group" => members.extend(names(statement, reporter)),
            "sync_group_tracking_weight" | "global_tracking" => weights_count = true,
            _ => {}
        }
    }
    let notify = notify::of_routers(&name, &statements, true, globals, reporter);
    Some(Read { group: GroupDraft { name, members }, notify, weights_count })
}

/// keepalived's rule: in a group an instance tracks no script with a weight, and an interface's
/// failure is a fault whatever its weight, unless `weights_count` says otherwise of the group.
pub(super) fn drop_weights(draft: &mut Draft, weights_count: &[bool], reporter: &mut Reporter) {
    let Draft { routers, groups, scripts, .. } = draft;
    let fixed = groups.iter().zip(weights_count).filter(|(_, weights_count)| !**weights_count);
    let members: HashSet<&str> =
        fixed.flat_map(|(group, _)| &group.members).map(|member| member.value.as_str()).collect();
    let defaults: HashMap<&str, i64> = scripts
        .iter()
        .map(|script| {
            let weight = script.weight.as_ref().map_or(0, |weight| weight.value);
            (script.name.value.as_str(), weight)
        })
        .collect();
    for router in routers.iter_mut().filter(|router| members.contains(router.name.value.as_str())) {
        router.track_scripts.retain(|track| {
            let default = defaults.get(track.name.value.as_str()).copied().unwrap_or(0);
            let (weight, span) = weight_of(&track.name, track.weight.as_ref(), default);
            if weight != 0 {
                let message = format!(
                    "this script has the weight {weight}: it is not tracked, as in keepalived, which has no weights in a sync group"
                );
                reporter.warning(Diagnostic::at(&span, message).help(LET_COUNT));
            }
            weight == 0
        });
        for track in &mut router.track_interfaces {
            let (weight, span) = weight_of(&track.name, track.weight.as_ref(), 0);
            if weight != 0 {
                let message = format!(
                    "the weight {weight} is taken as 0, its failure is a fault: in a sync group keepalived has no weights"
                );
                reporter.warning(Diagnostic::at(&span, message).help(LET_COUNT));
                track.weight = Some(At::new(0, &span));
            }
        }
    }
}

const LET_COUNT: &str = "write `sync_group_tracking_weight` in the group to let weights count";

/// The weight that counts, and where it is written.
fn weight_of(name: &At<String>, written: Option<&At<i64>>, default: i64) -> (i64, Span) {
    match written {
        Some(written) => (written.value, written.span.clone()),
        None => (default, name.span.clone()),
    }
}
