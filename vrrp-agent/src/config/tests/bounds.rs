//! No text takes more time or memory than its size justifies.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::*;

fn timed(text: &str) -> (Duration, Outcome) {
    let start = Instant::now();
    let (outcome, source) = read(text, Language::Keepalived, Mode::Lenient);
    let said: usize = outcome.diagnostics.iter().map(|diagnostic| render(&source, diagnostic).len()).sum();
    assert!(said < 10_000_000);
    (start.elapsed(), outcome)
}

#[test]
fn ten_thousand_lines_are_read_at_once() {
    let mut text = String::new();
    for vrid in 1..=250 {
        let _ = writeln!(text, "vrrp_instance VI_{vrid} {{\n    interface eth{}\n    virtual_router_id {vrid}", vrid % 4);
        let _ = writeln!(text, "    priority 100 # a note\n    advert_int 1\n    virtual_ipaddress {{");
        for host in 1..=32 {
            let _ = writeln!(text, "        10.{vrid}.0.{host}/24 dev eth1");
        }
        text.push_str("    }\n}\n\n");
    }
    assert!(text.lines().count() >= 10_000);
    let (took, outcome) = timed(&text);
    println!("{} lines: {took:?}", text.lines().count());
    assert!(outcome.config.is_some(), "{:?}", outcome.diagnostics);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn hostile_texts_come_to_an_end() {
    let doubling: String = (0..40).map(|n| format!("$V{n}=${{V{}}}${{V{}}}\n", n + 1, n + 1)).collect();
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
        let (took, outcome) = timed(&text);
        println!("{what}: {took:?}");
        assert!(outcome.config.is_none(), "{what}");
        assert!(took < Duration::from_secs(10), "{what}: {took:?}");
    }
}
