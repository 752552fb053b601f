//! `MISC_CHECK`.

use super::super::super::diag::{Diagnostic, Reporter};
use super::super::super::draft::{At, CheckDraft, Time};
use super::super::keywords::MISC_CHECK;
use super::super::tree::Node;
use super::super::{command, global, values};
use super::Inherited;
use vrrp_model::CheckType;

/// `None` without a program: keepalived skips such a check.
pub(super) fn read(
    node: &Node,
    mut inherited: Inherited,
    reporter: &mut Reporter,
) -> Option<At<CheckDraft>> {
    let (mut words, mut timeout, mut dynamic) = (None, None, None);
    for statement in values::statements(node, &MISC_CHECK, &[], reporter) {
        match statement.keyword() {
            "misc_path" => words = command::only(statement, reporter),
            "misc_timeout" => {
                const MOST: i64 = values::MOST_WHOLE_SECONDS;
                timeout = values::whole_seconds(statement, 0..=MOST, reporter);
            }
            "misc_dynamic" => {
                let message = "`misc_dynamic`: exit statuses from 2 on are good, but the weight that they mean is not followed: it";
                reporter.ignored(Diagnostic::at(statement.span(), message));
                dynamic = Some(At::new(true, statement.span()));
            }
            "user" => {
                let account = global::account(statement, reporter);
                (inherited.user, inherited.user_group) = (account.user, account.group);
            }
            _ => inherited.read(statement, values::ANY, reporter),
        }
    }
    let Some(words) = words else {
        let message = "keepalived skips a MISC_CHECK without a `misc_path`: this one";
        reporter.ignored(Diagnostic::at(node.span(), message));
        return None;
    };
    let mut draft = inherited.draft(CheckType::Script, node.span());
    // 0 is the same as nothing: as long as to the next run.
    let timeout = timeout.filter(|timeout| !timeout.value.is_zero()).map(At::<Time>::from);
    draft.timeout = timeout.or(draft.interval.clone());
    draft.command = Some(words);
    draft.user = inherited.user;
    draft.user_group = inherited.user_group;
    draft.dynamic = dynamic;
    Some(At::new(draft, node.span()))
}
