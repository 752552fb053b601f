//! Blocks whose lines are values, not keywords.

use super::super::diag::{Diagnostic, Reporter};
use super::super::draft::At;
use super::tree::Node;
use super::values;

/// The lines of a list block that have no block of their own.
pub(super) fn lines<'a>(node: &'a Node, reporter: &mut Reporter) -> Vec<&'a Node> {
    let lines = values::body(node, reporter);
    for nested in lines.iter().filter(|line| line.body.is_some()) {
        let block = node.keyword();
        let message = format!("a line of {block} takes no block: is a brace missing?");
        let consequence = "this line and its block are left out";
        reporter.eased(Diagnostic::at(nested.span(), message), consequence);
    }
    lines.iter().filter(|line| line.body.is_none()).collect()
}

/// The names in a `group { }`: one or several on a line.
pub(super) fn names(node: &Node, reporter: &mut Reporter) -> Vec<At<String>> {
    let words = lines(node, reporter)
        .into_iter()
        .flat_map(|line| std::iter::once(line.first()).chain(line.values()));
    words.map(|word| At::new(word.text.clone(), &word.span)).collect()
}
