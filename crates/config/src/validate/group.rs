//! Sync groups: virtual routers that are masters together or not at all.

use std::collections::HashMap;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, GroupDraft, RouterDraft};
use super::{unique, values};
use vrrp_model::SyncGroup;
use vrrp_model::suggest;

pub(super) fn validate(
    drafts: &[GroupDraft],
    routers: &[RouterDraft],
    reporter: &mut Reporter,
) -> Vec<SyncGroup> {
    unique(drafts.iter().map(|group| &group.name), "sync group", reporter);
    let mut taken: HashMap<usize, &At<String>> = HashMap::new();
    let mut groups = Vec::new();
    for draft in drafts {
        let read =
            |reporter: &mut Reporter| values::name(&draft.name, "a sync group's name", reporter);
        if reporter.part("this group is left out", read).is_none() {
            continue;
        }
        let mut members = Vec::new();
        for written in &draft.members {
            let Some(router) = routers.iter().position(|router| router.name.value == written.value)
            else {
                reporter.ignored(unknown(written, routers));
                continue;
            };
            if let Some(first) = taken.insert(router, written) {
                let message = format!("`{}` is in a sync group already", written.value);
                reporter.ignored(
                    Diagnostic::at(&written.span, message).related(&first.span, "here first"),
                );
                continue;
            }
            members.push(router);
        }
        if members.len() < 2 && (draft.members.len() < 2 || !reporter.has_errors()) {
            let message = format!(
                "sync group `{}` has fewer than two members: it has no effect",
                draft.name.value
            );
            reporter.warning(Diagnostic::at(&draft.name.span, message));
        }
        if !members.is_empty() || draft.members.is_empty() {
            groups.push(SyncGroup { name: draft.name.value.clone(), members });
        }
    }
    groups
}

fn unknown(written: &At<String>, routers: &[RouterDraft]) -> Diagnostic {
    let near =
        suggest::nearest(&written.value, routers.iter().map(|router| router.name.value.as_str()));
    Diagnostic::at(&written.span, format!("there is no virtual router `{}`", written.value))
        .suggest(near)
}
