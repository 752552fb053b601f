//! File names with wildcards and with alternatives in braces.

use std::path::{Path, PathBuf};

use super::Files;

/// The most files that one include may name.
const MOST: usize = 1000;

/// The names that a pattern matches.
pub(super) struct Found {
    found: Vec<PathBuf>,
    /// The alternatives that match nothing.
    pub unmatched: Vec<Unmatched>,
    /// Whether there were alternatives.
    pub braces: bool,
}

pub(super) struct Unmatched {
    pub pattern: String,
    pub wildcard: bool,
}

impl Found {
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.found.iter().map(PathBuf::as_path)
    }
}

/// The files that `pattern` matches, seen from `directory`: alternatives in their order, the names
/// of each sorted.
pub(super) fn expand(pattern: &str, directory: &Path, files: &dyn Files) -> Found {
    let alternatives = alternatives(pattern);
    let mut found =
        Found { found: Vec::new(), unmatched: Vec::new(), braces: alternatives.len() > 1 };
    for alternative in alternatives {
        let wildcard = alternative.contains(['*', '?', '[']);
        let paths = match wildcard {
            true => glob(&alternative, directory, files),
            false => existing(directory.join(&alternative), files).into_iter().collect(),
        };
        if paths.is_empty() {
            found.unmatched.push(Unmatched { pattern: alternative, wildcard });
        }
        found.found.extend(paths);
        found.found.truncate(MOST);
    }
    found
}

fn existing(path: PathBuf, files: &dyn Files) -> Option<PathBuf> {
    files.exists(&path).then_some(path)
}

/// `a{b,c{d,e}}` to `ab`, `acd`, `ace`. A brace without its other half is literal.
fn alternatives(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(text) = open.pop() {
        let parts = if done.len() + open.len() < MOST { outermost(&text) } else { None };
        match parts {
            None => done.push(text),
            // The first alternative is taken up next.
            Some((before, inside, after)) => {
                open.extend(inside.into_iter().rev().map(|part| format!("{before}{part}{after}")));
            }
        }
    }
    done.truncate(MOST);
    done
}

/// The text before the first pair of braces, the alternatives in it, and the text behind.
fn outermost(text: &str) -> Option<(&str, Vec<&str>, &str)> {
    let open = text.find('{')?;
    let mut depth = 0_usize;
    let mut begin = open + 1;
    let mut parts = Vec::new();
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            parts.push(&text[begin..at]);
            return Some((&text[..open], parts, &text[at + 1..]));
        }
        if c == ',' && depth == 1 {
            parts.push(&text[begin..at]);
            begin = at + 1;
        }
    }
    None
}

/// Goes down the pattern's components, each with the names that match it.
fn glob(pattern: &str, directory: &Path, files: &dyn Files) -> Vec<PathBuf> {
    let mut places =
        vec![if pattern.starts_with('/') { PathBuf::from("/") } else { directory.to_owned() }];
    let components: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    for (depth, component) in components.iter().enumerate() {
        let last = depth + 1 == components.len();
        let mut next = Vec::new();
        for place in &places {
            if !component.contains(['*', '?', '[']) {
                let path = place.join(component);
                next.extend(if last { existing(path, files) } else { Some(path) });
                continue;
            }
            let mut names = files.list(place);
            names.retain(|name| {
                (component.starts_with('.') || !name.starts_with('.')) && matches(component, name)
            });
            names.sort_unstable();
            next.extend(names.into_iter().map(|name| place.join(name)));
            if next.len() > MOST {
                break;
            }
        }
        next.truncate(MOST);
        places = next;
    }
    places
}

/// Whether a name fits a pattern of `*`, `?` and `[...]`: in time of the one length times the
/// other.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // After a star: where the pattern goes on, and how much of the name it takes.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let one = match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some('?') => Some(p + 1),
            Some('[') => class(&pattern[p..], name[n])
                .map_or((name[n] == '[').then_some(p + 1), |(fits, len)| fits.then_some(p + len)),
            Some(c) => (*c == name[n]).then_some(p + 1),
            None => None,
        };
        match (one, &mut star) {
            (Some(next), _) => {
                p = next;
                n += 1;
            }
            (None, Some((after, taken))) => {
                *taken += 1;
                p = *after;
                n = *taken;
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Whether a character is of a class like `[a-z]` or `[!0-9]`, and the class's length; `None` when
/// it is not closed.
fn class(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let start = if negated { 2 } else { 1 };
    let end = start + 1 + pattern.get(start + 1..)?.iter().position(|c| *c == ']')?;
    let mut inside = false;
    let mut at = start;
    while at < end {
        match pattern[at..end] {
            [low, '-', high, ..] => {
                inside |= (low..=high).contains(&c);
                at += 3;
            }
            _ => {
                inside |= pattern[at] == c;
                at += 1;
            }
        }
    }
    Some((inside != negated, end + 1))
}
