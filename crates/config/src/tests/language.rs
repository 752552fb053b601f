//! keepalived.conf's way with words, quotes, comments and braces.

use super::*;

fn router(body: &str) -> vrrp_model::Router {
    let text = format!("vrrp_instance A {{\ninterface eth0\nvirtual_router_id 1\n{body}\n}}\n");
    let (outcome, _) = read(&text, Language::Keepalived, Mode::Strict);
    let mut config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    config.routers.remove(0)
}

#[test]
fn braces_may_stand_anywhere_between_words() {
    for body in [
        "virtual_ipaddress {\n10.0.0.1/24 dev eth1 label eth1:0\n}",
        "virtual_ipaddress { 10.0.0.1/24 dev eth1 label eth1:0 }",
        "virtual_ipaddress{10.0.0.1/24 dev eth1 label eth1:0}",
        "virtual_ipaddress\n\n# where\n{\n10.0.0.1/24 dev eth1 label eth1:0 }",
        "virtual_ipaddress {\r\n\t\"10.0.0.1/24\" dev \"eth1\" label eth1:0 ! note }\r\n}\r",
    ] {
        let router = router(body);
        let [address] = router.addresses.as_slice() else { panic!("{body}: {router:?}") };
        assert_eq!(address.address.to_string(), "10.0.0.1", "{body}");
        assert_eq!(address.prefix_len, 24, "{body}");
        assert_eq!(address.device.as_deref(), Some("eth1"), "{body}");
        assert_eq!(address.label.as_deref(), Some("eth1:0"), "{body}");
    }
}

#[test]
fn comment_signs_and_braces_in_quotes_are_text() {
    let vips = "virtual_ipaddress { 10.0.0.1 }";
    let password = |value: &str| {
        let auth = format!("authentication {{\nauth_type PASS\nauth_pass {value}\n}}\n{vips}");
        router(&auth).auth
    };
    use vrrp_model::Auth::Pass;
    assert_eq!(password("\"a#b!{c}\""), Pass(*b"a#b!{c}\0"));
    assert_eq!(password("\"a!b\" # note"), Pass(*b"a!b\0\0\0\0\0"));
}

