//! `vrrp_script`.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, Command, Draft, ScriptDraft, Time};
use super::global::{self, Globals};
use super::keywords::SCRIPT;
use super::lexer::split_command;
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
        rise: None,
        fall: None,
        user: globals.script_user.clone(),
        init_fail: false,
        name,
    };
    // No mail keyword exists in this block.
    let mut no_mail = Vec::new();
    for statement in values::statements(node, &SCRIPT, &[], &mut no_mail, reporter) {
        let field = match statement.keyword() {
            "script" => {
                draft.command = command(statement, reporter);
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
                draft.user = global::user(statement, reporter);
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
        *field = values::number_or(statement, COUNTS, 1, reporter);
    }
    Some(draft)
}

/// A single quoted value is a command line of its own; several values are the words of one.
fn command(node: &Node, reporter: &mut Reporter) -> At<Command> {
    let words = node.values();
    let span = match (words.first(), words.last()) {
        (Some(first), Some(last)) => values::join(&first.span, &last.span),
        _ => node.span().clone(),
    };
    let command = match words {
        [line] => split_command(&line.text).unwrap_or_else(|problem| {
            reporter.error(Diagnostic::at(&span, format!("the command: {problem}")));
            Vec::new()
        }),
        words => words.iter().map(|word| word.text.clone()).collect(),
    };
    At::new(Command::Words(command), &span)
}

/// `N [reverse]` after `weight`, in a block or on a line.
pub(super) fn weight(node: &Node, words: &[Word], reporter: &mut Reporter) -> Option<At<i64>> {
    let Some((number, rest)) = words.split_first() else {
        reporter.ignored(Diagnostic::at(node.span(), "`weight` needs a value"));
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
    values::number_of("weight", number, WEIGHTS, reporter)
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
