//! Tracked scripts.

use super::super::diag::Reporter;
use super::super::draft::ScriptDraft;
use super::{command, values};
use vrrp_model::Script;

pub(super) fn validate(draft: &ScriptDraft, secure: bool, reporter: &mut Reporter) -> Script {
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
    }
}
