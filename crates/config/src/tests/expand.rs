//! Variables, conditions and sequences: what a file says after them, read from the routers'
//! addresses and names.

use super::*;
use crate::{Surroundings, parse_on};

fn on_host(text: &str, mode: Mode) -> (Outcome, Source) {
    let surroundings = Surroundings {
        host_name: "node1.example.net".to_owned(),
        directory: "/etc/keepalived".to_owned(),
        environment: [("SITE".to_owned(), "7".to_owned())].into(),
        ..Surroundings::default()
    };
    let source = Source::new("F", text.as_bytes());
    let outcome = parse_on(&source, Language::Keepalived, mode, &surroundings);
    (outcome, source)
}

/// The addresses of the only router, from the lines of its `virtual_ipaddress`.
fn addresses(before: &str, lines: &str) -> Vec<String> {
    let text = format!(
        "{before}\nvrrp_instance A {{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {{\n{lines}\n}}\n}}\n"
    );
    let (outcome, _) = on_host(&text, Mode::Strict);
    let config = outcome.config.unwrap_or_else(|| panic!("{text}{:?}", outcome.diagnostics));
    config.routers[0].addresses.iter().map(|vip| vip.address.to_string()).collect()
}

#[test]
fn variables_are_replaced_where_they_are_used() {
    assert_eq!(addresses("$A=10.0.0.1", "$A"), ["10.0.0.1"]);
    assert_eq!(addresses("$A=10.2.${B}\n$B=0", "${A}.100"), ["10.2.0.100"], "late");
    assert_eq!(
        addresses("$A=10.2.${B}\n$B=0", "${A}.100\n$B=10\n${A}.100"),
        ["10.2.0.100", "10.2.10.100"],
        "again"
    );
    assert_eq!(addresses("$A=10.0.0.1 dev eth1", "$A"), ["10.0.0.1"], "several words");
    assert_eq!(
        addresses("$NO=\n$A=10.0.0.1", "${NO}10.0.0.2${NO}\n$NO\n$A"),
        ["10.0.0.2", "10.0.0.1"],
        "empty"
    );
    assert_eq!(addresses("  $A=10.0.0.1 # a note", "$A ! another"), ["10.0.0.1"], "comments");
}

#[test]
fn keepalived_s_own_variables() {
    assert_eq!(addresses("", "10.0.${_ENV SITE}.1"), ["10.0.7.1"]);
    let text = "vrrp_script s {\nscript \"/bin/x ${_PWD} ${_INSTANCE} ${_HASH} ${_BANG}\"\n}\n";
    let (outcome, _) = on_host(&format!("{text}{NODE1}"), Mode::Strict);
    let config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    assert_eq!(config.scripts[0].command.words, ["/bin/x", "/etc/keepalived", "node1", "#", "!"]);
    for _ in 0..50 {
        let drawn = addresses("", "10.0.0.${_RANDOM 5 9}");
        assert!(("10.0.0.5".."10.0.0.:").contains(&drawn[0].as_str()), "{drawn:?}");
    }
}

#[test]
fn a_variable_may_stand_for_lines() {
    let text = "\
$INSTANCE= \\
vrrp_instance VI_${NUM} { \\
    interface eth0 \\
    virtual_router_id ${NUM} \\
    @node1 priority 150 \\
    @node2 priority 100 \\
    virtual_ipaddress { \\
        10.0.${NUM}.1 \\
    } \\
}

$NUM=1
$INSTANCE
~SEQ(NUM,2,3) $INSTANCE
";
    let (outcome, _) = on_host(text, Mode::Strict);
    let config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    let essence: Vec<_> = config
        .routers
        .iter()
        .map(|r| (r.name.as_str(), r.vrid, r.priority, r.addresses[0].address))
        .collect();
    let address = |third| std::net::IpAddr::from([10, 0, third, 1]);
    assert_eq!(
        essence,
        [("VI_1", 1, 150, address(1)), ("VI_2", 2, 150, address(2)), ("VI_3", 3, 150, address(3))]
    );
}

#[test]
fn a_mistake_in_a_variable_is_shown_where_it_is_written() {
    let text = "$P=1oo\nvrrp_instance A {\ninterface eth0\nvirtual_router_id 1\npriority $P\nvirtual_ipaddress { 10.0.0.1 }\n}\n";
    let (outcome, source) = on_host(text, Mode::Strict);
    assert_eq!(
        headline(&source, &outcome.diagnostics[0]),
        "F:1:4: error: `1oo` is not a whole number"
    );
}

