//! `vrrp_sync_group`.

use super::super::diag::Reporter;
use super::super::draft::GroupDraft;
use super::super::source::Span;
use super::keywords::SYNC_GROUP;
use super::lists::names;
use super::tree::Node;
use super::values;

pub(super) fn read(node: &Node, mail: &mut Vec<Span>, reporter: &mut Reporter) -> Option<GroupDraft> {
    let name = values::block_name(node, reporter)?;
    let mut members = Vec::new();
    for statement in values::statements(node, &SYNC_GROUP, &["group"], mail, reporter) {
        members.extend(names(statement, reporter));
    }
    Some(GroupDraft { name, members })
}
