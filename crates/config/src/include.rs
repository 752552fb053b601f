//! The files a keepalived.conf reads in.
//!
//! An include stands in the text, perhaps behind conditions; its path may have variables. Every
//! file is read once, however often it is included; the reader of the language goes through them
//! line by line.

mod level;
mod pattern;
mod variables;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use super::Surroundings;
use super::source::{Include, Problem, Source, Span};
use level::Level;
use variables::Variables;

/// Files below one another; more is a circle.
pub(super) const DEEPEST: usize = 16;
const MOST_FILES: usize = 1000;
/// Of all files together.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// The machine's files, or a test's.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Whether there is something of this name.
    fn exists(&self, path: &Path) -> bool;

    /// The names in a directory; none when it cannot be read.
    fn list(&self, directory: &Path) -> Vec<String>;
}

/// The main file with all it includes, at any depth.
pub(super) fn gather(
    name: &str,
    bytes: &[u8],
    files: &dyn Files,
    surroundings: &Surroundings,
) -> Source {
    let mut gatherer = Gatherer {
        files,
        variables: Variables::new(surroundings),
        named: vec![(name.to_owned(), String::from_utf8_lossy(bytes).into_owned())],
        start: 0,
        bytes: bytes.len(),
        known: HashMap::from([(PathBuf::from(name), 0)]),
        waiting: VecDeque::from([Waiting { file: 0, depth: 0, level: Level::default() }]),
        includes: Vec::new(),
    };
    // In the order of the texts: what is found in a file is put behind all that is waiting.
    while let Some(next) = gatherer.waiting.pop_front() {
        gatherer.scan(&next);
    }
    Source::of_files(gatherer.named, gatherer.includes)
}

struct Gatherer<'a> {
    files: &'a dyn Files,
    variables: Variables<'a>,
    named: Vec<(String, String)>,
    /// Where the file that is scanned begins in the text of all.
    start: usize,
    bytes: usize,
    known: HashMap<PathBuf, usize>,
    waiting: VecDeque<Waiting>,
    includes: Vec<Include>,
}

struct Waiting {
    file: usize,
    depth: usize,
    level: Level,
}

impl Gatherer<'_> {
    fn scan(&mut self, waiting: &Waiting) {
        let Some((name, text)) = self.named.get(waiting.file).cloned() else { return };
        let directory = Path::new(&name).parent().unwrap_or(Path::new("")).to_owned();
        let mut level = waiting.level;
        let mut at = self.start;
        for line in text.split('\n') {
            let rest = self.variables.behind_conditions(line).unwrap_or_default();
            self.variables.define(rest);
            if let Some((keyword, argument, span)) = statement(rest) {
                let at = at + line.len() - rest.len();
                if keyword == "include_check" {
                    level.change(argument);
                } else if let Some(extra) = Level::of_keyword(keyword) {
                    let span = at + span.start..at + span.end;
                    let include = self.include(
                        argument,
                        &directory,
                        level.with(extra),
                        waiting.depth,
                        span,
                        level,
                    );
                    self.includes.push(include);
                }
            }
            at += line.len() + 1;
        }
        self.start = at;
    }

    fn include(
        &mut self,
        pattern: &str,
        dir: &Path,
        check: Level,
        depth: usize,
        span: Span,
        inherited: Level,
    ) -> Include {
        let mut include = Include { span, files: Vec::new(), problem: None };
        if pattern.is_empty() {
            include.problem = Some(Problem {
                message: "an include needs the path of a file".to_owned(),
                silent: false,
            });
            return include;
        }
        if depth >= DEEPEST {
            let message = format!("files include one another deeper than {DEEPEST}");
            include.problem = Some(Problem { message, silent: false });
            return include;
        }
        let pattern = &self.variables.expand(pattern, &dir.display().to_string());
        let found = pattern::expand(pattern, dir, self.files);
        include.problem = check.complain(pattern, &found);
        for path in found.paths() {
            match self.file(path, depth + 1, inherited) {
                Ok(file) => include.files.push(file),
                // A name that matches nothing has been spoken of.
                Err(Refusal::Unreadable(error))
                    if error.kind() == io::ErrorKind::NotFound && include.problem.is_some() => {}
                Err(Refusal::Unreadable(error)) => {
                    let message = format!("cannot read `{}`: {error}", path.display());
                    include.problem = Some(Problem { message, silent: !check.readable });
                }
                Err(Refusal::TooMuch(message)) => {
                    include.problem = Some(Problem { message, silent: false })
                }
            }
        }
        include
    }

    fn file(&mut self, path: &Path, depth: usize, level: Level) -> Result<usize, Refusal> {
        if let Some(&file) = self.known.get(path) {
            return Ok(file);
        }
        if self.named.len() >= MOST_FILES {
            return Err(Refusal::TooMuch(format!("more than {MOST_FILES} files")));
        }
        let bytes = self.files.read(path).map_err(Refusal::Unreadable)?;
        self.bytes += bytes.len();
        if self.bytes > MOST_BYTES {
            return Err(Refusal::TooMuch(format!(
                "all files together are larger than {} MiB",
                MOST_BYTES >> 20
            )));
        }
        let file = self.named.len();
        self.named.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        self.known.insert(path.to_owned(), file);
        self.waiting.push_back(Waiting { file, depth, level });
        Ok(file)
    }
}

enum Refusal {
    Unreadable(io::Error),
    TooMuch(String),
}

/// A line's keyword and the rest of it without comment and quotes, when the keyword begins with
/// `include`.
fn statement(line: &str) -> Option<(&str, &str, Span)> {
    let trimmed = line.trim_start();
    if !trimmed.starts_with("include") {
        return None;
    }
    let start = line.len() - trimmed.len();
    let words = trimmed.find(['#', '!']).map_or(trimmed, |end| &trimmed[..end]).trim_end();
    let (keyword, argument) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    let argument = argument.trim().trim_end_matches('\\').trim_end();
    let unquoted =
        ['"', '\''].iter().find_map(|quote| argument.strip_prefix(*quote)?.strip_suffix(*quote));
    Some((keyword, unquoted.unwrap_or(argument), start..start + words.len()))
}