#[test]
fn conditions_go_by_the_config_id() {
    assert_eq!(
        addresses("", "@node1 10.0.0.1\n@node2 10.0.0.2\n@^node1 10.0.0.3\n@^node2 10.0.0.4"),
        ["10.0.0.1", "10.0.0.4"]
    );
    assert_eq!(addresses("@node1 $A=10.0.0.1\n@node2 $A=10.0.0.2", "$A"), ["10.0.0.1"]);
    assert_eq!(addresses("$IF=@node1\n$IF2=@node2", "$IF 10.0.0.1\n$IF2 10.0.0.2"), ["10.0.0.1"]);
    let block = "@node2 vrrp_script s {\n@node2 script /bin/true\n@node2 }\n";
    let (outcome, _) = on_host(&format!("{block}{NODE1}"), Mode::Strict);
    assert!(outcome.config.is_some_and(|config| config.scripts.is_empty()));
}

#[test]
fn sequences_are_written_out() {
    assert_eq!(
        addresses("", "~SEQ(N, 0, 3) 10.0.${N}.1"),
        ["10.0.0.1", "10.0.1.1", "10.0.2.1", "10.0.3.1"]
    );
    assert_eq!(addresses("", "~SEQ(N, 2) 10.0.${N}.1"), ["10.0.1.1", "10.0.2.1"]);
    assert_eq!(
        addresses("$MAX=5", "~SEQ(N, 1, 2, $MAX ) 10.0.${N}.1"),
        ["10.0.1.1", "10.0.3.1", "10.0.5.1"]
    );
    assert_eq!(addresses("", "~SEQ(N, 3, -1, 2) 10.0.${N}.1"), ["10.0.3.1", "10.0.2.1"]);
    assert_eq!(
        addresses("", "~SEQ(A,1,2) ~SEQ(B,3,4) 10.0.${A}.${B}"),
        ["10.0.1.3", "10.0.1.4", "10.0.2.3", "10.0.2.4"]
    );
    assert_eq!(addresses("", "~LST(A, 10.0.0.1, 10.0.0.9) $A"), ["10.0.0.1", "10.0.0.9"]);
    assert_eq!(
        addresses("", "~LST({A,B},{10,1},{20,4}) 10.0.${A}.${B}"),
        ["10.0.10.1", "10.0.20.4"]
    );
    assert_eq!(addresses("", "~LST({A,B},{1,2},{3,4}) ~SEQ(C,5,6) 10.${C}.${A}.${B}").len(), 4);
    // Hexadecimal: seen in a label.
    let text = "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n~SEQx(N,0x9,1,10) 10.0.0.1 label e:${N}\n}\n}\n";
    let (outcome, _) = on_host(text, Mode::Lenient);
    assert_eq!(
        outcome.config.and_then(|config| config.routers[0].addresses[0].label.clone()).as_deref(),
        Some("e:9")
    );
}

#[test]
fn a_dollar_that_names_nothing_stays() {
    let text =
        format!("vrrp_script s {{\nscript \"/bin/sh -c 'echo $HOME $1 ${{X}} $'\"\n}}\n{NODE1}");
    let (outcome, source) = on_host(&text, Mode::Strict);
    let said: Vec<_> =
        outcome.diagnostics.iter().map(|diagnostic| headline(&source, diagnostic)).collect();
    assert_eq!(said[0], "F:2:26: warning: no variable is defined for `$HOME`: it stays as it is");
    let config = outcome.config.unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!(config.scripts[0].command.words, ["/bin/sh", "-c", "echo $HOME $1 ${X} $"]);
}

#[test]
fn escapes_are_the_shell_s() {
    let text = format!(
        "vrrp_script s {{\nscript \"/bin/x 'a\\x20b' \\103\\t'' c\\#d\" # note\n}}\n{NODE1}"
    );
    let (outcome, _) = on_host(&text, Mode::Strict);
    let config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    assert_eq!(config.scripts[0].command.words, ["/bin/x", "a b", "C", "", "c#d"]);
}

#[test]
fn a_password_behind_a_variable_is_masked() {
    let auth = "authentication {\nauth_type PASS\nauth_pass $PASS\n}";
    let text = format!(
        "$PASS=${{HALF}}ter2\n$HALF=hun\n~LST(PASS,hunter2) x\nvrrp_instance A {{\ninterface eth0\nvirtual_router_id 1\nversion 3\n{auth}\n\
         virtual_ipaddress {{ 10.0.0.1 }}\n}}\n"
    );
    let (outcome, source) = on_host(&text, Mode::Lenient);
    let said: String =
        outcome.diagnostics.iter().map(|diagnostic| render(&source, diagnostic)).collect();
    assert!(said.contains("the password is not used"), "{said}");
    for secret in ["hunter2", "ter2", "hun"] {
        assert!(!said.contains(secret), "{said}");
    }
}
