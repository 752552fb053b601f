use super::size::{Function, functions};
use super::*;

fn rule(path: &str, text: &str, check: impl Fn(&str, &Source, &mut Vec<Finding>)) -> Vec<usize> {
    let mut findings = Vec::new();
    check(path, &Source::parse(text), &mut findings);
    findings.iter().map(|finding| finding.line).collect()
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = "let a = \"unsafe // \\\" x\"; // unsafe\nlet b = 'u'; /* fn /* deep */ dbg! */ let c: &'a str = r#\"fn \" {\"#;\nlet d = b'\\'';\n";
    let source = Source::parse(text);
    assert_eq!(source.code.len(), 3);
    for word in ["unsafe", "fn", "dbg", "deep"] {
        assert!(!source.code.iter().any(|line| line.contains(word)), "{word} in {:?}", source.code);
    }
    assert!(
        source.code[1].contains("let b = ' ';") && source.code[1].contains("let c: &'a str ="),
        "{:?}",
        source.code[1]
    );
    assert_eq!(source.comments[0].trim(), "// unsafe");
    assert_eq!(source.code[2].trim_end(), "let d = b'  ';");
}

#[test]
fn a_pure_crate_names_no_clock_in_any_spelling() {
    let text = "use std::time::Duration;\nuse std::time::{Duration, Instant};\nuse std::{\n    fmt,\n    fs as files,\n};\n\
                let x = tokio::spawn(y);\nlet nix = 1;\nuse libc;\nuse crate::{aya, model};\n// std::fs\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
    assert_eq!(rule("crates/election/src/lib.rs", text, imports::check), [2, 5, 7, 9]);
    assert_eq!(rule("crates/config/src/load.rs", text, imports::check), [0; 0]);
    assert_eq!(rule("crates/config/src/tests.rs", text, imports::check), [0; 0]);
    assert_eq!(rule("vrrp-agent/src/net/raw.rs", text, imports::check), [0; 0]);
}

#[test]
fn only_the_map_layout_may_name_aya_in_the_shared_crate() {
    let text = "unsafe impl aya::Pod for X {}\n";
    assert_eq!(rule("vrrp-common/src/maps.rs", text, imports::check), [0; 0]);
    assert_eq!(rule("vrrp-common/src/flow.rs", text, imports::check), [1]);
}

#[test]
fn unsafe_needs_an_allowed_file_and_a_reason() {
    let reasoned = "// SAFETY: the length was checked.\nlet x = unsafe { read() };\n";
    assert_eq!(rule("vrrp-agent/src/net/raw.rs", reasoned, words::check), [0; 0]);
    assert_eq!(rule("vrrp-agent/src/agent.rs", reasoned, words::check), [2]);
    assert_eq!(
        rule("vrrp-agent/src/net/raw.rs", "let x = unsafe { read() };\n", words::check),
        [1]
    );
    assert_eq!(
        rule("vrrp-ebpf/src/lib.rs", "#[unsafe(no_mangle)]\nlet unsafe_code = 1;\n", words::check),
        [0; 0]
    );
}

#[test]
fn leftovers_are_found_in_comments_only() {
    let text = format!(
        "// {0}: later\n// {0}: RFC 9568 section 7\nlet a = \"{0}\";\ndbg!(a);\n",
        concat!("TO", "DO")
    );
    assert_eq!(rule("vrrp-agent/src/agent.rs", &text, words::check), [1, 4]);
}

#[test]
fn listed_words_are_found_in_comments_and_in_production_strings() {
    let text = "// Whoever asks.\n/// All, but\n/// for one.\nlet nobody = \"somebody's\";\n\
                // `nobody`, but. For\nlet a = r\"anew\";\n";
    assert_eq!(rule("xtask/src/exec.rs", text, vocabulary::check), [1, 2, 4, 6]);
    assert_eq!(rule("tests/harness/exec.rs", text, vocabulary::check), [1, 2, 4, 6]);
    assert_eq!(rule("tests/failover.rs", text, vocabulary::check), [1, 2]);
}

#[test]
fn listed_words_are_found_in_documents() {
    let mut findings = Vec::new();
    let text = "A **seat**,\nall but\nfor it; `user = nobody`\nbut\n\nfor\n";
    vocabulary::check_document("examples/README.md", text, &mut findings);
    assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn lines_are_as_wide_as_rustfmt_allows() {
    let wide = format!("let a = {};\n", "b".repeat(100));
    let literal = format!("let a = \"{}\";\n", "b".repeat(100));
    let comment = format!("// {}\n", "b".repeat(100));
    let text = wide + &literal + &comment;
    assert_eq!(rule("vrrp-agent/src/main.rs", &text, size::check_width), [1, 3]);
    assert_eq!(rule("tests/matrix/peers.rs", &text, size::check_width), [0; 0]);
}

#[test]
fn functions_are_measured_from_their_name_to_their_brace() {
    let text = "trait T {\n    fn none(&self, a: [u8; 4]);\n}\nfn one() { let f: fn(u8) = g; }\nfn two(\n    a: u8,\n) {\n    if a { }\n}\n";
    let function = |name: &str, line, size| Function { name: name.to_owned(), line, size };
    assert_eq!(
        functions(&Source::parse(text).code),
        [function("one", 4, 1), function("two", 5, 5)]
    );
}

#[test]
fn the_ratchet_only_tightens() {
    let long = "\n".repeat(600);
    let verdict = |known: &str, text: &str| {
        let mut findings = Vec::new();
        let mut ratchet = Ratchet::parse(known, &mut findings);
        size::check("a/src/x.rs", &Source::parse(text), &mut ratchet, &mut findings);
        ratchet.finish(&mut findings);
        findings.into_iter().map(|finding| finding.text).collect::<Vec<_>>().join(";")
    };
    assert!(verdict("", &long).contains("has 600 lines"));
    assert_eq!(verdict("# known\na/src/x.rs 600\n", &long), "");
    assert!(verdict("a/src/x.rs 590", &long).contains("grown"));
    assert!(verdict("a/src/x.rs 610", &long).contains("shrunk to 600"));
    assert!(verdict("a/src/x.rs 600", "fn a() {}\n").contains("fits its limit"));
    assert!(verdict("a/src/y.rs 600", "").contains("does not exist"));
    assert!(verdict("a/src/y.rs", "").contains("not `PATH LINES`"));
}

#[test]
fn test_files_have_their_own_limits() {
    for path in [
        "tests/failover.rs",
        "crates/config/src/tests.rs",
        "crates/config/src/tests/toml.rs",
        "xtask/tests/a.rs",
    ] {
        assert!(is_test_file(path), "{path}");
    }
    for path in ["tests/harness/netns.rs", "crates/config/src/lib.rs", "xtask/src/test.rs"] {
        assert!(!is_test_file(path), "{path}");
    }
}

#[test]
fn documents_name_what_exists() {
    let sources = "register(\"instance_state\"); const A: &str = \"vrrp_lease_lost_total\";";
    let text = "`vrrp_instance_state{vrid}` and `vrrp_lease_lost_total`\n`vrrp_gone` but vrrp_unquoted\n```\nvrrp_fenced 1\n```\n";
    let mut findings = Vec::new();
    docs::check_metrics("README.md", text, sources, &mut findings);
    assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2, 4]);
    let mut findings = Vec::new();
    let commands = ["test".to_owned(), "build-ebpf".to_owned()];
    docs::check_commands(
        "README.md",
        "`cargo xtask test` `cargo xtask build-ebpf`\n`cargo xtask fly`\n",
        &commands,
        &mut findings,
    );
    assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
}
