//! Tracked scripts.

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, Command, ScriptDraft};
use super::super::keepalived::split_command;
use super::values;
use vrrp_model::Script;

pub(super) fn validate(draft: &ScriptDraft, reporter: &mut Reporter) -> Script {
    values::name(&draft.name, "a script's name", reporter);
    let command = command(draft, reporter);
    values::number_or(draft.weight.as_ref(), 0, "weight", -253..=253_i16, reporter);
    let interval =
        values::duration(draft.interval.as_ref(), "interval", Script::INTERVAL, reporter);
    let timeout = values::duration(draft.timeout.as_ref(), "timeout", interval, reporter);
    if let Some(user) = &draft.user {
        values::name(user, "user", reporter);
    }
    Script {
        name: draft.name.value.clone(),
        command,
        interval,
        timeout,
        rise: values::number_or(draft.rise.as_ref(), 1, "rise", 1..=u32::MAX, reporter),
        fall: values::number_or(draft.fall.as_ref(), 1, "fall", 1..=u32::MAX, reporter),
        user: draft.user.as_ref().map(|user| user.value.clone()),
        init_fail: draft.init_fail,
    }
}

/// The program must be named by its full path: there is no shell and no search path.
fn command(draft: &ScriptDraft, reporter: &mut Reporter) -> Vec<String> {
    let At { value, span } = &draft.command;
    let command = match value {
        Command::Words(words) => words.clone(),
        Command::Line(line) => split_command(line).unwrap_or_else(|problem| {
            reporter.error(Diagnostic::at(span, format!("command: {problem}")));
            Vec::new()
        }),
    };
    match command.first() {
        None => reporter.error(Diagnostic::at(
            span,
            format!("script `{}` has an empty command", draft.name.value),
        )),
        Some(program) if !program.starts_with('/') => {
            let message = format!("the program `{program}` must be an absolute path");
            reporter.error(
                Diagnostic::at(span, message)
                    .help("scripts run without a shell and without a search path"),
            );
        }
        Some(_) if command.iter().any(|word| word.contains('\0')) => {
            reporter.error(Diagnostic::at(span, "a command cannot contain a zero byte"));
        }
        Some(_) => {}
    }
    command
}
