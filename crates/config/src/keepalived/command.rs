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
