//! Tracked scripts.

use super::super::diag::Reporter;
use super::super::draft::{RecoverDraft, ScriptDraft};
use super::{command, values};
use vrrp_model::{Recover, Script};

/// All scripts, and the indices of those with a mistake, which are to be taken out.
pub(super) fn validate_all(
    drafts: &[ScriptDraft],
    secure: bool,
    reporter: &mut Reporter,
) -> (Vec<Script>, Vec<usize>) {
    let (mut scripts, mut wrong) = (Vec::new(), Vec::new());
    for (index, draft) in drafts.iter().enumerate() {
        let read = |reporter: &mut Reporter| scripts.push(validate(draft, secure, reporter));
        if reporter.part(ScriptDraft::NOT_TRACKED, read).is_none() {
            wrong.push(index);
        }
    }
    (scripts, wrong)
}

fn validate(draft: &ScriptDraft, secure: bool, reporter: &mut Reporter) -> Script {
    values::name(&draft.name, "a script's name", reporter);
    let command = command::Draft {
        what: format!("script `{}`", draft.name.value),
        words: &draft.command,
        user: draft.user.as_ref(),
        group: draft.user_group.as_ref(),
        secure,
    };
    let command = command::validate(&command, reporter);
    values::number_or(draft.weight.as_ref(), 0, "weight", -253..=253_i16, reporter);
    let interval =
        values::duration(draft.interval.as_ref(), "interval", Script::INTERVAL, reporter);
    let timeout = values::duration(draft.timeout.as_ref(), "timeout", interval, reporter);
    Script {
        name: draft.name.value.clone(),
        command,
        interval,
        timeout,
        rise: values::number_or(draft.rise.as_ref(), 1, "rise", 1..=u32::MAX, reporter),
        fall: values::number_or(draft.fall.as_ref(), 1, "fall", 1..=u32::MAX, reporter),
        init_fail: draft.init_fail,
        recover: draft.recover.as_ref().map(|written| recover(written, draft, secure, reporter)),
    }
}

fn recover(
    written: &RecoverDraft,
    script: &ScriptDraft,
    secure: bool,
    reporter: &mut Reporter,
) -> Recover {
    let RecoverDraft { command, attempts, timeout } = written;
    let command = command::Draft {
        what: format!("`recover` of script `{}`", script.name.value),
        words: command,
        user: script.user.as_ref(),
        group: script.user_group.as_ref(),
        secure,
    };
    let (attempts, default) = (attempts.as_ref(), Recover::ATTEMPTS);
    Recover {
        command: command::validate(&command, reporter),
        attempts: values::number_or(attempts, default, "attempts", 1..=u32::MAX, reporter),
        timeout: values::duration(timeout.as_ref(), "timeout", Recover::TIMEOUT, reporter),
    }
}
