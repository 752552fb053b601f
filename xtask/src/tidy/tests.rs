use super::paths::Places;
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
fn a_pure_room_names_no_clock_whatever_the_spelling() {
    let text = "use std::time::Duration;\nuse std::time::{Duration, Instant};\nuse std::{\n    fmt,\n    fs as files,\n};\n\
                let x = tokio::spawn(y);\nlet nix = 1;\nuse libc;\nuse crate::{aya, model};\n// std::fs\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
    assert_eq!(rule("crates/election/src/lib.rs", text, rooms::check), [2, 5, 7, 9]);
    assert_eq!(rule("crates/config/src/load.rs", text, rooms::check), [0; 0]);
    assert_eq!(rule("crates/config/src/tests.rs", text, rooms::check), [0; 0]);
    assert_eq!(rule("vrrp-agent/src/net/raw.rs", text, rooms::check), [0; 0]);
}

#[test]
fn only_the_map_layout_may_name_aya_in_the_shared_crate() {
    let text = "unsafe impl aya::Pod for X {}\n";
    assert_eq!(rule("vrrp-common/src/maps.rs", text, rooms::check), [0; 0]);
    assert_eq!(rule("vrrp-common/src/flow.rs", text, rooms::check), [1]);
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
    let long = "\n".repeat(400);
    let verdict = |known: &str, text: &str| {
        let mut findings = Vec::new();
        let mut ratchet = Ratchet::parse(known, &mut findings);
        size::check("a/src/x.rs", &Source::parse(text), &mut ratchet, &mut findings);
        ratchet.finish(&mut findings);
        findings.into_iter().map(|finding| finding.text).collect::<Vec<_>>().join(";")
    };
    assert!(verdict("", &long).contains("has 400 lines"));
    assert_eq!(verdict("# known\na/src/x.rs 400\n", &long), "");
    assert!(verdict("a/src/x.rs 390", &long).contains("grown"));
    assert!(verdict("a/src/x.rs 410", &long).contains("shrunk to 400"));
    assert!(verdict("a/src/x.rs 400", "fn a() {}\n").contains("fits its limit"));
    assert!(verdict("a/src/y.rs 400", "").contains("is no more"));
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
    let known = |name: &str| Known {
        name: name.to_owned(),
        about: String::new(),
        flags: vec!["--lab".to_owned()],
    };
    docs::check_commands(
        "README.md",
        "`cargo xtask test --lab` `cargo xtask build-ebpf`; `--x`\n`cargo xtask fly`\n",
        &["test", "build-ebpf"].map(known),
        &mut findings,
    );
    assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
    let mut findings = Vec::new();
    docs::check_commands("README.md", "`cargo xtask test --fly`", &[known("test")], &mut findings);
    assert_eq!(findings.len(), 1);
}

#[test]
fn documents_name_paths_links_and_commands_that_exist() {
    let files = ["README.md", "docs/a.md", "vrrp-agent/src/net/raw.rs", "schema/x.json"];
    let places = Places::of(&files, &["run", "check"]);
    let check = |path: &str, text: &str| {
        let mut findings = Vec::new();
        places.check(path, text, &mut findings);
        findings.into_iter().map(|finding| finding.text).collect::<Vec<_>>()
    };
    let good = "`net/raw.rs` `raw.rs` `vrrp-agent/src/net/` `docs/a.md` `vrrp-agent check F` `docs/*.md`\n\
                # A heading, *here*\n[x](docs/a.md) [y](#a-heading-here) [z](https://x/y) `schema`\n";
    assert_eq!(check("README.md", good), [""; 0]);
    assert_eq!(check("docs/a.md", "[x](../README.md) [y](../schema/)"), [""; 0]);
    let bad =
        "`net/gone.rs` `docs/b.md`\n[x](a.md) [y](#gone) `vrrp-agent fly`\n    vrrp-agent walk\n";
    assert_eq!(check("README.md", bad).len(), 6, "{:?}", check("README.md", bad));
}
