//! `~SEQ`, `~SEQx` and `~LST`: a line read again and again, each time with other values.

use super::super::super::diag::{Diagnostic, Reporter};
use super::line::Line;

/// The rest of a line, and the values it is read with.
pub(super) struct Repeat {
    names: Vec<String>,
    values: Values,
    /// What is read each time.
    text: Line,
}

enum Values {
    Range { next: i128, step: i128, last: i128, hex: bool, head: Line },
    List(std::vec::IntoIter<Vec<Line>>),
}

impl Repeat {
    /// The next values, by their names, and the line to read with them.
    pub(super) fn next(&mut self) -> Option<(Vec<(String, Line)>, Line)> {
        let values = match &mut self.values {
            Values::Range { next, step, last, hex, head } => {
                if (*step > 0 && *next > *last) || (*step < 0 && *next < *last) {
                    return None;
                }
                let value = if *hex { format!("{:x}", *next) } else { next.to_string() };
                *next += *step;
                vec![Line::instead_of(&head.span(&(0..head.text().len())), &value)]
            }
            Values::List(rows) => rows.next()?,
        };
        Some((self.names.iter().cloned().zip(values).collect(), self.text.clone()))
    }
}

/// Whether a line begins with `~SEQ` or `~LST`.
pub(super) fn is_sequence(text: &str) -> bool {
    text.starts_with("~SEQ") || text.starts_with("~LST")
}

/// The length of the part of a line up to the closing parenthesis.
pub(super) fn head_length(text: &str) -> Option<usize> {
    text.find(')').map(|at| at + 1)
}

/// Reads `head`, the variables in it replaced, for the line `text` that follows it.
pub(super) fn parse(head: &Line, text: Line, reporter: &mut Reporter) -> Option<Repeat> {
    let (kind, start) = match head.text().find('(') {
        Some(open) => (head.text()[..open].trim_end(), open + 1),
        None => (head.text(), head.text().len()),
    };
    let end = head.text().len().saturating_sub(1).max(start);
    let arguments = split(head, start, end);
    let parsed = match kind {
        "~SEQ" => range(head, &arguments, false),
        "~SEQx" => range(head, &arguments, true),
        "~LST" => list(&arguments),
        _ => Err("this is neither ~SEQ, ~SEQx nor ~LST"),
    };
    match parsed {
        Ok((names, values)) => Some(Repeat { names, values, text }),
        Err(problem) => {
            let help = "~SEQ(NAME, first, step, last) ..., or ~LST(NAME, value, value) ...";
            let here = Diagnostic::at(&head.span(&(0..head.text().len())), problem);
            reporter.eased(here.help(help), "this line is ignored");
            None
        }
    }
}

/// Splits at commas that are not in braces.
fn split(line: &Line, start: usize, end: usize) -> Vec<Line> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut begin = start;
    for (at, byte) in line.text().bytes().enumerate().take(end).skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(line.slice(begin..at).trimmed());
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(line.slice(begin..end).trimmed());
    parts
}

fn name(line: &Line) -> Result<String, &'static str> {
    let text = line.text();
    let good = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if good && !text.is_empty() {
        Ok(text.to_owned())
    } else {
        Err("the first argument must be the name of a variable")
    }
}

type Parsed = Result<(Vec<String>, Values), &'static str>;

fn range(head: &Line, arguments: &[Line], hex: bool) -> Parsed {
    let (first, numbers) = arguments.split_first().ok_or("it has no arguments")?;
    let numbers: Vec<i128> = numbers
        .iter()
        .map(|line| number(line.text()))
        .collect::<Option<_>>()
        .ok_or("an argument is no number")?;
    let (start, step, last) = match *numbers.as_slice() {
        [last] => (if last > 0 { 1 } else { -1 }, None, last),
        [start, last] => (start, None, last),
        [start, step, last] => (start, Some(step), last),
        _ => return Err("it takes a name and one to three numbers"),
    };
    let step = step.unwrap_or(if last >= start { 1 } else { -1 });
    if step == 0 || (step > 0 && start > last) || (step < 0 && start < last) {
        return Err("its steps never reach the last number");
    }
    if hex && start.min(last) < 0 {
        return Err("hexadecimal numbers must not be negative");
    }
    Ok((vec![name(first)?], Values::Range { next: start, step, last, hex, head: head.clone() }))
}

/// Decimal, or hexadecimal after `0x`.
fn number(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let value = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(sign * i128::from(value))
}

fn list(arguments: &[Line]) -> Parsed {
    let (first, rows) = arguments.split_first().ok_or("it has no arguments")?;
    if rows.is_empty() {
        return Err("it has no values");
    }
    let tuple = |line: &Line| match line.text().starts_with('{') && line.text().ends_with('}') {
        true => split(line, 1, (line.text().len() - 1).max(1)),
        false => vec![line.clone()],
    };
    let names: Vec<String> = tuple(first).iter().map(name).collect::<Result<_, _>>()?;
    let rows: Vec<Vec<Line>> = rows.iter().map(tuple).collect();
    if rows.iter().any(|row| row.len() != names.len()) {
        return Err("each value must have as many parts as there are names");
    }
    Ok((names, Values::List(rows.into_iter())))
}
