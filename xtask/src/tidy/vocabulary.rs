//! Unclear words, and the field's words for them. The list applies to comments, Markdown, TOML, the
//! schema, and the string literals of production code.

use super::finding::Finding;
use super::source::Source;

/// A word or phrase in lower case, and what to write instead.
const WORDS: &[(&str, &str)] = &[
    ("whoever", "name the subject: the node, the caller, the process that ..."),
    ("whosoever", "name the subject: the node, the caller, the process that ..."),
    ("nobody", "no node, no process, no caller; or say what does happen"),
    ("somebody", "another node, another process, an operator"),
    ("anybody", "any node, any process, any caller"),
    ("anew", "again, or a new ..."),
    ("afresh", "again, or a new ..."),
    ("but for", "except, except for"),
    ("of whose", "a sentence of its own"),
    ("seat", "binding (interface, MAC, source address)"),
    ("seats", "bindings (interface, MAC, source address)"),
    ("picture", "observed state, status"),
    ("pictures", "observed states"),
    ("road", "path, forwarding path, reachability"),
    ("roads", "paths, forwarding paths"),
    ("the hands", "I/O: sockets, maps"),
    ("its hands", "its sockets, its maps; itself"),
    ("their hands", "their sockets, their maps; themselves"),
    ("own hands", "itself"),
    ("in hand", "held, in memory"),
    ("stands aside", "is on standby"),
    ("stand aside", "go on standby, be on standby"),
    ("standing aside", "on standby"),
    ("stood aside", "was on standby"),
    ("steps aside", "goes on standby"),
    ("stands for election", "takes part in the election"),
    ("stand for election", "take part in the election"),
];

/// This file quotes what it forbids.
const LIST: &str = "xtask/src/tidy/vocabulary.rs";

/// Files that name the Unix user `nobody`.
const USER_NOBODY: &[&str] =
    &["examples/reference.toml", "tests/harness/daemons.rs", "xtask/src/vm_test/image.rs"];

/// Comments, and in production code the insides of string literals.
pub fn check(path: &str, source: &Source, findings: &mut Vec<Finding>) {
    check_lines(path, &source.comments, findings);
    if !super::source::is_test_file(path) {
        check_lines(path, &source.literals, findings);
    }
}

/// A document, whole.
pub fn check_document(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    check_lines(path, &lines, findings);
}

/// A phrase may continue in the next line; it is reported at the line in which it begins.
fn check_lines(path: &str, lines: &[String], findings: &mut Vec<Finding>) {
    if path == LIST {
        return;
    }
    let words: Vec<(usize, String)> = lines
        .iter()
        .enumerate()
        .flat_map(|(index, line)| words_of(line).into_iter().map(move |word| (index + 1, word)))
        .collect();
    for at in 0..words.len() {
        for &(listed, instead) in WORDS {
            if listed == "nobody" && USER_NOBODY.contains(&path) {
                continue;
            }
            let mut rest = words[at..].iter().map(|(_, word)| word.as_str());
            if listed.split(' ').all(|part| rest.next() == Some(part)) {
                let text = format!("`{listed}` has to be decoded; write: {instead}");
                findings.push(Finding::new(path, words[at].0, text));
            }
        }
    }
}

/// The words of a line in lower case, without what is quoted in backticks. Punctuation counts as a
/// word, so that no phrase reaches across it; the slashes that begin a comment are left out.
fn words_of(line: &str) -> Vec<String> {
    let unquoted = line.split('`').step_by(2).collect::<Vec<_>>().join(" ` ");
    let text = unquoted.trim_start().trim_start_matches(['/', '!']).to_lowercase();
    let mut words: Vec<String> = Vec::new();
    let mut inside = false;
    for c in text.chars() {
        let letter = c.is_alphabetic();
        match words.last_mut() {
            Some(word) if letter && inside => word.push(c),
            _ if !c.is_whitespace() => words.push(c.to_string()),
            _ => {}
        }
        inside = letter;
    }
    if text.trim().is_empty() {
        words.push(String::new());
    }
    words
}
