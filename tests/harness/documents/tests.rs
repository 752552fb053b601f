use super::*;

#[test]
fn a_block_is_replaced_between_its_markers() {
    let text = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n";
    let new = "a\n<!-- generated: x -->\n\nnew\n\n<!-- end -->\nb\n";
    assert_eq!(replaced(text, "x", "new\n").as_deref(), Some(new));
    assert_eq!(replaced(new, "x", "new").as_deref(), Some(new));
    assert_eq!(replaced(text, "y", "new"), None);
}

#[test]
fn a_table_has_a_line_for_each_row() {
    let rows = [["a".to_owned(), String::new()], ["b|c".to_owned(), "d".to_owned()]];
    assert_eq!(table(["x", "y"], rows), "| x | y |\n|---|---|\n| a | |\n| b\\|c | d |\n");
}

#[test]
fn a_document_without_the_block_is_an_error() {
    let error = hold("README.md", "no such block", "").unwrap_err().to_string();
    assert_eq!(error, "README.md has no block `generated: no such block`");
}
