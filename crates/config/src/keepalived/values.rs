//! Reading one statement: is its keyword known here, and its values.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::At;
use super::super::source::Span;
use super::keywords::{ROOT, Support, Table};
use super::tree::{INSTANCE, Node, Word};

/// The longest time.
pub(super) const DAY: Duration = Duration::from_secs(86_400);
/// The most that keepalived reads of a time that it keeps in microseconds.
pub(super) const MOST_SECONDS: Duration = Duration::from_micros(u32::MAX as u64);
/// In whole seconds.
pub(super) const MOST_WHOLE_SECONDS: i64 = 4294;
/// The numbers that keepalived reads where it has no other limit.
pub(super) const ANY: RangeInclusive<i64> = 0..=u32::MAX as i64;

/// From the one place to the other; the first alone when they come from different lines of a file.
pub(super) fn join(first: &Span, last: &Span) -> Span {
    first.start..if last.end < first.start { first.end } else { last.end }
}

/// Looks a statement's keyword up and reports what will not be read of it; `None` when the keyword
/// is not known here.
pub(super) fn recognise(node: &Node, table: &Table, reporter: &mut Reporter) -> Option<Support> {
    let span = node.span();
    let keyword = reporter.quote(span);
    let support = table.support(node.keyword());
    match support {
        None => {
            let mut message = format!("unknown keyword `{keyword}` in {}", table.block);
            if node.body.is_some() {
                message.push_str(&match table.block == ROOT.block {
                    true => ", whose lines keepalived reads as if they stood there".to_owned(),
                    false => format!(", whose `}}` keepalived takes for that of {}", table.block),
                });
            }
            let diagnostic = Diagnostic::at(span, message);
            let diagnostic = match reporter.is_full() {
                true => diagnostic,
                false => suggest(diagnostic, node.keyword(), table),
            };
            match node.keyword() == INSTANCE {
                true => reporter.error(diagnostic),
                false => reporter.ignored(diagnostic),
            }
        }
        Some(Support::Read) => {}
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

/// The statements of a block; reports a block keyword that has none.
pub(super) fn body<'a>(node: &'a Node, reporter: &mut Reporter) -> &'a [Node] {
    match &node.body {
        Some(body) => body,
        None => {
            let keyword = reporter.quote(node.span());
            let diagnostic =
                Diagnostic::at(node.span(), format!("`{keyword}` needs a block: {{ ... }}"));
            match node.keyword() == INSTANCE {
                true => reporter.error(diagnostic),
                false => reporter.ignored(diagnostic),
            }
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
    reporter: &mut Reporter,
) -> Vec<&'a Node> {
    let mut read: Vec<Option<&Node>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for statement in body(node, reporter) {
        if recognise(statement, table, reporter) != Some(Support::Read) {
            continue;
        }
        let keyword = statement.keyword();
        if blocks.contains(&keyword) {
            read.push(Some(statement));
            continue;
        }
        if statement.body.is_some() {
            let message = format!("`{keyword}` takes no block");
            reporter.eased(Diagnostic::at(statement.span(), message), "its block is left out");
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

/// A whole number in a range. `None` where keepalived ignores what is written: what counts
/// without it counts.
pub(super) fn number(
    node: &Node,
    range: RangeInclusive<i64>,
    reporter: &mut Reporter,
) -> Option<At<i64>> {
    let word = word(node, reporter)?;
    number_of(node.keyword(), word, range, reporter)
}

/// Likewise; `other` counts in the place of what is no such number.
pub(super) fn number_or(
    node: &Node,
    range: RangeInclusive<i64>,
    other: i64,
    reporter: &mut Reporter,
) -> Option<At<i64>> {
    let word = word(node, reporter)?;
    let number = in_range(node.keyword(), word, range, reporter).unwrap_or_else(|problem| {
        reporter.replaced(Diagnostic::at(&word.span, problem), other);
        other
    });
    Some(At::new(number, &word.span))
}

/// A number of `range`, whose nearest end counts in the place of one outside. Numbers that
/// keepalived does not read, those outside `read`, are ignored.
pub(super) fn clamped(
    node: &Node,
    read: RangeInclusive<i64>,
    range: RangeInclusive<i64>,
    reporter: &mut Reporter,
) -> Option<At<i64>> {
    let written = number(node, read, reporter)?;
    let other = written.value.clamp(*range.start(), *range.end());
    if other != written.value {
        let (keyword, least, most) = (node.keyword(), range.start(), range.end());
        let message = format!("`{keyword}` must be {least} to {most}, not {}", written.value);
        reporter.replaced(Diagnostic::at(&written.span, message), other);
    }
    Some(At::new(other, &written.span))
}

/// Whole numbers in a range, at least one; the others are ignored.
pub(super) fn numbers(
    node: &Node,
    range: RangeInclusive<i64>,
    reporter: &mut Reporter,
) -> Vec<At<i64>> {
    if node.values().is_empty() {
        // Reported as for a single one.
        word(node, reporter);
    }
    let keyword = node.keyword();
    let words = node.values().iter();
    words.filter_map(|word| number_of(keyword, word, range.clone(), reporter)).collect()
}

/// The number of a word that nothing can take the place of.
pub(super) fn parse_number(word: &Word, reporter: &mut Reporter) -> Option<At<i64>> {
    match in_range("", word, i64::MIN..=i64::MAX, reporter) {
        Ok(number) => Some(At::new(number, &word.span)),
        Err(problem) => {
            reporter.error(Diagnostic::at(&word.span, problem));
            None
        }
    }
}

/// The number of a word; one that keepalived ignores is `None`. `what` names it.
pub(super) fn number_of(
    what: &str,
    word: &Word,
    range: RangeInclusive<i64>,
    reporter: &mut Reporter,
) -> Option<At<i64>> {
    number_or_leave(what, word, range, "ignored", reporter)
}

/// Likewise; `consequence` is what becomes of the block without it.
pub(super) fn number_or_leave(
    what: &str,
    word: &Word,
    range: RangeInclusive<i64>,
    consequence: &str,
    reporter: &mut Reporter,
) -> Option<At<i64>> {
    match in_range(what, word, range, reporter) {
        Ok(number) => Some(At::new(number, &word.span)),
        Err(problem) => {
            reporter.eased(Diagnostic::at(&word.span, problem), consequence);
            None
        }
    }
}

fn in_range(
    what: &str,
    word: &Word,
    range: RangeInclusive<i64>,
    reporter: &Reporter,
) -> Result<i64, String> {
    match word.text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        Ok(number) => {
            Err(format!("`{what}` must be {} to {}, not {number}", range.start(), range.end()))
        }
        Err(_) => Err(format!("`{}` is not a whole number", reporter.quote(&word.span))),
    }
}

/// Seconds in a range, with decimals down to a microsecond. `None` where keepalived ignores what is
/// written.
pub(super) fn seconds(
    node: &Node,
    range: RangeInclusive<Duration>,
    reporter: &mut Reporter,
) -> Option<At<Duration>> {
    let word = word(node, reporter)?;
    let parsed = parse_seconds(&word.text).filter(|value| range.contains(value));
    let Some(parsed) = parsed else {
        let quoted = reporter.quote(&word.span);
        let (least, most) = (range.start().as_secs_f64(), range.end().min(&DAY).as_secs_f64());
        let message = format!("`{quoted}` is not a number of seconds from {least} to {most}");
        reporter.ignored(Diagnostic::at(&word.span, message));
        return None;
    };
    Some(at_most_a_day(At::new(parsed, &word.span), reporter))
}

/// Whole seconds.
pub(super) fn whole_seconds(
    node: &Node,
    range: RangeInclusive<i64>,
    reporter: &mut Reporter,
) -> Option<At<Duration>> {
    let number = number(node, range, reporter)?;
    let value = Duration::from_secs(u64::try_from(number.value).unwrap_or(0));
    Some(at_most_a_day(At::new(value, &number.span), reporter))
}

/// keepalived waits as long as it is told.
fn at_most_a_day(written: At<Duration>, reporter: &mut Reporter) -> At<Duration> {
    if written.value <= DAY {
        return written;
    }
    let message = "a time is at most a day (86400)";
    reporter.replaced(Diagnostic::at(&written.span, message), "a day");
    At::new(DAY, &written.span)
}

/// More decimals than six are rounded.
fn parse_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let seconds = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let kept: u64 = format!("{fraction:0<7}").get(..7)?.parse().ok()?;
    Duration::from_secs(seconds).checked_add(Duration::from_micros((kept + 5) / 10))
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
            reporter.ignored(Diagnostic::at(&word.span, message));
            false
        }
    }
}

/// Of blocks with the same name the first counts.
pub(super) fn keep_first<T>(
    blocks: &mut Vec<T>,
    name: impl Fn(&T) -> &At<String>,
    what: &str,
    reporter: &mut Reporter,
) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    blocks.retain(|block| {
        let At { value, span } = name(block);
        let Some(first) = seen.get(value) else {
            seen.insert(value.clone(), span.clone());
            return true;
        };
        let message =
            format!("the {what} `{value}` is defined twice, the first one counts: this one");
        reporter.ignored(Diagnostic::at(span, message).related(first, "the first one"));
        false
    });
}
