//! Commands as keepalived writes them: of tracked scripts, notify scripts and checks.

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::{At, Command};
use super::lexer::split_command;
use super::tree::{Node, Word};
use super::values;

/// The first value of a statement. keepalived ignores further ones without a word.
pub(super) fn only(node: &Node, reporter: &mut Reporter) -> Option<At<Command>> {
    let words = node.values();
    let Some((first, rest)) = words.split_first() else {
        // Reports the missing value.
        values::word(node, reporter);
        return None;
    };
    if let (Some(next), Some(last)) = (rest.first(), rest.last()) {
        let span = values::join(&next.span, &last.span);
        let message = "as in keepalived, the first word is the whole command: these words";
        let help = "quote a command that has arguments: \"/usr/bin/test -f /run/flag\"";
        reporter.ignored(Diagnostic::at(&span, message).help(help));
    }
    Some(line(first, reporter))
}

/// A command line in one value. keepalived gives one that begins with `<` to the shell, which opens
/// the file and runs nothing.
pub(super) fn line(word: &Word, reporter: &mut Reporter) -> At<Command> {
    let text = word.text.trim();
    let words = match text.starts_with('<') {
        true => ["/bin/sh", "-c", text].map(str::to_owned).to_vec(),
        false => split_command(text).unwrap_or_else(|problem| {
            reporter.error(Diagnostic::at(&word.span, format!("the command: {problem}")));
            Vec::new()
        }),
    };
    At::new(Command::Words(words), &word.span)
}

/// The user and the group that a command runs as; `None`: the agent's own, the user's own.
#[derive(Default, Clone)]
pub(super) struct Account {
    pub user: Option<At<String>>,
    pub group: Option<At<String>>,
}

impl Account {
    /// `USER [GROUP]`, where both are values; more than that is reported.
    pub(super) fn of(words: &[Word], reporter: &mut Reporter) -> Self {
        if let Some(rest) = words.get(2) {
            let help = "quote a command that has arguments";
            let message = "a user and a group follow the command, nothing more: this";
            reporter.ignored(Diagnostic::at(&rest.span, message).help(help));
        }
        let text = |word: &Word| At::new(word.text.clone(), &word.span);
        Self { user: words.first().map(text), group: words.get(1).map(text) }
    }
}

/// `COMMAND [USER [GROUP]]` behind a keyword; without a user `default` counts.
pub(super) fn with_account(
    node: &Node,
    default: &Account,
    reporter: &mut Reporter,
) -> Option<(At<Command>, Account)> {
    let Some((first, words)) = node.values().split_first() else {
        // Reports the missing value.
        values::word(node, reporter);
        return None;
    };
    let account = match words {
        [] => default.clone(),
        words => Account::of(words, reporter),
    };
    Some((line(first, reporter), account))
}
