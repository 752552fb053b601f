//! Any bytes are answered: no panic, a config exactly when there is no error, and messages that can
//! be drawn.

use super::*;
use crate::{Severity, render_all};

/// Knuth's MMIX generator: enough to shake the readers, the same on every machine.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
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
    "\n$A=",
    "$A= \\\n",
    "${A}",
    "\n$A\n",
    "\n~LST({A,B},{1,2})",
    "\n~SEQ(A,1,3)",
    "\n@host ",
    "\n@^host ",
    "${_RANDOM 1 2}",
    "\ninclude x",
    "\nvirtual_server 10.0.0.1 80 {",
    "real_server 10.0.0.2 80 {",
    "group",
    "\nvirtual_server_group G {",
    "TCP_CHECK {",
    "\\x4",
];

/// Inputs that a test tries: many more where the variable asks for them.
fn cases() -> usize {
    let asked =
        std::env::var("VRRP_AGENT_GARBAGE").ok().and_then(|count| count.parse::<usize>().ok());
    asked.unwrap_or(30_000) / 3
}

fn check(bytes: &[u8]) {
    for language in [Language::Keepalived, Language::Toml] {
        // TOML knows one mode.
        let modes = if language == Language::Toml {
            &[Mode::Strict][..]
        } else {
            &[Mode::Strict, Mode::Lenient]
        };
        for &mode in modes {
            let source = Source::new("F", bytes);
            let outcome = parse(&source, language, mode, "host");
            let failed =
                outcome.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
            assert_eq!(outcome.config.is_none(), failed);
            assert!(render_all(&source, &outcome.diagnostics).len() >= outcome.diagnostics.len());
        }
    }
}

#[test]
fn random_bytes() {
    let mut random = Random(1);
    for _ in 0..cases() {
        let length = random.next(200);
        let bytes: Vec<u8> =
            (0..length).map(|_| u8::try_from(random.next(256)).unwrap_or(0)).collect();
        check(&bytes);
    }
}

#[test]
fn random_pieces() {
    let mut random = Random(2);
    for _ in 0..cases() {
        let text: String =
            (0..random.next(40)).flat_map(|_| [PIECES[random.next(PIECES.len())], " "]).collect();
        check(text.as_bytes());
    }
}

#[test]
fn damaged_files() {
    let mut random = Random(3);
    for text in [NODE1_TRACK, NODE1_TOML] {
        for _ in 0..cases() / 2 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=random.next(4) {
                if bytes.is_empty() {
                    break;
                }
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

/// A million short inputs, or as many as the variable asks for if that is more: parsed only, each
/// in one language and mode.
#[test]
fn a_million_short_inputs() {
    const THREADS: usize = 2;
    let each = cases().max(1_000_000) / THREADS;
    std::thread::scope(|scope| {
        for seed in 0..THREADS {
            scope.spawn(move || {
                let mut random = Random(10 + seed as u64);
                for _ in 0..each {
                    short_input(&mut random);
                }
            });
        }
    });
}

fn short_input(random: &mut Random) {
    let mut bytes = Vec::new();
    for _ in 0..=random.next(6) {
        match random.next(3) {
            0 => bytes.push(u8::try_from(random.next(256)).unwrap_or(0)),
            _ => bytes.extend_from_slice(PIECES[random.next(PIECES.len())].as_bytes()),
        }
    }
    let (language, mode) = match random.next(3) {
        0 => (Language::Toml, Mode::Strict),
        1 => (Language::Keepalived, Mode::Strict),
        _ => (Language::Keepalived, Mode::Lenient),
    };
    let outcome = parse(&Source::new("F", &bytes), language, mode, "host");
    let failed =
        outcome.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    assert_eq!(outcome.config.is_none(), failed, "{:?}", String::from_utf8_lossy(&bytes));
}
