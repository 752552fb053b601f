//! Tracked scripts.

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::ScriptDraft;
use super::values;
use vrrp_model::Script;

pub(super) fn validate(draft: &ScriptDraft, reporter: &mut Reporter) -> Script {
    values::name(&draft.name, "a script's name", reporter);
    check_command(draft, reporter);
    values::number(&draft.weight, "weight", -253..=253_i16, reporter);
    let interval = values::duration(&draft.interval, "interval", reporter);
    let timeout = match &draft.timeout {
        Some(timeout) => values::duration(timeout, "timeout", reporter),
        None => interval,
    };
    if let Some(user) = &draft.user {
        values::name(user, "user", reporter);
    }
    Script {
        name: draft.name.value.clone(),
        command: draft.command.value.clone(),
        interval,
        timeout,
        rise: values::number(&draft.rise, "rise", 1..=u32::MAX, reporter),
        fall: values::number(&draft.fall, "fall", 1..=u32::MAX, reporter),
        user: draft.user.as_ref().map(|user| user.value.clone()),
        init_fail: draft.init_fail,
    }
}

/// The program must be named by its full path: there is no shell and no search path.
fn check_command(draft: &ScriptDraft, reporter: &mut Reporter) {
    let span = &draft.command.span;
    match draft.command.value.first() {
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
        Some(_) if draft.command.value.iter().any(|word| word.contains('\0')) => {
            reporter.error(Diagnostic::at(span, "a command cannot contain a zero byte"));
        }
        Some(_) => {}
    }
}
