use vrrp_model::{Backend, BodyRegex, Command, Forward, HttpCheck, ScriptCheck, Service};

use super::*;

fn script(program: &str) -> Check {
    let script = ScriptCheck { command: Command::new([program]), dynamic: false };
    Check::new(CheckKind::Script(script))
}

/// The check of a service, and what is left of it.
fn left(check: Check) -> (Check, Vec<String>) {
    let backend =
        Backend { address: [192, 0, 2, 2].into(), port: 80, weight: 1, forward: Forward::Auto };
    let mut service = Service::on([192, 0, 2, 1].into(), vec![backend], check);
    let mut messages = Vec::new();
    remove_from(&mut service.check, "the backends of service web", &mut messages);
    (service.check, messages)
}

#[test]
fn a_regex_that_is_none_is_left_out_and_named() {
    let mut http = HttpCheck::new(None, "/a");
    let body = |pattern: &str| Some(BodyRegex { pattern: pattern.to_owned(), no_match: false });
    http.requests[0].body = body("a(?=b)");
    let (check, said) = left(Check::new(CheckKind::Http(http.clone())));
    assert_eq!(check.kind, CheckKind::Http(HttpCheck::new(None, "/a")));
    let message = "the backends of service web: /a is checked without its regex, which is not supported: look-around, including look-ahead and look-behind, is not supported";
    assert_eq!(said, [message]);
    http.requests[0].body = body("a+b");
    let good = Check::new(CheckKind::Http(http));
    assert_eq!(left(good.clone()), (good, Vec::new()));
}

#[test]
fn a_script_that_cannot_run_is_left_out_and_named() {
    let tcp = Check::new(CheckKind::Tcp { port: None });
    let (check, said) = left(script("/does/not/exist"));
    assert_eq!((check.kind, said.len()), (CheckKind::None, 1));
    let start = "the backends of service web: the script /does/not/exist does not check, because it cannot run: ";
    assert!(said[0].starts_with(start), "{said:?}");
    let (check, _) = left(Check { also: vec![tcp.clone()], ..script("/does/not/exist") });
    assert_eq!(check, tcp);
    let (check, _) = left(Check { also: vec![script("/does/not/exist")], ..tcp.clone() });
    assert_eq!(check, tcp);
}
