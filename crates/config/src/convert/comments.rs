//! The comments of a keepalived.conf, by the block they belong to.
//!
//! Read from the text alone, line by line: comments above a block, on its lines and inside it go to
//! the block; all others to the file. Comments of included files stay behind.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::super::Language;

/// What a comment is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Block {
    File,
    Router(String),
    Group(String),
    Script(String),
    Service(IpAddr, u16),
}

#[derive(Debug, Default)]
pub(super) struct Comments {
    lines: BTreeMap<Block, Vec<String>>,
}

impl Comments {
    /// Comments of our own TOML are not read: such a file needs no conversion.
    pub(super) fn read(text: &str, language: Language) -> Self {
        let mut reader =
            Reader { found: Self::default(), above: Vec::new(), block: Block::File, depth: 0 };
        if language == Language::Keepalived {
            text.lines().for_each(|line| reader.line(line));
            reader.settle(&Block::File);
        }
        reader.found
    }

    pub(super) fn of(&self, block: &Block) -> &[String] {
        self.lines.get(block).map_or(&[], Vec::as_slice)
    }
}

struct Reader {
    found: Comments,
    /// Comment lines outside all blocks, whose owner is not known yet.
    above: Vec<String>,
    /// The block that is open, or was last.
    block: Block,
    depth: usize,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let (code, comment) = split(line);
        let code = code.trim();
        if code.is_empty() {
            match comment {
                Some(comment) if self.depth == 0 => self.above.push(comment),
                Some(comment) => self.keep(comment),
                None if self.depth == 0 => self.settle(&Block::File),
                None => {}
            }
            return;
        }
        if self.depth == 0 && !code.starts_with('{') {
            self.block = block(code);
            self.settle(&self.block.clone());
        }
        if let Some(comment) = comment {
            let keyword = code.split_whitespace().next().unwrap_or_default();
            match keyword.starts_with(['{', '}']) || code.ends_with('{') {
                true => self.keep(comment),
                false => self.keep(format!("{keyword}: {comment}")),
            }
        }
        self.depth += code.matches('{').count();
        self.depth = self.depth.saturating_sub(code.matches('}').count());
    }

    fn keep(&mut self, comment: String) {
        self.found.lines.entry(self.block.clone()).or_default().push(comment);
    }

    /// Comment lines that waited belong to `block`.
    fn settle(&mut self, block: &Block) {
        if !self.above.is_empty() {
            self.found.lines.entry(block.clone()).or_default().append(&mut self.above);
        }
    }
}

/// What a line opens, by its first words.
fn block(code: &str) -> Block {
    let mut words = code
        .split(|c: char| c.is_whitespace() || c == '{')
        .map(|word| word.trim_matches(['"', '\'']))
        .filter(|w| !w.is_empty());
    let keyword = words.next();
    let name = words.next().unwrap_or_default();
    match keyword {
        Some("vrrp_instance") => Block::Router(name.to_owned()),
        Some("vrrp_sync_group") => Block::Group(name.to_owned()),
        Some("vrrp_script") => Block::Script(name.to_owned()),
        Some("virtual_server") => match (name.parse(), words.next().unwrap_or("0").parse()) {
            (Ok(address), Ok(port)) => Block::Service(address, port),
            _ => Block::File,
        },
        _ => Block::File,
    }
}

/// A line's code and its comment, without the marks; `#` and `!` inside quotes or after a backslash
/// begin none.
fn split(line: &str) -> (&str, Option<String>) {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => escaped = true,
            (None, '"' | '\'') => quote = Some(c),
            (None, '#' | '!') => {
                let comment = line[at..].trim_start_matches(['#', '!']).trim();
                return (
                    &line[..at],
                    Some(comment.to_owned()).filter(|comment| !comment.is_empty()),
                );
            }
            _ => {}
        }
    }
    (line, None)
}
