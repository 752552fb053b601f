//! `$NAME=value`, `$NAME`, `${NAME}`.

use std::collections::HashMap;
use std::rc::Rc;

use super::super::super::diag::{Diagnostic, Reporter};
use super::line::{Line, is_blank};
use super::predefined::Predefined;
use vrrp_model::suggest;

/// Variables in the values of variables.
const DEEPEST: usize = 32;

/// From `${` to `}`, in bytes.
const LONGEST_USE: usize = 256;

/// The value of a variable.
#[derive(Clone)]
pub(super) enum Definition {
    Text(Line),
    /// Lines that take the place of the line it is used on.
    Lines(Rc<[Line]>),
}

/// A line with its variables replaced.
pub(super) struct Expanded {
    pub line: Line,
    /// Whether anything was.
    pub changed: bool,
    /// Lines that follow it, of a variable of several lines.
    pub lines: Option<Rc<[Line]>>,
}

#[derive(Default)]
pub(super) struct Definitions {
    named: HashMap<String, Definition>,
}

/// The name and the value's place of a line that defines a variable.
pub(super) fn definition(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix('$')?;
    let end = name_length(rest);
    (end > 0 && rest[end..].starts_with('=')).then(|| (&rest[..end], end + 2))
}

fn name_length(text: &str) -> usize {
    let length = text
        .bytes()
        .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'_')
        .unwrap_or(text.len());
    if text.starts_with(|c: char| c.is_ascii_digit()) { 0 } else { length }
}

/// A use of a variable.
struct Use<'a> {
    name: &'a str,
    /// What follows the name in braces.
    arguments: &'a str,
    /// Bytes from the `$` on.
    length: usize,
}

/// The variable that begins at the `$` that `text` begins with: `$NAME` up to a blank, a comma or a
/// closing parenthesis, or `${NAME ...}`.
fn use_at(text: &str) -> Option<Use<'_>> {
    let rest = text.strip_prefix('$')?;
    if let Some(inside) = rest.strip_prefix('{') {
        let close = inside.bytes().take(LONGEST_USE).position(|byte| byte == b'}')?;
        let end = name_length(&inside[..close]);
        let arguments = &inside[end..close];
        let separated = arguments.is_empty() || arguments.starts_with([' ', '\t']);
        return (end > 0 && separated).then(|| Use {
            name: &inside[..end],
            arguments: arguments.trim(),
            length: close + 3,
        });
    }
    let end = name_length(rest);
    let next = rest[end..].chars().next();
    let closed = next.is_none_or(|next| is_blank(next) || matches!(next, ',' | ')'));
    (end > 0 && closed).then(|| Use { name: &rest[..end], arguments: "", length: end + 1 })
}

impl Definitions {
    pub(super) fn set(&mut self, name: &str, definition: Definition) {
        self.named.insert(name.to_owned(), definition);
    }

    /// Replaces the variables of a line; `budget` counts down with each. An error that ends the
    /// reading is reported and `None`.
    pub(super) fn expand(
        &self,
        line: Line,
        predefined: &mut Predefined,
        budget: &mut usize,
        reporter: &mut Reporter,
    ) -> Option<Expanded> {
        if !line.text().contains('$') {
            return Some(Expanded { line, changed: false, lines: None });
        }
        let mut expansion = Expansion {
            definitions: self,
            predefined,
            budget,
            reporter,
            changed: false,
            lines: None,
        };
        let mut out = Line::default();
        expansion.run(&line, 0, &mut out)?;
        Some(Expanded { line: out, changed: expansion.changed, lines: expansion.lines })
    }
}

struct Expansion<'a, 'b, 'c> {
    definitions: &'a Definitions,
    predefined: &'a mut Predefined<'c>,
    budget: &'a mut usize,
    reporter: &'a mut Reporter<'b>,
    changed: bool,
    lines: Option<Rc<[Line]>>,
}

impl Expansion<'_, '_, '_> {
    /// Appends `line` to `out`, replaced; `None` ends the reading.
    fn run(&mut self, line: &Line, depth: usize, out: &mut Line) -> Option<()> {
        let text = line.text();
        let mut done = 0;
        let mut at = 0;
        while let Some(sign) = text[at..].find('$').map(|found| at + found) {
            let Some(found) = use_at(&text[sign..]) else {
                at = sign + 1;
                continue;
            };
            at = sign + found.length;
            let span = line.span(&(sign..at));
            if !self.pay(out, found.length) {
                self.reporter.error(Diagnostic::at(
                    &span,
                    "the variables of this file stand for more than can be read",
                ));
                return None;
            }
            if let Some(definition) = self.definitions.named.get(found.name) {
                if depth >= DEEPEST {
                    let message = format!(
                        "variables lead to variables deeper than {DEEPEST}: does one name itself?"
                    );
                    self.reporter.error(Diagnostic::at(&span, message));
                    return None;
                }
                out.push(line, done..sign);
                done = at;
                self.changed = true;
                match definition {
                    Definition::Text(value) => self.run(value, depth + 1, out)?,
                    Definition::Lines(lines) => {
                        if !text[at..].trim().is_empty() || self.lines.is_some() {
                            let message =
                                "what follows a variable of several lines on the same line";
                            self.reporter.ignored(Diagnostic::at(
                                &line.span(&(at..text.len().max(at))),
                                message,
                            ));
                        }
                        self.lines.get_or_insert_with(|| Rc::clone(lines));
                        return Some(());
                    }
                }
            } else if let Some(value) =
                self.predefined.value(found.name, found.arguments, &span, self.reporter)
            {
                out.push(line, done..sign);
                done = at;
                self.changed = true;
                out.append(&Line::instead_of(&span, &value));
            } else {
                self.report_undefined(&span, found.name);
            }
        }
        out.push(line, done..text.len());
        Some(())
    }

    /// Counts what a use costs: itself and what is there already, as it may be copied again.
    fn pay(&mut self, out: &Line, length: usize) -> bool {
        let cost = 16 + length + out.text().len() / 16;
        *self.budget = self.budget.saturating_sub(cost);
        *self.budget > 0
    }

    /// keepalived leaves such a word as it is.
    fn report_undefined(&mut self, span: &std::ops::Range<usize>, name: &str) {
        if self.reporter.is_full() {
            return;
        }
        let message = format!(
            "no variable is defined for `{}`: it stays as it is",
            self.reporter.quote(span)
        );
        let near = suggest::nearest(name, self.definitions.named.keys().map(String::as_str));
        let near = near.map(|near| format!("${{{near}}}"));
        self.reporter.warning(Diagnostic::at(span, message).suggest(near.as_deref()));
    }
}
