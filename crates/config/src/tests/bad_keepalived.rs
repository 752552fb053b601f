//! What is said about a wrong keepalived.conf: each row changes one thing of a good file.

use super::*;

const GOOD: &str = "\
global_defs {
    router_id R
}
vrrp_script chk {
    script \"/bin/true\"
}
vrrp_instance A {
    interface eth0
    virtual_router_id 1
    priority 100
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass 1111
    }
    track_script {
        chk
    }
    virtual_ipaddress {
        10.0.0.1
    }
}
";

/// Text to replace, by what, and the first line said in strict mode; in lenient mode.
struct Row(&'static str, &'static str, &'static str, &'static str);

/// In both modes the same.
const fn same(from: &'static str, to: &'static str, line: &'static str) -> Row {
    Row(from, to, line, line)
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Structure.
    same("router_id R\n}", "router_id R\n", "F:7:1: error: an instance inside of another block: the `}` of that block is missing"),
    Row("global_defs {", "{", "F:1:1: error: this `{` follows no keyword", "F:1:1: warning: this `{` follows no keyword; ignored"),
    Row("router_id R\n}", "router_id R\n}}", "F:3:2: error: this `}` closes nothing", "F:3:2: warning: this `}` closes nothing; ignored"),
    same("\"/bin/true\"", "\"/bin/true", "F:5:12: error: this quote is not closed on its line"),
    Row("priority 100", "priority \\\n100", "F:10:14: error: `\\` is not a whole number", "F:10:14: warning: `\\` is not a whole number; 100 in its place"),
    Row("priority 100", "priority { 100 }", "F:10:5: error: `priority` takes no block", "F:10:5: error: `priority` needs a value"),
    Row("authentication {\n        auth_type PASS\n        auth_pass 1111\n    }", "authentication", "F:12:5: error: `authentication` needs a block: { ... }", "F:12:5: warning: `authentication` needs a block: { ... }; ignored"),
    // Includes, variables, conditions, sequences.
    Row("router_id R", "include /nowhere/x.conf", "F:2:5: error: an include must be written as it is: no variable makes one, and no sequence", "F:2:5: warning: an include must be written as it is: no variable makes one, and no sequence; ignored"),
    Row("priority 100", "priority $PRIO", "F:10:14: error: `$PRIO` is not a whole number", "F:10:14: warning: no variable is defined for `$PRIO`: it stays as it is"),
    Row("priority 100", "@node1", "F:10:5: error: a condition without anything after it", "F:10:5: warning: a condition without anything after it; ignored"),
    same("global_defs {", "$X=$X\nglobal_defs {\n$X", "F:1:4: error: variables lead to variables deeper than 32: does one name itself?"),
    same("global_defs {", "$X= \\\n$X \\\n\nglobal_defs {\n$X", "F:2:1: error: more than 64 files, sequences and variables within one another"),
    Row("        10.0.0.1", "        ~SEQ(i,1,9 10.0.0.1", "F:20:9: error: the parenthesis of this sequence is not closed", "F:7:15: error: virtual router `A` has no virtual address"),
    Row("        10.0.0.1", "        ~SEQ(i,9,1,1) 10.0.0.1", "F:20:9: error: its steps never reach the last number", "F:7:15: error: virtual router `A` has no virtual address"),
    Row("        10.0.0.1", "        ~SEQ(i,a) 10.0.0.1", "F:20:9: error: an argument is no number", "F:7:15: error: virtual router `A` has no virtual address"),
    Row("        10.0.0.1", "        ~LST({a,b},1) 10.0.0.1", "F:20:9: error: each value must have as many parts as there are names", "F:7:15: error: virtual router `A` has no virtual address"),
    same("        10.0.0.1", "        ~SEQ(i,1,9999999999999) x", "F:20:33: error: more than 1000000 words up to here"),
    same("priority 100", "priority ${_RANDOM 2 1}", "F:10:14: error: `_RANDOM` takes the least and the greatest number: ${_RANDOM 1 100}"),
    // Keywords.
    Row("priority", "prioriti", "F:10:5: error: unknown keyword `prioriti` in vrrp_instance", "F:10:5: warning: unknown keyword `prioriti` in vrrp_instance; ignored"),
    Row("router_id R", "virtual_router_id 5", "F:2:5: error: unknown keyword `virtual_router_id` in global_defs", "F:2:5: warning: unknown keyword `virtual_router_id` in global_defs; ignored"),
    Row("router_id R", "vrrp_strict", "F:2:5: error: `vrrp_strict`: one rule of strict mode is followed, that there is no authentication; the rest", "F:2:5: warning: `vrrp_strict`: one rule of strict mode is followed, that there is no authentication; the rest; ignored"),
    same("router_id R", "enable_traps", "F:2:5: warning: `enable_traps` has no effect: there is no SNMP agent; the same figures are Prometheus metrics"),
    same("priority 100", "auth_hmac {\n}", "F:10:5: error: authentication needs a key"),
    same("priority 100", "auth_hmac {\nkey 1 ascii:short\n}", "F:10:5: error: key 1 has 5 bytes: it needs 32 to 64"),
    same("priority 100", "auth_hmac {\nkey 1 hex:0g\n}", "F:11:7: error: a secret after `hex:` is two hexadecimal digits for each byte"),
    same("priority 100", "auth_hmac {\nkey 1 hex:+f\n}", "F:11:7: error: a secret after `hex:` is two hexadecimal digits for each byte"),
    same("priority 100", "auth_hmac {\nkey 1 file:/k\n}", "F:11:7: error: a secret begins with `ascii:` or `hex:`; secrets in files of their own are not supported"),
    same("priority 100", "auth_hmac {\nkey 1 ascii:0123456789abcdef0123456789abcdef\nactive_key 2\n}", "F:10:5: error: key 2 is to sign adverts, but is not among the keys"),
    Row("priority 100", "unicast_peer {\n}", "F:10:5: error: unicast needs peers: adverts have no destination", "F:10:5: warning: unicast needs peers: adverts have no destination; multicast in its place"),
    same("priority 100", "unicast_peer {\nfe80::2\n}", "F:7:15: error: virtual router `A` has no virtual address"),
    Row("priority 100", "unicast_peer {\n10.0.0.2 min_ttl 256\n}", "F:11:18: error: `min_ttl` must be 0 to 255, not 256", "F:11:1: warning: adverts of a peer without `min_ttl` must arrive with TTL 255, which none has that came through a router; keepalived takes any"),
    Row("global_defs {", "vrrp_sync_group G { group { A B } }\nglobal_defs {", "F:1:31: error: there is no virtual router `B`", "F:1:17: warning: sync group `G` has fewer than two members: it has no effect"),
    same("global_defs {", "vrrp_sync_group G { group { A } }\nglobal_defs {", "F:1:17: warning: sync group `G` has fewer than two members: it has no effect"),
    Row("priority 100", "notify_master /bin/true user group more", "F:10:40: error: a user and a group follow the command, nothing more: this", "F:10:40: warning: a user and a group follow the command, nothing more: this; ignored"),
    Row("priority 100", "priority 100\n    priority 90", "F:10:5: error: `priority` is given twice, the last one counts: this one", "F:10:5: warning: `priority` is given twice, the last one counts: this one; ignored"),
    // Values.
    same("priority 100", "priority", "F:10:5: error: `priority` needs a value"),
    Row("priority 100", "priority high", "F:10:14: error: `high` is not a whole number", "F:10:14: warning: `high` is not a whole number; 100 in its place"),
    Row("priority 100", "priority 256", "F:10:14: error: `priority` must be 1 to 255, not 256", "F:10:14: warning: `priority` must be 1 to 255, not 256; 100 in its place"),
    Row("priority 100", "priority 100 9", "F:10:18: error: `priority` takes one value: what follows it", "F:10:18: warning: `priority` takes one value: what follows it; ignored"),
    same("virtual_router_id 1", "virtual_router_id 0", "F:9:23: error: a VRID must be 1 to 255, not 0"),
    same("    virtual_router_id 1\n", "", "F:7:15: error: vrrp_instance `A` has no `virtual_router_id`"),
    same("    interface eth0\n", "", "F:7:15: error: vrrp_instance `A` has no `interface`"),
    same("interface eth0", "interface eth0123456789abc", "F:8:15: error: interface must be 1 to 15 bytes, without spaces and slashes"),
    Row("advert_int 1", "advert_int 1s", "F:11:16: error: `1s` is not a number of seconds from 0.01 to 255", "F:11:16: warning: `1s` is not a number of seconds from 0.01 to 255; ignored"),
    Row("advert_int 1", "advert_int 1.4", "F:11:16: error: `advert_int` of VRRPv2 is rounded to 1s, as keepalived does: the rest", "F:11:16: warning: `advert_int` of VRRPv2 is rounded to 1s, as keepalived does: the rest; ignored"),
    Row("advert_int 1", "advert_int 41\nversion 3", "F:11:16: error: `advert_int` of VRRPv3 is at most 40.95 s", "F:11:16: warning: `advert_int` of VRRPv3 is at most 40.95 s; 40.95 s in its place"),
    Row("advert_int 1", "version 4", "F:11:13: error: `version` must be 2 to 3, not 4", "F:11:13: warning: `version` must be 2 to 3, not 4; ignored"),
    same("advert_int 1", "version 3", "F:14:19: warning: VRRPv3 has no authentication: the password is not used"),
    same("auth_pass 1111", "auth_pass 123456789", "F:14:19: warning: the password is longer than 8 bytes: only the first 8 are sent and compared"),
    same("auth_type PASS", "auth_type AH", "F:13:19: error: authentication by AH is not supported"),
    Row("        auth_pass 1111\n", "", "F:13:19: error: `auth_type PASS` needs an `auth_pass`: without one there is no authentication, so this", "F:13:19: warning: `auth_type PASS` needs an `auth_pass`: without one there is no authentication, so this; ignored"),
    same("10.0.0.1", "2001:db8::1", "F:14:19: warning: VRRPv3 has no authentication: the password is not used"),
    same("10.0.0.1", "10.0.0.1\nfe80::1", "F:21:1: warning: an IPv6 address in an instance of IPv4: it is not installed, as in keepalived"),
    Row("10.0.0.1", "fe80::1/129", "F:20:9: error: the prefix length of virtual address `fe80::1/129` must be 0 to 128", "F:14:19: warning: VRRPv3 has no authentication: the password is not used"),
    Row("10.0.0.1", "10.0.0.1/33", "F:20:9: error: the prefix length of virtual address `10.0.0.1/33` must be 0 to 32", "F:20:9: warning: the prefix length of virtual address `10.0.0.1/33` must be 0 to 32; 32 in its place"),
    Row("10.0.0.1", "10.0.0.256", "F:20:9: error: virtual address `10.0.0.256` is not an IP address", "F:7:15: error: virtual router `A` has no virtual address"),
    same("        10.0.0.1\n", "", "F:7:15: error: virtual router `A` has no virtual address"),
    Row("10.0.0.1", "10.0.0.1\n10.0.0.1", "F:21:1: error: virtual address `10.0.0.1` is listed twice", "F:21:1: warning: virtual address `10.0.0.1` is listed twice; ignored"),
    Row("10.0.0.1", "10.0.0.1 scope link", "F:20:18: error: `scope` of an address is not supported yet", "F:20:18: warning: `scope` of an address is not supported yet; ignored"),
    Row("priority 100", "state SLAVE", "F:10:11: error: the state `SLAVE` is neither MASTER nor BACKUP", "F:10:11: warning: the state `SLAVE` is neither MASTER nor BACKUP; ignored"),
    Row("advert_int 1", "state MASTER\nnopreempt", "F:12:1: error: `nopreempt` needs `state BACKUP`, on both nodes", "F:12:1: warning: `nopreempt` needs `state BACKUP`, on both nodes; ignored"),
    same("priority 100", "state MASTER", "F:10:11: warning: `state MASTER` without `priority` means priority 255, the address owner"),
    Row("        chk\n", "        chk weight 300\n", "F:17:20: error: `weight` must be -253 to 253, not 300", "F:17:20: warning: `weight` must be -253 to 253, not 300; ignored"),
    Row("        chk\n", "        chkk\n", "F:17:9: error: tracks the script `chkk`, which is not defined", "F:17:9: warning: tracks the script `chkk`, which is not defined; ignored"),
    Row("/bin/true", "bin/true", "F:5:12: error: the program `bin/true` must be an absolute path, or a name without a slash", "F:5:12: warning: the program `bin/true` must be an absolute path, or a name without a slash; this script is not tracked"),
    Row("/bin/true", "/bin/true 'x", "F:5:12: error: the command: a quote is not closed", "F:5:12: warning: the command: a quote is not closed; this script is not tracked"),
];

