//! Every function of the kernel program that is not inlined calls the clobber helper.
//!
//! Without the call the compiler may keep a value in an argument register that the function leaves
//! alone. The verifier marks all five as unreadable after a call and rejects the program.

use super::finding::Finding;
use super::size::functions;
use super::source::{Source, words};

const CRATE: &str = "vrrp-ebpf/src/";
const ATTRIBUTE: &str = "#[inline(never)]";
/// The helper; it is defined in vrrp-ebpf/src/context.rs.
const HELPER: &str = "clobber_args";

pub fn check(path: &str, source: &Source, findings: &mut Vec<Finding>) {
    if !path.starts_with(CRATE) {
        return;
    }
    let functions = functions(&source.code);
    for (index, _) in source.code.iter().enumerate().filter(|(_, line)| line.contains(ATTRIBUTE)) {
        // `functions` is sorted by line.
        let Some(function) = functions.iter().find(|function| function.line > index) else {
            continue;
        };
        let body = &source.code[function.line - 1..function.line - 1 + function.size];
        if !body.iter().any(|line| calls_helper(line)) {
            let text = format!("`{}` is `{ATTRIBUTE}` and does not call {HELPER}()", function.name);
            findings.push(Finding::new(path, function.line, text));
        }
    }
}

fn calls_helper(line: &str) -> bool {
    words(line).any(|(at, word)| word == HELPER && line[at + word.len()..].starts_with("()"))
}
