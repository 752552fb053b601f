//! Any bytes are answered: no panic, a config exactly when there is no error, and messages that can be drawn.

use super::*;
use crate::config::{Severity, render_all};

/// Knuth's MMIX generator: enough to shake the readers, the same on every machine.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % below.max(1)
    }
}

/// Pieces that mean something to a reader.
const PIECES: &[&str] = &[
    "{",
    "}",
    "\"",
    "'",
    "\\",
    "#",
    "!",
    "$",
    "${",
    "@",
    "~SEQ(",
    "\n",
    "\r\n",
    "\t",
    "\u{feff}",
    "é",
    "日本",
    "[[",
    "]]",
    "=",
    "\"\"\"",
    "auth_pass",
    "authentication",
    "weight",
    "include",
    "vrrp_instance",
    "-1",
    "99999999999999999999",
    "0.",
    ".",
    "\u{0}",
    "\u{7f}",
    "virtual_ipaddress {",
    "::1",
    "/33",
];

fn check(bytes: &[u8]) {
    for language in [Language::Keepalived, Language::Toml] {
        for mode in [Mode::Strict, Mode::Lenient] {
            let source = Source::new("F", bytes);
            let outcome = parse(&source, language, mode, "host");
            let failed = outcome.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
            assert_eq!(outcome.config.is_none(), failed);
            assert!(render_all(&source, &outcome.diagnostics).len() >= outcome.diagnostics.len());
        }
    }
}

#[test]
fn random_bytes() {
    let mut random = Random(1);
    for _ in 0..1000 {
        let length = random.next(200);
        let bytes: Vec<u8> = (0..length).map(|_| u8::try_from(random.next(256)).unwrap_or(0)).collect();
        check(&bytes);
    }
}

#[test]
fn random_pieces() {
    let mut random = Random(2);
    for _ in 0..1000 {
        let text: String = (0..random.next(40)).flat_map(|_| [PIECES[random.next(PIECES.len())], " "]).collect();
        check(text.as_bytes());
    }
}

#[test]
fn damaged_files() {
    let mut random = Random(3);
    for text in [NODE1_TRACK, NODE1_TOML] {
        for _ in 0..1000 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=random.next(4) {
                let at = random.next(bytes.len());
                match random.next(4) {
                    0 => bytes[at] = u8::try_from(random.next(256)).unwrap_or(0),
                    1 => bytes.truncate(at),
                    2 => drop(bytes.drain(at..(at + random.next(20)).min(bytes.len()))),
                    _ => {
                        let piece = PIECES[random.next(PIECES.len())];
                        bytes.splice(at..at, piece.bytes());
                    }
                }
            }
            check(&bytes);
        }
    }
}
