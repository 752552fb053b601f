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

/// The lines that the import rule finds in a crate of these files.
fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let (mut imports, mut findings) = (Imports::default(), Vec::new());
    for (path, text) in files {
        imports.add(path, &Source::parse(text));
    }
    imports.finish(&mut findings);
    findings.iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
}

#[test]
fn a_circle_of_imports_is_found_whatever_the_spelling() {
    let root = ("crates/model/src/lib.rs", "mod a;\nmod b;\nmod c;\n");
    let a = ("crates/model/src/a.rs", "use std::fmt;\nuse crate::{\n    b::{self, Item},\n};\n");
    let uses_a = ("crates/model/src/b.rs", "fn f() -> super::a::Item { todo() }\n");
    // Once as files, once as top-level modules.
    assert_eq!(circles(&[root, a, uses_a]), ["crates/model/src/a.rs:3"; 2]);
    let free = ("crates/model/src/b.rs", "use serde::a::Item;\nfn f() -> Item { Item::new() }\n");
    assert_eq!(circles(&[root, a, free]), [""; 0]);
}

#[test]
fn a_pure_crate_that_reaches_a_runtime_through_another_is_found() {
    let tree = |last: &str| format!("vrrp-model v0.1.0 (/x/crates/model)\nmiddle v1.2.3\n{last}\n");
    let found = purity::judge("model", &tree("tokio v1.54.0 (*)")).expect("a finding");
    assert_eq!(
        found.to_string(),
        "crates/model/Cargo.toml:1: this crate is pure and depends on tokio: `cargo tree -p vrrp-model`"
    );
    assert!(purity::judge("model", &tree("tokio-macros v1.0.0 (proc-macro)")).is_none());
}

#[test]
fn a_re_export_counts_for_the_file_that_defines_the_item() {
    let root =
        ("crates/model/src/lib.rs", "mod a;\nmod b;\npub use a::Item;\npub(crate) use b::Other;\n");
    let a = ("crates/model/src/a.rs", "use crate::Other;\npub struct Item;\n");
    let b = ("crates/model/src/b.rs", "pub struct Other;\n");
    assert_eq!(circles(&[root, a, b]), [""; 0], "a uses b; the root uses neither");
    let back = ("crates/model/src/b.rs", "use crate::Item;\n");
    assert!(!circles(&[root, a, back]).is_empty(), "a and b use each other through the root");
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
fn functions_of_the_kernel_program_that_are_not_inlined_call_the_clobber_helper() {
    let text = "#[inline(never)]\nfn calls(a: u32) -> u32 {\n    clobber_args();\n    a\n}\n\
                #[unsafe(no_mangle)]\n#[inline(never)]\npub extern \"C\" fn forgets(\n    a: u32,\n) {\n    \
                // clobber_args();\n}\n#[inline(always)]\nfn inlined() {}\n\
                #[inline(never)]\nfn names_it() { let f = clobber_args; }\n";
    assert_eq!(rule("vrrp-ebpf/src/nat.rs", text, ebpf::check), [8, 16]);
    assert_eq!(rule("vrrp-agent/src/agent.rs", text, ebpf::check), [0; 0]);
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
    assert_eq!(check("README.md", "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> main\n").len(), 2);
}
