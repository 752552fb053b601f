//! The lines of a configuration as its blocks see them: files put in place of includes, conditions
//! decided, variables replaced, sequences written out. Each word remembers where it was written.

mod define;
mod line;
mod predefined;
mod sequence;

use std::rc::Rc;

use super::super::Surroundings;
use super::super::diag::{Diagnostic, Reporter};
use super::super::include::DEEPEST;
use super::super::source::{Source, Span};
use define::{Definition, Definitions, Expanded};
use predefined::Predefined;
use sequence::Repeat;

pub(super) use line::{Line, is_blank};

/// Files, variables of several lines and sequences that are open at a time.
const MOST_OPEN: usize = 64;
/// What a line may be replaced by in turn: conditions that come from variables.
const MOST_TURNS: usize = 32;
/// Lines and variables that a configuration may come to, as bytes.
const BUDGET: usize = 32 * 1024 * 1024;
/// keepalived's own buffer: it skips a line that is longer.
const LONGEST: usize = 1022;

/// Where the next lines come from.
enum Open {
    File { file: usize, at: usize },
    Lines { lines: Rc<[Line]>, next: usize },
    Repeat(Box<Repeat>),
}

/// Yields the lines one by one.
pub(super) struct Lines<'a> {
    source: &'a Source,
    surroundings: &'a Surroundings,
    predefined: Predefined<'a>,
    definitions: Definitions,
    open: Vec<Open>,
    budget: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(source: &'a Source, surroundings: &'a Surroundings) -> Self {
        let mut predefined = Predefined::new(surroundings);
        predefined.enter(source.name());
        Self {
            source,
            surroundings,
            predefined,
            definitions: Definitions::default(),
            open: vec![Open::File { file: 0, at: source.file_range(0).start }],
            budget: BUDGET,
        }
    }

    /// The next line that is for the blocks; `None` at the end, or after an error that ends the
    /// reading.
    pub(super) fn next(&mut self, reporter: &mut Reporter) -> Option<Line> {
        loop {
            let line = self.raw(reporter)?;
            if let Some(line) = self.decide(line, reporter)? {
                return Some(line);
            }
        }
    }

    /// The next line from wherever it comes, without comment.
    fn raw(&mut self, reporter: &mut Reporter) -> Option<Line> {
        loop {
            let line = match self.open.last_mut()? {
                Open::File { file, at } => next_line(self.source, *file, at, reporter),
                Open::Lines { lines, next } => {
                    *next += 1;
                    lines.get(*next - 1).cloned()
                }
                Open::Repeat(repeat) => repeat.next().map(|(values, line)| {
                    for (name, value) in values {
                        self.definitions.set(&name, Definition::Text(value));
                    }
                    line
                }),
            };
            let Some(line) = line else {
                self.close();
                continue;
            };
            let cost = line.text().len() + 16;
            if self.budget <= cost {
                let message = format!("this configuration comes to more than {} MiB", BUDGET >> 20);
                let help = "sequences, variables or includes multiply its lines";
                reporter.error(Diagnostic::at(&whole(&line), message).help(help));
                return None;
            }
            self.budget -= cost;
            return Some(line);
        }
    }

    /// Leaves what has no more lines.
    fn close(&mut self) {
        self.open.pop();
        let file = self.open.iter().rev().find_map(|open| match open {
            Open::File { file, .. } => Some(*file),
            _ => None,
        });
        if let Some(file) = file {
            self.predefined.enter(self.source.name_of(file));
        }
    }

    /// Opens something that lines come from.
    fn enter(&mut self, open: Open, span: &Span, reporter: &mut Reporter) -> Option<()> {
        if self.open.len() >= MOST_OPEN {
            let message =
                format!("more than {MOST_OPEN} files, sequences and variables within one another");
            reporter.error(Diagnostic::at(span, message).help("does a variable name itself?"));
            return None;
        }
        self.open.push(open);
        Some(())
    }

    /// What becomes of a line: `Some(None)` when nothing is left of it for the blocks, `None` when
    /// the reading ends.
    fn decide(&mut self, line: Line, reporter: &mut Reporter) -> Option<Option<Line>> {
        let mut line = line.trimmed();
        for _ in 0..MOST_TURNS {
            if line.text().is_empty() {
                return Some(None);
            }
            if line.text().starts_with('@') {
                match self.condition(&line, reporter) {
                    Some(rest) => line = rest,
                    None => return Some(None),
                }
                continue;
            }
            if define::definition(line.text()).is_some() {
                self.define(&line, reporter)?;
                return Some(None);
            }
            if sequence::is_sequence(line.text()) {
                self.repeat(&line, reporter)?;
                return Some(None);
            }
            // Found by its place in the text: no variable makes an include.
            if line.text().starts_with("include") && self.include(&line, reporter)? {
                return Some(None);
            }
            let place = whole(&line);
            let expanded =
                self.definitions.expand(line, &mut self.predefined, &mut self.budget, reporter)?;
            let Expanded { line: text, changed, lines } = expanded;
            if let Some(lines) = lines {
                self.enter(Open::Lines { lines, next: 0 }, &place, reporter)?;
            }
            line = text.trimmed();
            if !changed || !line.text().starts_with(['@', '$', '~']) {
                return Some(Some(line).filter(|line| !line.text().is_empty()));
            }
        }
        reporter.error(Diagnostic::at(
            &whole(&line),
            "this line is replaced by another again and again",
        ));
        None
    }

    /// `@id rest` or `@^id rest`: the rest, when it is for this host.
    fn condition(&self, line: &Line, reporter: &mut Reporter) -> Option<Line> {
        let text = line.text();
        let Some(blank) = text.find(is_blank) else {
            reporter.ignored(
                Diagnostic::at(&whole(line), "a condition without anything after it")
                    .help("@ID statement"),
            );
            return None;
        };
        let id = &text[1..blank];
        let holds = match id.strip_prefix('^') {
            Some(id) => id != self.surroundings.config_id(),
            None => id == self.surroundings.config_id(),
        };
        holds.then(|| line.slice(blank..text.len()).trimmed())
    }

    /// `$NAME=value`, on several lines where they end in a backslash.
    fn define(&mut self, line: &Line, reporter: &mut Reporter) -> Option<()> {
        let Some((name, start)) = define::definition(line.text()) else { return Some(()) };
        let mut value = line.slice(start..line.text().len()).trimmed();
        value.continues = line.continues;
        let Some(first) = continued(&value, reporter) else {
            self.definitions.set(name, Definition::Text(value));
            return Some(());
        };
        let mut lines = vec![first];
        let here = self.open.len();
        // An empty line ends it too, and so does the end of the enclosing definition.
        while self.open.len() == here
            && let Some(next) = self.raw(reporter)
        {
            let next = next.trimmed();
            match continued(&next, reporter) {
                Some(part) => lines.push(part),
                None => {
                    lines.push(next);
                    break;
                }
            }
        }
        lines.retain(|line| !line.text().is_empty());
        self.definitions.set(name, Definition::Lines(lines.into()));
        Some(())
    }

    /// `~SEQ(...) rest`
    fn repeat(&mut self, line: &Line, reporter: &mut Reporter) -> Option<()> {
        let Some(end) = sequence::head_length(line.text()) else {
            let message = "the parenthesis of this sequence is not closed";
            reporter.eased(Diagnostic::at(&whole(line), message), "this line is ignored");
            return Some(());
        };
        let head = line.slice(0..end);
        let head =
            self.definitions.expand(head, &mut self.predefined, &mut self.budget, reporter)?.line;
        let text = line.slice(end..line.text().len()).trimmed();
        match sequence::parse(&head, text, reporter) {
            Some(repeat) => self.enter(Open::Repeat(Box::new(repeat)), &whole(line), reporter),
            None => Some(()),
        }
    }

    /// Whether the line is an include; its files are read next.
    fn include(&mut self, line: &Line, reporter: &mut Reporter) -> Option<bool> {
        let place = whole(line);
        let keyword = line.text().split(is_blank).next().unwrap_or_default();
        if keyword == "include_check" {
            return Some(true);
        }
        let Some(include) = self.source.include_at(place.start) else {
            if matches!(
                keyword,
                "include" | "includer" | "includem" | "includew" | "includeb" | "includea"
            ) {
                let message =
                    "an include must be written as it is: no variable makes one, and no sequence";
                reporter.ignored(Diagnostic::at(&place, message));
                return Some(true);
            }
            return Some(false);
        };
        if let Some(problem) = &include.problem {
            let diagnostic = Diagnostic::at(&include.span, problem.message.as_str());
            if problem.silent {
                reporter.ignored(
                    diagnostic.help(
                        "keepalived says nothing of it; `includer` makes it an error there too",
                    ),
                );
            } else {
                reporter.error(diagnostic);
            }
        }
        let files_open = self.open.iter().filter(|open| matches!(open, Open::File { .. })).count();
        if files_open + include.files.len().min(1) > DEEPEST {
            reporter.error(Diagnostic::at(
                &include.span,
                format!("files include one another deeper than {DEEPEST}"),
            ));
            return None;
        }
        for file in include.files.iter().rev() {
            self.open.push(Open::File { file: *file, at: self.source.file_range(*file).start });
        }
        if let Some(first) = include.files.first() {
            self.predefined.enter(self.source.name_of(*first));
        }
        Some(true)
    }
}

