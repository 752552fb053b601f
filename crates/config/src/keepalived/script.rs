//! `vrrp_script`.

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, Command, ScriptDraft};
use super::command;
use super::global::{self, Globals};
use super::keywords::SCRIPT;
use super::tree::{Node, Word};
use super::values;

/// Longest interval and timeout, in seconds.
const LONGEST: u64 = 86_400;

pub(super) fn read(node: &Node, globals: &Globals, reporter: &mut Reporter) -> Option<ScriptDraft> {
    let name = values::block_name(node, reporter)?;
    let mut draft = ScriptDraft {
        command: At::new(Command::Words(Vec::new()), &name.span),
        interval: None,
        timeout: None,
        weight: None,
        rise: None,
        fall: None,
        user: globals.script_user.clone(),
        user_group: globals.script_group.clone(),
        init_fail: false,
        name,
    };
    // No mail keyword exists in this block.
    let mut no_mail = Vec::new();
    for statement in values::statements(node, &SCRIPT, &[], &mut no_mail, reporter) {
        let field = match statement.keyword() {
            "script" => {
                draft.command = command::only(statement, reporter).unwrap_or(draft.command);
                continue;
            }
            "interval" => {
                let interval = values::seconds(statement, LONGEST, reporter);
                draft.interval = interval.map(At::from).or(draft.interval);
                continue;
            }
            "timeout" => {
                draft.timeout = values::seconds(statement, LONGEST, reporter).map(At::from);
                continue;
            }
            "user" => {
                (draft.user, draft.user_group) = global::account(statement, reporter);
                continue;
            }
            "init_fail" => {
                draft.init_fail = values::switch(statement, reporter);
                continue;
            }
            "weight" => {
                draft.weight = weight(statement, statement.values(), reporter).or(draft.weight);
                continue;
            }
            "rise" => &mut draft.rise,
            _ => &mut draft.fall,
        };
        if let Some(number) = values::number(statement, reporter) {
            *field = Some(number);
        }
    }
    Some(draft)
}

/// `N [reverse]` after `weight`, in a block or on a line.
pub(super) fn weight(node: &Node, words: &[Word], reporter: &mut Reporter) -> Option<At<i64>> {
    let Some((number, rest)) = words.split_first() else {
        reporter.error(Diagnostic::at(node.span(), "`weight` needs a value"));
        return None;
    };
    match rest.first() {
        Some(word) if word.text == "reverse" => {
            reporter.error(Diagnostic::at(&word.span, "`reverse` is not supported yet"));
        }
        Some(word) => {
            let quoted = reporter.quote(&word.span);
            reporter.ignored(Diagnostic::at(
                &word.span,
                format!("`{quoted}` means nothing after a weight"),
            ));
        }
        None => {}
    }
    values::parse_number(number, reporter)
}
