//! Reading one statement: is its keyword known here, and its values.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::At;
use super::super::source::Span;
use super::keywords::{Support, Table};
use super::tree::{Node, Word};

/// From the one place to the other; the first alone when they come from different lines of a file.
pub(super) fn join(first: &Span, last: &Span) -> Span {
    first.start..if last.end < first.start { first.end } else { last.end }
}

/// Looks a statement's keyword up and reports what will not be read of it; `None` when the keyword
/// is not known here.
pub(super) fn recognise(
    node: &Node,
    table: &Table,
    mail: &mut Vec<Span>,
    reporter: &mut Reporter,
) -> Option<Support> {
    let span = node.span();
    let keyword = reporter.quote(span);
    let support = table.support(node.keyword());
    match support {
        None => {
            let diagnostic =
                Diagnostic::at(span, format!("unknown keyword `{keyword}` in {}", table.block));
            let diagnostic = match reporter.is_full() {
                true => diagnostic,
                false => suggest(diagnostic, node.keyword(), table),
            };
            reporter.ignored(diagnostic);
        }
        Some(Support::Read) => {}
        Some(Support::Mail) => mail.push(span.clone()),
        Some(Support::Harmless(why)) => {
            reporter.warning(Diagnostic::at(span, format!("`{keyword}` has no effect: {why}")))
        }
        Some(Support::Differs(why)) => {
            reporter.ignored(Diagnostic::at(span, format!("`{keyword}`: {why}")));
        }
        Some(Support::Dangerous(why)) => {
            reporter.error(Diagnostic::at(span, format!("`{keyword}`: {why}")));
        }
    }
    support
}

fn suggest(diagnostic: Diagnostic, keyword: &str, table: &Table) -> Diagnostic {
    match (table.suggest(keyword), Table::belongs_to(keyword)) {
        (Some(near), _) => diagnostic.suggest(Some(near)),
        (None, Some(block)) => {
            diagnostic.help(format!("it belongs in {block}: is a brace missing or left over?"))
        }
        (None, None) => diagnostic,
    }
}

/// One warning for all keywords of mail alerting, at the first.
pub(super) fn summarise_mail(mail: &[Span], reporter: &mut Reporter) {
    let Some(first) = mail.first() else { return };
    let mut names: Vec<&str> = mail.iter().map(|span| reporter.quote(span)).collect();
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(*name));
    let message = format!(
        "mail alerts are not sent: {} {} no effect",
        names.join(", "),
        if names.len() == 1 { "has" } else { "have" }
    );
    reporter.warning(
        Diagnostic::at(first, message)
            .help("alert on the agent's Prometheus metrics, with Alertmanager for the mail"),
    );
}

/// The statements of a block; reports a block keyword that has none.
pub(super) fn body<'a>(node: &'a Node, reporter: &mut Reporter) -> &'a [Node] {
    match &node.body {
        Some(body) => body,
        None => {
            let keyword = reporter.quote(node.span());
            reporter.error(Diagnostic::at(
                node.span(),
                format!("`{keyword}` needs a block: {{ ... }}"),
            ));
            &[]
        }
    }
}

/// The statements of a block, each keyword looked up: those that are read here.
///
/// `blocks` are the keywords that take a block. Another one that is given twice is reported; the
/// last counts.
pub(super) fn statements<'a>(
    node: &'a Node,
    table: &Table,
    blocks: &[&str],
    mail: &mut Vec<Span>,
    reporter: &mut Reporter,
) -> Vec<&'a Node> {
    let mut read: Vec<Option<&Node>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for statement in body(node, reporter) {
        if recognise(statement, table, mail, reporter) != Some(Support::Read) {
            continue;
        }
        let keyword = statement.keyword();
        if blocks.contains(&keyword) {
            read.push(Some(statement));
            continue;
        }
        if statement.body.is_some() {
            let message = format!("`{keyword}` takes no block");
            reporter.error(Diagnostic::at(statement.span(), message));
        }
        let earlier = places.insert(keyword, read.len());
        if let Some(earlier) = earlier.and_then(|at| read[at].take()) {
            let message = format!("`{keyword}` is given twice, the last one counts: this one");
            let diagnostic = Diagnostic::at(earlier.span(), message);
            reporter.ignored(diagnostic.related(statement.span(), "the last one"));
        }
        read.push(Some(statement));
    }
    read.into_iter().flatten().collect()
}

