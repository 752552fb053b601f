//! What is said about a wrong TOML file: each row changes one thing of a good file.

use super::*;

#[rustfmt::skip]
const ROWS: &[(&str, &str, &str)] = &[
    // The parser's own messages.
    ("vrid = 51", "vrid = ", "F:5:8: error: string values must be quoted, expected literal string"),
    ("priority = 100", "prioriti = 100", "F:7:1: error: unknown field `prioriti`, expected one of `name`, `interface`, `vrid`, `version`, `priority`, `interval`, `preempt`, `preempt_delay`, `auth_pass`, `checksum`, `source`, `group`, `unicast`, `peers`, `virtual_mac`, `accept_always`, `hmac`, `addresses`, `excluded_addresses`, `garp`, `track_scripts`, `track_interfaces`, `track_own_interface`, `routes`, `rules`"),
    ("vrid = 51\n", "", "F:2:1: error: missing field `vrid`"),
    ("interval = \"1s\"", "interval = 1", "F:8:12: error: invalid type: integer `1`, expected a string"),
    ("vrid = 51", "vrid = 51\nvrid = 52", "F:6:1: error: duplicate key"),
    ("protocol = \"tcp\"", "protocol = \"tpc\"", "F:20:12: error: unknown variant `tpc`, expected `tcp` or `udp`"),
    ("addresses = [\"192.168.1.249\"]", "addresses = [7]", "F:10:14: error: invalid type: integer `7`, expected an address in quotes or a table { address, device, label }"),
    // Ours.
    ("vrid = 51", "vrid = 256", "F:5:8: error: a VRID must be 1 to 255, not 256"),
    ("version = 2", "version = 4", "F:6:11: error: version must be 2 or 3, not 4"),
    ("priority = 100", "priority = 0", "F:7:12: error: priority must be 1 to 255, not 0"),
    ("interval = \"1s\"", "interval = \"1500ms\"", "F:8:12: error: VRRPv2 adverts come in whole seconds, 1 to 255, not 1.5s"),
    ("interval = \"1s\"", "interval = \"-1s\"", "F:8:12: error: interval `-1s` is not a duration: it is negative"),
    ("version = 2", "version = 3", "F:9:13: warning: VRRPv3 has no authentication: the password is not used"),
    ("addresses = [\"192.168.1.249\"]", "addresses = []", "F:3:8: error: virtual router `VI_1` has no virtual address"),
    ("addresses = [\"192.168.1.249\"]", "addresses = [\"2001:db8::1\"]", "F:10:14: error: IPv6 needs version 3 of VRRP"),
    ("script = \"chk_nginx\"", "script = \"chk_ngins\"", "F:11:29: error: tracks the script `chk_ngins`, which is not defined"),
    ("[\"/etc/vrrp-agent/chk_nginx.sh\"]", "[]", "F:14:11: error: script `chk_nginx` has an empty command"),
    ("port = 80", "port = 0", "F:19:8: error: port must be 1 to 65535, not 0"),
    ("address = \"192.168.1.249\"\nport", "address = \"192.168.1.251\"\nport", "F:18:11: error: `192.168.1.251` is not a virtual address of any router in this file"),
    ("192.168.1.206", "192.168.1.205", "F:21:56: error: backend `192.168.1.205` is listed twice"),
    ("[{ address = \"192.168.1.205\" }, { address = \"192.168.1.206\" }]", "[]", "F:17:8: error: service `web1` has no backend"),
    ("protocol = \"tcp\"", "protocol = \"udp\"", "F:22:9: error: a UDP service has no port that this check could connect to"),
    ("type = \"tcp\",", "type = \"tcp\", path = \"/\",", "F:22:32: error: only a check of type \"http\" or \"https\" has `path`"),
    ("node = \"node1\"", "metrics = \"9165\"", "F:1:11: error: metrics `9165` is not an address and port"),
    ("node = \"node1\"", "bpf_dir = \"x\"", "F:1:11: error: bpf_dir must be an absolute path"),
];

#[test]
fn each_mistake_is_named_with_its_place() {
    for (from, to, expected) in ROWS {
        let text = NODE1_TOML.replacen(from, to, 1);
        assert_ne!(text, NODE1_TOML, "{from}");
        for mode in [Mode::Strict, Mode::Lenient] {
            let said = lines(&text, Language::Toml, mode);
            let first = said.first().map(String::as_str);
            assert_eq!(first, Some(*expected), "{from} -> {to}: {said:?}");
        }
    }
}

#[test]
fn suggestions_name_what_was_meant() {
    let help = |from: &str, to: &str| {
        let text = NODE1_TOML.replacen(from, to, 1);
        helps(&text, Language::Toml, Mode::Strict).remove(0)
    };
    assert_eq!(help("priority", "prioriti"), "did you mean `priority`?");
    assert_eq!(help("[[script]]", "[[scripts]]"), "did you mean `script`?");
    assert_eq!(help("\"tcp\"", "\"tpc\""), "did you mean `tcp`?");
    assert_eq!(
        help("interval = \"1s\"", "interval = 1"),
        "durations are strings with a unit: \"1s\", \"250ms\""
    );
    assert_eq!(
        help("address = \"192.168.1.249\"\nport", "address = \"10.0.0.1\"\nport"),
        "virtual addresses here: 192.168.1.249"
    );
}

#[test]
fn an_empty_file_asks_for_a_router() {
    assert_eq!(
        lines("", Language::Toml, Mode::Strict),
        ["F: error: no virtual router in this file"]
    );
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let source = Source::new("F", b"# caf\xe9\n");
    let outcome = parse(&source, Language::Toml, Mode::Strict, "host");
    let said = render(&source, &outcome.diagnostics[0]);
    assert!(said.starts_with("F:1:6: error: not valid UTF-8\n"), "{said}");
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let said = lines("\"\\u001b[31m\" = 1\n", Language::Toml, Mode::Strict).remove(0);
    assert!(said.starts_with("F:1:1: error: unknown field `\u{fffd}[31m`"), "{said}");
}