#[test]
fn each_mistake_is_named_with_its_place() {
    assert_eq!(lines(GOOD, Language::Keepalived, Mode::Strict), [""; 0], "the good file");
    let mut wrong = Vec::new();
    for Row(from, to, strict, lenient) in ROWS {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        for (mode, expected) in [(Mode::Strict, strict), (Mode::Lenient, lenient)] {
            let said = lines(&text, Language::Keepalived, mode);
            if said.first().map(String::as_str) != Some(*expected) {
                wrong.push(format!("{from} -> {to}\n  {said:?}\n  {expected}"));
                continue;
            }
            let (outcome, _) = read(&text, Language::Keepalived, mode);
            assert_eq!(
                outcome.config.is_none(),
                expected.contains(" error: "),
                "{from} -> {to}: a config exactly when there is no error"
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn suggestions_name_what_was_meant() {
    let help = |from: &str, to: &str| {
        let text = GOOD.replacen(from, to, 1);
        helps(&text, Language::Keepalived, Mode::Strict).remove(0)
    };
    assert_eq!(help("priority", "prioriti"), "did you mean `priority`?");
    assert_eq!(help("vrrp_instance", "vrrp_instnace"), "did you mean `vrrp_instance`?");
    assert_eq!(help("        chk\n", "        chkk\n"), "did you mean `chk`?");
    assert_eq!(
        help("router_id R", "virtual_router_id 5"),
        "it belongs in vrrp_instance: is a brace missing or left over?"
    );
}

#[test]
fn what_must_differ_between_routers_is_compared() {
    let other = GOOD[GOOD.find("vrrp_instance").unwrap_or(0)..].to_owned();
    let first = |other: &str| {
        lines(&format!("{GOOD}{other}"), Language::Keepalived, Mode::Lenient).remove(0)
    };
    let distinct = |text: &str| {
        text.replace("vrrp_instance A", "vrrp_instance B")
            .replace("virtual_router_id 1", "virtual_router_id 2")
            .replace("10.0.0.1", "10.0.0.2")
    };
    let line = |said: &str| format!("F:{said}");
    assert!(
        lines(&format!("{GOOD}{}", distinct(&other)), Language::Keepalived, Mode::Strict)
            .is_empty()
    );
    assert_eq!(
        first(&distinct(&other).replace(" B ", " A ")),
        line("23:15: error: the name of the virtual router `A` is used twice")
    );
    assert_eq!(
        first(&distinct(&other).replace("virtual_router_id 2", "virtual_router_id 1")),
        line("25:23: error: VRID 1 on eth0 is used by `A` too")
    );
    assert_eq!(
        first(&distinct(&other).replace("10.0.0.2", "10.0.0.1/24")),
        line(
            "36:9: warning: virtual address `10.0.0.1` of `B` belongs to `A` too: a node has it while it is master of either"
        )
    );
}

#[test]
fn nesting_is_bounded() {
    let text = "a {\n".repeat(100_000);
    let said = lines(&text, Language::Keepalived, Mode::Lenient);
    assert_eq!(said[0], "F:17:3: error: blocks nest deeper than 16");
}

#[test]
fn a_thousand_mistakes_are_counted_not_kept() {
    let text = format!("{GOOD}{}", "nonsense\n".repeat(1000));
    let (outcome, _) = read(&text, Language::Keepalived, Mode::Strict);
    assert!(outcome.config.is_none());
    assert_eq!(outcome.diagnostics.len(), 101);
    assert_eq!(outcome.diagnostics[100].message, "900 more problems not shown");
}
