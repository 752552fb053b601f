//! No text takes more time or memory than its size justifies.
#![allow(clippy::disallowed_methods, reason = "a test measures")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::*;

fn timed(text: &str, language: Language) -> (Duration, Outcome) {
    let start = Instant::now();
    let (outcome, source) = read(text, language, Mode::Lenient);
    let said: usize =
        outcome.diagnostics.iter().map(|diagnostic| render(&source, diagnostic).len()).sum();
    assert!(said < 10_000_000);
    (start.elapsed(), outcome)
}

#[test]
fn ten_thousand_lines_are_read_at_once() {
    let mut text = String::new();
    for vrid in 1..=250 {
        let _ = writeln!(
            text,
            "vrrp_instance VI_{vrid} {{\n    interface eth{}\n    virtual_router_id {vrid}",
            vrid % 4
        );
        let _ =
            writeln!(text, "    priority 100 # a note\n    advert_int 1\n    virtual_ipaddress {{");
        for host in 1..=32 {
            let _ = writeln!(text, "        10.{vrid}.0.{host}/24 dev eth1");
        }
        text.push_str("    }\n}\n\n");
    }
    assert!(text.lines().count() >= 10_000);
    let (took, outcome) = timed(&text, Language::Keepalived);
    println!("{} lines: {took:?}", text.lines().count());
    assert!(outcome.config.is_some(), "{:?}", outcome.diagnostics);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn hostile_texts_come_to_an_end() {
    let doubling: String =
        (0..40).map(|n| format!("$V{n}=${{V{}}}${{V{}}}\n", n + 1, n + 1)).collect();
    for (what, text) in [
        ("doubling", format!("{doubling}$V40=x\nrouter_id $V0")),
        ("doubling nothing", format!("{doubling}$V40=\nrouter_id $V0")),
        ("sequences", "~SEQ(a,1,9999) ~SEQ(b,1,9999) ~SEQ(c,1,9999) x".to_owned()),
        ("empty sequences", "~SEQ(a,1,99999999999)\n".repeat(100)),
        ("lines of lines", "$A= \\\n$B \\\n$B\n\n$B= \\\n$A \\\n$A\n\n$A\n".to_owned()),
        ("unknown words", "auth_pasz aurhenticatoin\n".repeat(600_000)),
        ("braces", "{}".repeat(1_000_000)),
        ("dollars", "$".repeat(4_000_000)),
        ("open variables", "${a ".repeat(300_000)),
        ("one word", "x".repeat(16_000_000)),
        ("conditions", "@^a ".repeat(1_000_000)),
    ] {
        let (took, outcome) = timed(&text, Language::Keepalived);
        println!("{what}: {took:?}");
        assert!(outcome.config.is_none(), "{what}");
        assert!(took < Duration::from_secs(10), "{what}: {took:?}");
    }
}

/// Depth is what a recursive reader dies of, without a message.
#[test]
fn hostile_toml_comes_to_an_end() {
    for (what, text) in [
        ("one word", "x".repeat(16_000_000)),
        ("one line", format!("node = \"{}\"\n", "x".repeat(16_000_000))),
        ("open arrays", format!("a = {}", "[".repeat(4_000_000))),
        ("arrays in arrays", format!("a = {}{}", "[".repeat(4_000_000), "]".repeat(4_000_000))),
        ("tables in tables", format!("a = {}", "{a=".repeat(2_000_000))),
        ("a dotted key", format!("a{} = 1\n", ".a".repeat(4_000_000))),
        ("a dotted table", format!("[a{}]\n", ".a".repeat(4_000_000))),
        ("many tables", "[[virtual_router]]\n".repeat(800_000)),
        ("many keys", (0..900_000).map(|number| format!("k{number} = 1\n")).collect()),
        ("quotes", "\"".repeat(8_000_000)),
    ] {
        let (took, outcome) = timed(&text, Language::Toml);
        println!("{what}: {took:?}");
        assert!(outcome.config.is_none(), "{what}");
        assert!(took < Duration::from_secs(10), "{what}: {took:?}");
    }
}
