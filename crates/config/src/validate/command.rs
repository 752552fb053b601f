//! Commands: programs, their arguments, and the accounts they run as.

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, Command as Written};
use super::super::keepalived::split_command;
use super::values;
use vrrp_model::Command;

/// What a draft has of one command.
pub(super) struct Draft<'a> {
    /// How messages call it.
    pub what: String,
    pub words: &'a At<Written>,
    pub user: Option<&'a At<String>>,
    pub group: Option<&'a At<String>>,
    pub secure: bool,
}

/// A program without a slash is looked for in the agent's search path when it is run.
pub(super) fn validate(draft: &Draft, reporter: &mut Reporter) -> Command {
    let At { value, span } = draft.words;
    let words = match value {
        Written::Words(words) => words.clone(),
        Written::Line(line) => split_command(line).unwrap_or_else(|problem| {
            reporter.error(Diagnostic::at(span, format!("command: {problem}")));
            Vec::new()
        }),
    };
    let program = words.first().map_or("", String::as_str);
    if program.is_empty() {
        reporter.error(Diagnostic::at(span, format!("{} has an empty command", draft.what)));
    } else if let Some(mark) =
        program.chars().next().filter(|c| "\u{201c}\u{201d}\u{201e}\u{2018}\u{2019}".contains(*c))
    {
        let message = format!("the command begins with `{mark}`, which quotes nothing here");
        reporter.error(Diagnostic::at(span, message).help("write the quotes of the keyboard: \""));
    } else if program.contains('/') && !program.starts_with('/') {
        let message =
            format!("the program `{program}` must be an absolute path, or a name without a slash");
        let help = "commands run in the directory /, without a shell";
        reporter.error(Diagnostic::at(span, message).help(help));
    } else if words.iter().any(|word| word.contains('\0')) {
        reporter.error(Diagnostic::at(span, "a command cannot contain a zero byte"));
    }
    let mut account = |written: Option<&At<String>>, what: &str| {
        if let Some(name) = written {
            values::name(name, what, reporter);
        }
        written.map(|name| name.value.clone())
    };
    let (user, group) = (account(draft.user, "user"), account(draft.group, "user_group"));
    Command { words, user, group, secure: draft.secure }
}
