//! `unsafe` outside its files or without its reason, and leftovers.

use super::finding::Finding;
use super::source::{Source, words};

/// The files that may hold `unsafe`, and what for.
const UNSAFE: &[(&str, &str)] = &[
    ("vrrp-ebpf/src/context.rs", "reads packets behind bounds checks"),
    ("vrrp-ebpf/src/rewrite.rs", "writes packets behind bounds checks"),
    ("vrrp-ebpf/src/maps.rs", "reads map values in place"),
    ("vrrp-ebpf/src/tables.rs", "reads map values in place"),
    ("vrrp-ebpf/src/guard.rs", "writes token buckets in place"),
    ("vrrp-ebpf/src/capture.rs", "calls helpers of the kernel"),
    ("vrrp-ebpf/src/fib.rs", "looks up a route in the kernel"),
    ("vrrp-ebpf/src/count.rs", "bumps per-CPU values in place"),
    ("vrrp-ebpf/src/main.rs", "calls helpers of the kernel"),
    ("vrrp-ebpf/src/bench/main.rs", "writes the packets of a benchmark"),
    ("vrrp-ebpf/src/bench/frames.rs", "numbers the packets of a benchmark"),
    ("vrrp-ebpf/src/bench/live.rs", "counts and keeps the packets of a benchmark"),
    ("vrrp-ebpf/src/sockets/address.rs", "reads and rewrites the address of a connect"),
    ("vrrp-ebpf/src/sockets/maps.rs", "reads and counts in map values in place"),
    ("vrrp-ebpf/src/sockets/steer.rs", "calls a helper of the kernel"),
    ("vrrp-ebpf/src/sockets/main.rs", "calls a helper of the kernel"),
    ("vrrp-common/src/maps.rs", "vouches that map values are plain data"),
    ("vrrp-common/src/socket_maps.rs", "vouches that map values are plain data"),
    ("vrrp-agent/src/net/ethtool.rs", "reads the features of an interface from the kernel"),
    ("vrrp-agent/src/net/raw.rs", "wraps a socket for the runtime"),
    ("vrrp-agent/src/realtime.rs", "asks for real-time scheduling"),
    ("vrrp-agent/src/realtime/tests.rs", "reads the scheduling back"),
    (
        "tests/harness/sys.rs",
        "enters namespaces between fork and exec, makes system calls that no crate wraps",
    ),
];

/// The most lines between an `unsafe` and its reason above it.
const REASON_WITHIN: usize = 8;

pub fn check(path: &str, source: &Source, findings: &mut Vec<Finding>) {
    for (index, line) in source.code.iter().enumerate() {
        let mut add = |text: &str| findings.push(Finding::new(path, index + 1, text.to_owned()));
        if uses_unsafe(line) {
            if !UNSAFE.iter().any(|(allowed, _)| *allowed == path) {
                add(
                    "`unsafe` outside the files that may hold it (the table in xtask/src/tidy/words.rs)",
                );
            }
            let above = &source.comments[index.saturating_sub(REASON_WITHIN)..=index];
            if !above
                .iter()
                .any(|comment| comment.contains("SAFETY:") || comment.contains("# Safety"))
            {
                add("`unsafe` without a `SAFETY:` comment above it");
            }
        }
        if line.contains("dbg!") {
            add("a forgotten `dbg!`");
        }
        if let Some(comment) = source.comments.get(index)
            && words(comment).any(|(_, word)| word == LEFTOVER)
            && !comment.contains("RFC")
        {
            add("a leftover without the section of an RFC: do it, or file an issue");
        }
    }
}

/// Split so that this file does not contain it.
const LEFTOVER: &str = concat!("TO", "DO");

/// `#[unsafe(no_mangle)]` is an attribute.
fn uses_unsafe(line: &str) -> bool {
    words(line).any(|(at, word)| word == "unsafe" && !line[..at].trim_end().ends_with('['))
}
