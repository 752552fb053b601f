//! Tokens to nested statements.

use super::super::diag::{Diagnostic, Reporter};
use super::super::source::Span;
use super::lexer::{Kind, Token};

/// keepalived's own blocks nest to five.
const DEEPEST: usize = 16;

/// Such a block stands in no other.
pub(super) const INSTANCE: &str = "vrrp_instance";

/// A word and its place, quotes included.
pub(super) struct Word {
    pub text: String,
    pub span: Span,
}

/// A line: a keyword, its values, and the block that follows, if any.
pub(super) struct Node {
    /// At least one.
    words: Vec<Word>,
    pub body: Option<Vec<Node>>,
}

impl Node {
    pub(super) fn keyword(&self) -> &str {
        &self.first().text
    }

    /// Place of the keyword.
    pub(super) fn span(&self) -> &Span {
        &self.first().span
    }

    pub(super) fn values(&self) -> &[Word] {
        &self.words[1..]
    }

    pub(super) fn first(&self) -> &Word {
        &self.words[0]
    }
}

/// Statements of a block that is still open.
struct Level {
    nodes: Vec<Node>,
    /// Where its brace is.
    opened: Span,
    /// Whether its brace follows no keyword: the statements are of the block around it.
    loose: bool,
}

/// Builds the tree without recursion: however deep the text nests, the stack does not.
pub(super) fn build(tokens: Vec<Token>, reporter: &mut Reporter) -> Vec<Node> {
    let mut levels = vec![Level { nodes: Vec::new(), opened: 0..0, loose: false }];
    // Whether the last statement may still be given a block: nothing but line ends came after it.
    let mut open_end = false;
    let mut same_line = false;
    for Token { kind, span } in tokens {
        // There is always the file's own level: it is never popped below.
        let depth = levels.len();
        let Some(level) = levels.last_mut() else {
            break;
        };
        match kind {
            Kind::LineEnd => same_line = false,
            Kind::Word(text) => {
                let word = Word { text, span };
                match level.nodes.last_mut() {
                    Some(node) if same_line => node.words.push(word),
                    _ => level.nodes.push(Node { words: vec![word], body: None }),
                }
                same_line = true;
                open_end = true;
            }
            Kind::Open => {
                if !open_end {
                    reporter.ignored(Diagnostic::at(&span, "this `{` follows no keyword"));
                }
                if depth > DEEPEST {
                    reporter
                        .error(Diagnostic::at(&span, format!("blocks nest deeper than {DEEPEST}")));
                    return Vec::new();
                }
                levels.push(Level { nodes: Vec::new(), opened: span, loose: !open_end });
                same_line = false;
                open_end = false;
            }
            Kind::Close => {
                same_line = false;
                open_end = false;
                close(&mut levels, &span, reporter);
            }
        }
    }
    report_unclosed(&levels, reporter);
    while levels.len() > 1 {
        hang(&mut levels);
    }
    levels.into_iter().next().map(|level| level.nodes).unwrap_or_default()
}

/// As in keepalived, the end of the file closes what is open, unless an instance would be lost: it
/// stands in a block that was meant to end before.
fn report_unclosed(levels: &[Level], reporter: &mut Reporter) {
    let [_, open @ ..] = levels else { return };
    let Some(innermost) = open.last() else { return };
    let inside = open.iter().find_map(|level| {
        let node = level.nodes.iter().find(|node| node.keyword() == INSTANCE)?;
        Some((level, node))
    });
    if let Some((level, node)) = inside {
        let message = "an instance inside of another block: the `}` of that block is missing";
        let here = Diagnostic::at(node.span(), message).label("a `}` is missing above");
        reporter.error(here.related(&level.opened, "this block is not closed"));
        return;
    }
    let diagnostic = Diagnostic::at(&innermost.opened, "this block is not closed");
    reporter.eased(diagnostic.label("its `}` is missing"), "the end of the file closes it");
}

fn close(levels: &mut Vec<Level>, span: &Span, reporter: &mut Reporter) {
    if levels.len() < 2 {
        reporter.ignored(Diagnostic::at(span, "this `}` closes nothing"));
        return;
    }
    hang(levels);
}

/// Hangs the innermost block on the statement that opened it.
fn hang(levels: &mut Vec<Level>) {
    let (Some(inner), Some(outer)) = (levels.pop(), levels.last_mut()) else { return };
    if inner.loose {
        outer.nodes.extend(inner.nodes);
    } else if let Some(node) = outer.nodes.last_mut() {
        node.body = Some(inner.nodes);
    }
}