/// What keepalived 2.2.7 sends for each line, read off the wire.
#[test]
fn passwords_have_the_bytes_that_keepalived_sends() {
    const SEEN: [(&str, &[u8]); 24] = [
        (r"p\wd9", br"p\wd9"),
        (r#""p\\wd""#, br"p\\wd"),
        (r"a\!b", b"a"),
        (r"a\#b", b"a"),
        (r"a#b", b"a"),
        (r"a!b", b"a"),
        (r#"a"b"c"#, b"a"),
        (r"'s3cret'", b"'s3cret'"),
        (r"ab\tcd", br"ab\tcd"),
        (r#"ab"cd""#, b"ab"),
        (r#""ab"cd"#, b"ab"),
        (r"'a b'", b"'a"),
        (r"a\ b", br"a\"),
        (r#""a b""#, b"a b"),
        (r#""a#b""#, b"a#b"),
        (r#""a\!b""#, br"a\!b"),
        (r"a\\b", br"a\\b"),
        (r"a\\!b", br"a\\"),
        (r"it's", b"it's"),
        (r"ab\x41", br"ab\x41"),
        (r#""a"b"c""#, b"a"),
        (r"a'b#c'd", b"a'b"),
        (r"a$b", b"a$b"),
        (r#""  x""#, b"  x"),
    ];
    for (written, sent) in SEEN {
        let auth = format!(
            "authentication {{\nauth_type PASS\nauth_pass {written}\n}}\nvirtual_ipaddress {{\n10.0.0.1\n}}"
        );
        let text = format!("vrrp_instance A {{\ninterface eth0\nvirtual_router_id 1\n{auth}\n}}\n");
        let (outcome, _) = read(&text, Language::Keepalived, Mode::Lenient);
        let config =
            outcome.config.unwrap_or_else(|| panic!("{written}: {:?}", outcome.diagnostics));
        let mut bytes = [0; 8];
        bytes[..sent.len()].copy_from_slice(sent);
        assert_eq!(config.routers[0].auth, vrrp_model::Auth::Pass(bytes), "{written}");
    }
}

/// By the same comparison.
#[test]
fn where_keepalived_sends_no_password_there_is_none_and_it_is_said() {
    let auth = |lines: &str| format!("authentication {{\n{lines}\n}}");
    for (global, lines) in [
        ("", "auth_type pass\nauth_pass abc"),
        ("", "auth_type FOO\nauth_pass abc"),
        ("", "auth_type 'PASS'\nauth_pass abc"),
        ("", "auth_pass abc"),
        ("", "auth_type PASS"),
        ("vrrp_strict", "auth_type PASS\nauth_pass abc"),
    ] {
        let body = format!(
            "interface eth0\nvirtual_router_id 1\n{}\nvirtual_ipaddress {{\n10.0.0.1\n}}",
            auth(lines)
        );
        let text = format!("global_defs {{\n{global}\n}}\nvrrp_instance A {{\n{body}\n}}\n");
        let (outcome, _) = read(&text, Language::Keepalived, Mode::Lenient);
        let said = format!("{:?}", outcome.diagnostics);
        let config = outcome.config.unwrap_or_else(|| panic!("{lines}: {:?}", outcome.diagnostics));
        assert_eq!(config.routers[0].auth, vrrp_model::Auth::None, "{global} {lines}");
        assert!(said.contains("no authentication"), "{global} {lines}: {said}");
    }
}

#[test]
fn commands_are_split_as_a_shell_would() {
    let command = |line: &str| {
        let text = format!("vrrp_script s {{\nscript {line}\n}}\n{NODE1}");
        let (outcome, _) = read(&text, Language::Keepalived, Mode::Strict);
        let config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
        config.scripts[0].command.words.clone()
    };
    assert_eq!(command("/bin/true"), ["/bin/true"]);
    assert_eq!(command("\"/bin/a b  c\""), ["/bin/a", "b", "c"]);
    assert_eq!(command("\"/bin/a 'b c' \\\"d\\\"\""), ["/bin/a", "b c", "d"]);
    assert_eq!(command("\"/bin/a ''\""), ["/bin/a", ""]);
    assert_eq!(command("killall"), ["killall"]);
}

#[test]
fn a_command_is_one_value_and_words_behind_it_are_named() {
    let text = format!("vrrp_script s {{\nscript /bin/a \"b c\" d\n}}\n{NODE1}");
    let (outcome, _) = read(&text, Language::Keepalived, Mode::Lenient);
    assert_eq!(outcome.config.expect("it starts").scripts[0].command.words, ["/bin/a"]);
    let said = lines(&text, Language::Keepalived, Mode::Strict);
    let expected =
        "F:2:15: error: as in keepalived, the first word is the whole command: these words";
    assert_eq!(said[0], expected);
}

#[test]
fn a_command_that_reads_a_file_goes_to_the_shell() {
    let text = format!("vrrp_script s {{\nscript \"</run/flag\"\n}}\n{NODE1}");
    let (outcome, _) = read(&text, Language::Keepalived, Mode::Strict);
    let config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    assert_eq!(config.scripts[0].command.words, ["/bin/sh", "-c", "</run/flag"]);
}

#[test]
fn comments_may_hold_any_bytes() {
    let mut bytes = b"! caf\xe9 {\n".to_vec();
    bytes.extend_from_slice(NODE1.as_bytes());
    let source = Source::new("F", &bytes);
    let outcome = parse(&source, Language::Keepalived, Mode::Strict, "host");
    assert!(outcome.config.is_some());
    let source = Source::new("F", b"vrrp_instance caf\xe9 {\n}\n");
    let outcome = parse(&source, Language::Keepalived, Mode::Strict, "host");
    let first = render(&source, &outcome.diagnostics[0]);
    assert!(first.starts_with("F:1:18: error: control characters"), "{first}");
}

#[test]
fn state_is_only_a_hint() {
    let vips = "virtual_ipaddress { 10.0.0.1 }";
    assert_eq!(router(vips).priority, 100);
    assert_eq!(router(&format!("state BACKUP\n{vips}")).priority, 100);
    assert_eq!(router(&format!("state MASTER\n{vips}")).priority, 255);
    let both = format!("state MASTER\npriority 7\n{vips}");
    assert_eq!(router(&both).priority, 7);
    assert!(!router(&format!("state BACKUP\nnopreempt\n{vips}")).preempt);
}
