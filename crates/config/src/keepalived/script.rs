//! `vrrp_script`.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, Command, Draft, ScriptDraft, Time};
use super::command;
use super::global::{self, Globals};
use super::keywords::SCRIPT;
use super::tree::{Node, Word};
use super::values;

/// Of `rise` and `fall`.
const COUNTS: RangeInclusive<i64> = 1..=i32::MAX as i64;
/// Of a weight.
const WEIGHTS: RangeInclusive<i64> = -253..=253;

pub(super) fn read(node: &Node, globals: &Globals, reporter: &mut Reporter) -> Option<ScriptDraft> {
    let name = values::block_name(node, reporter)?;
    let mut draft = ScriptDraft {
        command: At::new(Command::Words(Vec::new()), &name.span),
        interval: None,
        timeout: None,
        weight: None,
        reverse: false,
        recover: None,
        rise: None,
        fall: None,
        user: globals.script_account.user.clone(),
        user_group: globals.script_account.group.clone(),
        init_fail: false,
        name,
    };
    for statement in values::statements(node, &SCRIPT, &[], reporter) {
        let field = match statement.keyword() {
            "script" => {
                draft.command = command::only(statement, reporter).unwrap_or(draft.command);
                continue;
            }
            "interval" => {
                draft.interval = time(statement, reporter).or(draft.interval);
                continue;
            }
            "timeout" => {
                draft.timeout = time(statement, reporter).or(draft.timeout);
                continue;
            }
            "user" => {
                let account = global::account(statement, reporter);
                (draft.user, draft.user_group) = (account.user, account.group);
                continue;
            }
            "init_fail" => {
                draft.init_fail = values::switch(statement, reporter);
                continue;
            }
            "weight" => {
                if let Some(written) = weight(statement, statement.values(), reporter) {
                    (draft.weight, draft.reverse) = (Some(written.value), written.reverse);
                }
                continue;
            }
            "rise" => &mut draft.rise,
            _ => &mut draft.fall,
        };
        *field = values::number_or(statement, COUNTS, 1, reporter);
    }
    Some(draft)
}

/// A weight as it is written.
pub(super) struct Written {
    pub value: At<i64>,
    pub reverse: bool,
}

/// `N [reverse|noreverse]` after `weight`, in a block or on a line.
pub(super) fn weight(node: &Node, words: &[Word], reporter: &mut Reporter) -> Option<Written> {
    let Some((number, rest)) = words.split_first() else {
        reporter.ignored(Diagnostic::at(node.span(), "`weight` needs a value"));
        return None;
    };
    let mut reverse = false;
    match rest.first() {
        Some(word) if matches!(word.text.as_str(), "reverse" | "noreverse") => {
            reverse = word.text == "reverse";
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
    let value = values::number_of("weight", number, WEIGHTS, reporter)?;
    Some(Written { value, reverse })
}

/// keepalived knows a script from its block on: an instance above does not track it.
pub(super) fn drop_late(draft: &mut Draft, nodes: &[Node], reporter: &mut Reporter) {
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    for (place, node) in nodes.iter().enumerate() {
        if let Some(name) = node.values().first() {
            places.entry((node.keyword(), &name.text)).or_insert(place);
        }
    }
    let place = |keyword: &str, name: &str| places.get(&(keyword, name)).copied();
    for router in &mut draft.routers {
        let here = place("vrrp_instance", &router.name.value);
        router.track_scripts.retain(|track| {
            let late = place("vrrp_script", &track.name.value) > here;
            if late {
                let message = format!(
                    "the script `{}` is defined below: keepalived does not know it here, so this line",
                    track.name.value
                );
                let help = "move the script above the instance";
                reporter.ignored(Diagnostic::at(&track.name.span, message).help(help));
            }
            !late
        });
    }
}

/// Whole seconds, at least one.
fn time(node: &Node, reporter: &mut Reporter) -> Option<At<Time>> {
    const MOST: i64 = values::MOST_WHOLE_SECONDS;
    let seconds = values::clamped(node, 0..=MOST, 1..=MOST, reporter)?;
    let value = Duration::from_secs(u64::try_from(seconds.value).unwrap_or(1));
    Some(At::new(value, &seconds.span).into())
}
