//! Variables in the paths of includes, and the conditions before them.
//!
//! Definitions count from their line on, in the order in which files are looked through: those of a
//! file that is read in come after all of the file that names it.

use std::collections::HashMap;

use super::super::Surroundings;

/// Variables in the values of variables.
const DEEPEST: usize = 32;
/// Bytes that a path may come to.
const LONGEST: usize = 4096;

pub(super) struct Variables<'a> {
    surroundings: &'a Surroundings,
    named: HashMap<String, String>,
}

impl<'a> Variables<'a> {
    pub(super) fn new(surroundings: &'a Surroundings) -> Self {
        Self { surroundings, named: HashMap::new() }
    }

    /// The part of a line behind its conditions, if they hold.
    pub(super) fn behind_conditions<'b>(&self, line: &'b str) -> Option<&'b str> {
        let mut rest = line.trim_ascii_start();
        while let Some(condition) = rest.strip_prefix('@') {
            let (id, statement) = condition.split_once([' ', '\t'])?;
            let own = self.surroundings.config_id();
            let holds = id.strip_prefix('^').map_or(id == own, |id| id != own);
            rest = Some(statement.trim_ascii_start()).filter(|_| holds)?;
        }
        Some(rest)
    }

    /// Takes note of `$NAME=value`.
    pub(super) fn define(&mut self, line: &str) {
        let Some((name, value)) = line.strip_prefix('$').and_then(|rest| rest.split_once('='))
        else {
            return;
        };
        if !name.is_empty() && name.bytes().all(is_word) {
            let end = value.find(['#', '!']).unwrap_or(value.len());
            self.named.insert(name.to_owned(), value[..end].trim_ascii().to_owned());
        }
    }

    /// `path` with its variables replaced, for a file in `directory`. What names nothing stays.
    pub(super) fn expand(&self, path: &str, directory: &str) -> String {
        let mut text = path.to_owned();
        for _ in 0..DEEPEST {
            let next = self.replaced(&text, directory);
            if next == text || next.len() > LONGEST {
                break;
            }
            text = next;
        }
        text
    }

    /// Each variable once.
    fn replaced(&self, text: &str, directory: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(sign) = rest.find('$') {
            out.push_str(&rest[..sign]);
            rest = &rest[sign..];
            let used = name_at(rest);
            match used.and_then(|(name, length)| Some((self.value(name, directory)?, length))) {
                Some((value, length)) => {
                    out.push_str(&value);
                    rest = &rest[length..];
                }
                None => {
                    out.push('$');
                    rest = &rest[1..];
                }
            }
        }
        out + rest
    }

    fn value(&self, name: &str, directory: &str) -> Option<String> {
        match name {
            "_PWD" if directory.starts_with('/') => Some(directory.to_owned()),
            "_PWD" => Some(format!("{}/{directory}", self.surroundings.directory)),
            "_INSTANCE" => Some(self.surroundings.config_id().to_owned()),
            _ => self.named.get(name).cloned(),
        }
    }
}

/// The name behind the `$` that `text` begins with, and the length of its use: `${NAME}`, or
/// `$NAME` up to a blank.
fn name_at(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix('$')?;
    if let Some(inside) = rest.strip_prefix('{') {
        let close = inside.find('}')?;
        return Some((&inside[..close], close + 3));
    }
    let length = rest.bytes().take_while(|byte| is_word(*byte)).count();
    let closed = rest[length..].chars().next().is_none_or(|next| next.is_ascii_whitespace());
    closed.then_some((&rest[..length], length + 1))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
