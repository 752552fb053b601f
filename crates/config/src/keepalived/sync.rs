//! `vrrp_sync_group`.

use std::collections::{HashMap, HashSet};

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{
    At, Draft, GroupDraft, InterfaceTrackDraft, NotifyDraft, RouterDraft, ScriptTrackDraft,
};
use super::super::source::Span;
use super::address_lists::{interface_track, script_track, tracks};
use super::global::Globals;
use super::keywords::SYNC_GROUP;
use super::lists::names;
use super::tree::Node;
use super::{notify, values};

/// Keywords that take a block.
const BLOCKS: [&str; 3] = ["group", "track_script", "track_interface"];

/// A group as it is read.
pub(super) struct Read {
    pub group: GroupDraft,
    pub notify: Vec<NotifyDraft>,
    /// Whether the weights of its members count (`sync_group_tracking_weight`, once
    /// `global_tracking`).
    pub weights_count: bool,
    /// What its members track besides their own.
    pub track_scripts: Vec<ScriptTrackDraft>,
    pub track_interfaces: Vec<InterfaceTrackDraft>,
}

pub(super) fn read(node: &Node, globals: &Globals, reporter: &mut Reporter) -> Option<Read> {
    let name = values::block_name(node, reporter)?;
    let mut members = Vec::new();
    let mut weights_count = false;
    let (mut track_scripts, mut track_interfaces) = (Vec::new(), Vec::new());
    let statements = values::statements(node, &SYNC_GROUP, &BLOCKS, reporter);
    for statement in &statements {
        match statement.keyword() {
            "group" => members.extend(names(statement, reporter)),
            "track_script" => {
                track_scripts.extend(tracks(statement, reporter).map(script_track));
            }
            "track_interface" => {
                track_interfaces.extend(tracks(statement, reporter).map(interface_track));
            }
            "sync_group_tracking_weight" | "global_tracking" => weights_count = true,
            _ => {}
        }
    }
    let notify = notify::of_routers(&name, &statements, true, globals, reporter);
    let group = GroupDraft { name, members };
    Some(Read { group, notify, weights_count, track_scripts, track_interfaces })
}

/// Puts the groups into the draft, once all instances and scripts are in it.
pub(super) fn complete(draft: &mut Draft, groups: Vec<Read>, reporter: &mut Reporter) {
    give_to_members(&groups, &mut draft.routers);
    let mut weights_count = Vec::new();
    for read in groups {
        draft.groups.push(read.group);
        draft.notify.extend(read.notify);
        weights_count.push(read.weights_count);
    }
    drop_weights(draft, &weights_count, reporter);
}

/// What a group tracks, each of its members does: one failure is the fault of all, and a weight
/// counts for each.
fn give_to_members(groups: &[Read], routers: &mut [RouterDraft]) {
    for read in groups {
        let is_member = |router: &&mut RouterDraft| {
            read.group.members.iter().any(|member| member.value == router.name.value)
        };
        for router in routers.iter_mut().filter(is_member) {
            router.track_scripts.extend(read.track_scripts.iter().cloned());
            router.track_interfaces.extend(read.track_interfaces.iter().cloned());
        }
    }
}

/// keepalived's rule: in a group an instance tracks no script with a weight, and an interface's
/// failure is a fault whatever its weight, unless `weights_count` says otherwise of the group.
fn drop_weights(draft: &mut Draft, weights_count: &[bool], reporter: &mut Reporter) {
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