fn whole(line: &Line) -> Span {
    line.span(&(0..line.text().len()))
}

/// The line without the backslash it ends in, if it does; one at the end of its comment counts too,
/// as in keepalived 2.2.7.
fn continued(line: &Line, reporter: &mut Reporter) -> Option<Line> {
    if let Some(at) = line.continues {
        let message = "the definition goes on after this comment, as in keepalived 2.2; in keepalived 2.4 it ends here";
        reporter.warning(Diagnostic::at(&(at..at + 1), message));
        return Some(line.slice(0..line.text().len()));
    }
    let text = line.text().strip_suffix('\\')?;
    Some(line.slice(0..text.trim_end_matches(is_blank).len()))
}

/// The line of a file at `at`, without its comment.
fn next_line(
    source: &Source,
    file: usize,
    at: &mut usize,
    reporter: &mut Reporter,
) -> Option<Line> {
    let range = source.file_range(file);
    let start = *at;
    let rest = source.text().get(start..range.end)?;
    // Past its end: nothing is left.
    if start > range.start && rest.is_empty() {
        return None;
    }
    let length = rest.find('\n').unwrap_or(rest.len());
    // One past the end after the last line, which is no place in the text.
    *at = start + length + 1;
    let line = &rest[..length];
    if line.len() > LONGEST && !reporter.is_full() {
        let message =
            format!("keepalived skips lines of more than {LONGEST} bytes; here this one counts");
        reporter.warning(Diagnostic::at(&(start..start + 1), message));
    }
    let text =
        if start == range.start { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
    let skipped = line.len() - text.len();
    if skipped > 0 {
        let message = "keepalived takes the byte order mark for a part of the first word, which it then does not know";
        let help = "save the file without it, if keepalived is to read the file too";
        reporter.warning(Diagnostic::at(&(start..start + skipped), message).help(help));
    }
    let comment = comment_start(text);
    let mut kept = Line::verbatim(&text[..comment], start + skipped);
    let cut = text[comment..].trim_end_matches(is_blank);
    kept.continues = cut.ends_with('\\').then(|| start + skipped + comment + cut.len() - 1);
    Some(kept)
}

/// Where the comment of a line begins: at `#` or `!` outside double quotes. Single quotes do not
/// protect them, nor does a backslash, which goes with the comment (seen of keepalived 2.2.7,
/// whatever its manual says).
fn comment_start(line: &str) -> usize {
    if !line.contains(['#', '!']) {
        return line.len();
    }
    let mut quoted = false;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '#' | '!' if !quoted => return at,
            '\\' if !quoted && chars.peek().is_some_and(|(_, next)| matches!(next, '#' | '!')) => {
                return at;
            }
            '\\' => {
                chars.next();
            }
            _ => {}
        }
    }
    line.len()
}