/// The name after a block's keyword.
pub(super) fn block_name(node: &Node, reporter: &mut Reporter) -> Option<At<String>> {
    let name = text(node, reporter);
    if name.is_none() && node.body.is_none() {
        body(node, reporter);
    }
    name
}

/// The only value of a statement; more than one is reported.
pub(super) fn word<'a>(node: &'a Node, reporter: &mut Reporter) -> Option<&'a Word> {
    let (first, rest) = match node.values() {
        [] => {
            let keyword = reporter.quote(node.span());
            reporter.error(Diagnostic::at(node.span(), format!("`{keyword}` needs a value")));
            return None;
        }
        [first, rest @ ..] => (first, rest),
    };
    if let (Some(extra), Some(last)) = (rest.first(), rest.last()) {
        let span = join(&extra.span, &last.span);
        let keyword = reporter.quote(node.span());
        reporter.ignored(
            Diagnostic::at(&span, format!("`{keyword}` takes one value: what follows it"))
                .help("one statement a line"),
        );
    }
    Some(first)
}

pub(super) fn text(node: &Node, reporter: &mut Reporter) -> Option<At<String>> {
    word(node, reporter).map(|word| At::new(word.text.clone(), &word.span))
}

/// A whole number.
pub(super) fn number(node: &Node, reporter: &mut Reporter) -> Option<At<i64>> {
    let word = word(node, reporter)?;
    parse_number(word, reporter)
}

/// Whole numbers, at least one.
pub(super) fn numbers(node: &Node, reporter: &mut Reporter) -> Vec<At<i64>> {
    if node.values().is_empty() {
        // Reported as for a single one.
        word(node, reporter);
    }
    node.values().iter().filter_map(|word| parse_number(word, reporter)).collect()
}

pub(super) fn parse_number(word: &Word, reporter: &mut Reporter) -> Option<At<i64>> {
    match word.text.parse() {
        Ok(number) => Some(At::new(number, &word.span)),
        Err(_) => {
            let message = format!("`{}` is not a whole number", reporter.quote(&word.span));
            reporter.error(Diagnostic::at(&word.span, message));
            None
        }
    }
}

/// Seconds, with decimals down to a microsecond, at most `most`.
pub(super) fn seconds(node: &Node, most: u64, reporter: &mut Reporter) -> Option<At<Duration>> {
    let word = word(node, reporter)?;
    let parsed = parse_seconds(&word.text).filter(|value| *value <= Duration::from_secs(most));
    if parsed.is_none() {
        let quoted = reporter.quote(&word.span);
        reporter.error(Diagnostic::at(
            &word.span,
            format!("`{quoted}` is not a number of seconds from 0 to {most}"),
        ));
    }
    parsed.map(|value| At::new(value, &word.span))
}

fn parse_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole)
        || !digits(fraction)
        || fraction.len() > 6
        || (whole.is_empty() && fraction.is_empty())
    {
        return None;
    }
    let seconds = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let micros: u64 = format!("{fraction:0<6}").parse().ok()?;
    Some(Duration::from_secs(seconds) + Duration::from_micros(micros))
}

/// A switch: a bare keyword means on.
pub(super) fn switch(node: &Node, reporter: &mut Reporter) -> bool {
    if node.values().is_empty() {
        return true;
    }
    let Some(word) = word(node, reporter) else {
        return true;
    };
    match word.text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" => true,
        "off" | "false" | "no" => false,
        _ => {
            let message = format!("`{}` must be on or off", reporter.quote(&word.span));
            reporter.error(Diagnostic::at(&word.span, message));
            false
        }
    }
}
