use std::io::Write;

use super::*;
use clap::CommandFactory;

fn asked_for(words: &[&str]) -> Result<Asked, String> {
    asked(Keepalived::parse_from([&["/usr/sbin/keepalived"], words].concat()))
}

#[test]
fn the_program_takes_this_command_line_by_its_name_alone() {
    for (program, is) in [
        ("keepalived", true),
        ("/usr/sbin/keepalived", true),
        ("/usr/sbin/vrrp-agent", false),
        ("/opt/keepalived/vrrp-agent", false),
    ] {
        assert_eq!(is_called(Some(&program.into())), is, "{program}");
    }
    Keepalived::command().debug_assert();
}

#[test]
fn what_units_and_containers_write_runs_in_the_foreground() {
    let words = ["--dont-fork", "--log-console", "--log-detail", "-f", "/etc/k.conf", "--vrrp"];
    let Ok(Asked::Run { run, foreground }) = asked_for(&words) else { panic!("it runs") };
    assert!(foreground);
    assert_eq!(run.config.as_deref(), Some(Path::new("/etc/k.conf")));
    assert_eq!(run.pid_file.as_deref(), Some(Path::new("/run/keepalived.pid")));
    let Ok(Asked::Run { run, foreground }) = asked_for(&["-D", "-i", "node1"]) else {
        panic!("it runs")
    };
    assert!(!foreground);
    assert_eq!(run.config.as_deref(), Some(Path::new("/etc/keepalived/keepalived.conf")));
    assert_eq!(run.config_id.as_deref(), Some("node1"));
    assert!(asked_for(&["-s", "blue"]).is_err_and(|why| why.contains("ip netns exec blue")));
}

#[test]
fn signals_have_keepalived_s_numbers() {
    for (function, number) in [
        ("STOP", 15),
        ("RELOAD", 1),
        ("DATA", 10),
        ("STATS", 12),
        ("JSON", 36),
        ("STATS_CLEAR", 63),
    ] {
        let asked = asked_for(&[&format!("--signum={function}")]);
        assert!(matches!(asked, Ok(Asked::Signal(found)) if found == number), "{function}");
    }
    assert!(asked_for(&["--signum=FOO"]).is_err());
}

#[test]
fn a_test_has_the_exit_codes_of_keepalived() {
    let good = "vrrp_instance A {\n    interface eth1\n    virtual_router_id 1\n    virtual_ipaddress {\n        192.0.2.1\n    }\n}\n";
    let script = "vrrp_script s {\n    script /bin/true\n}\n";
    for (text, code) in [
        (good.to_owned(), 0),
        ("garbage {".to_owned(), 4),
        (good.replace("interface eth1", "interface eth1\n    priority 0"), 5),
        (format!("{script}{good}"), 6),
        (format!("global_defs {{\n    enable_script_security\n}}\n{script}{good}"), 0),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let (report, found) = test(file.path(), None);
        assert_eq!(found, code, "{text}\n{report}");
    }
    let words = asked_for(&["-t=/tmp/log", "-f", "x"]);
    assert!(
        matches!(words, Ok(Asked::Test { log: Some(log), .. }) if log == Path::new("/tmp/log"))
    );
    assert!(matches!(asked_for(&["-t"]), Ok(Asked::Test { log: None, .. })));
}
