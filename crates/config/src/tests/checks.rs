//! Checks of real servers, and what becomes of them.

use super::*;
use std::time::Duration;

use vrrp_model::{
    BodyRegex, Check, CheckKind, Command, DnsCheck, DnsRecord, HexBytes, HttpCheck, HttpRequest,
    HttpVersion, ScriptCheck, Service, Sni, UdpCheck, UdpReply,
};

const ROUTER: &str =
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 }\n}\n";

/// A virtual_server whose only real_server has these lines, behind `above` of its own.
fn server(above: &str, lines: &str) -> String {
    format!(
        "virtual_server 10.0.0.1 80 {{ protocol TCP\nlvs_sched mh\nmh-port\n{above}\nreal_server 10.0.0.11 80 {{\n{lines}\n}} }}\n{ROUTER}"
    )
}

fn said(text: &str, mode: Mode) -> Vec<String> {
    lines(text, Language::Keepalived, mode)
}

fn service(text: &str, mode: Mode) -> Service {
    let (outcome, _) = read(text, Language::Keepalived, mode);
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics)).services.remove(0)
}

/// The check of a real_server that is read without a word.
fn check(above: &str, lines: &str) -> Check {
    let text = server(above, lines);
    assert_eq!(said(&text, Mode::Strict), [""; 0], "{text}");
    service(&text, Mode::Strict).check
}

fn http(kind: CheckKind) -> HttpCheck {
    match kind {
        CheckKind::Http(http) => http,
        kind => panic!("{kind:?}"),
    }
}

fn request(path: &str) -> HttpRequest {
    HttpRequest { status: vec![200..=299], ..HttpRequest::new(path) }
}

#[test]
fn each_url_is_a_request_with_the_innermost_host() {
    let url = |lines: &str| format!("url {{\n{lines}\n}}\n");
    let lines = format!(
        "virtualhost b.example\nHTTP_GET {{\nconnect_ip 10.1.0.11\nconnect_port 8080\nhttp_protocol 1.0\n{}{}{}}}",
        url("path /a"),
        url("path /b\nvirtualhost d.example\nstatus_code 200-299 301"),
        url("path /c\ndigest 9b3a0c85a887a256d6939da88aabd8cd"),
    );
    let outer = check("virtualhost a.example", &lines);
    let host = |host: &str, request| HttpRequest { host: Some(host.to_owned()), ..request };
    let digest = 0x9b3a_0c85_a887_a256_d693_9da8_8aab_d8cd_u128.to_be_bytes();
    let requests = |inner: &str| {
        vec![
            host(inner, request("/a")),
            HttpRequest { status: vec![200..=299, 301..=301], ..host("d.example", request("/b")) },
            HttpRequest { digest: Some(digest), ..host(inner, request("/c")) },
        ]
    };
    let of = |inner| HttpCheck {
        port: Some(8080),
        tls: None,
        version: HttpVersion::Http10,
        requests: requests(inner),
    };
    assert_eq!(outer.address, Some([10, 1, 0, 11].into()));
    assert_eq!(http(outer.kind), of("b.example"));
    let in_check = lines.replace("HTTP_GET {", "HTTP_GET {\nvirtualhost c.example");
    assert_eq!(http(check("virtualhost a.example", &in_check).kind), of("c.example"));
    let in_server = lines.replace("virtualhost b.example\n", "");
    assert_eq!(http(check("virtualhost a.example", &in_server).kind), of("a.example"));
}

#[test]
fn ssl_get_is_http_get_over_tls() {
    let tls = |lines: &str| {
        let kind = check("", &format!("SSL_GET {{\n{lines}\nurl {{\npath /a\n}} }}")).kind;
        let http = http(kind);
        assert_eq!(http.requests, [request("/a")]);
        http.tls
    };
    assert_eq!(tls(""), Some(Sni::Off));
    assert_eq!(tls("enable_sni"), Some(Sni::Host));
    assert_eq!(tls("enable_sni\nsni_name a.example"), Some(Sni::Name("a.example".to_owned())));
    let text = server("", "HTTP_GET { enable_sni\nurl {\npath /\n} }");
    let message = "F:6:12: warning: `enable_sni` has no effect: HTTP_GET has no TLS";
    assert_eq!(said(&text, Mode::Strict), [message]);
    assert_eq!(http(service(&text, Mode::Strict).check.kind).tls, None);
}

#[test]
fn a_regex_of_pcre_is_one_of_the_crate_where_it_can_be() {
    let body = |lines: &str| {
        let lines = format!("HTTP_GET {{ url {{\npath /\n{lines}\n}} }}");
        http(check("", &lines).kind).requests.remove(0).body.expect("a regex")
    };
    let of = |pattern: &str, no_match| BodyRegex { pattern: pattern.to_owned(), no_match };
    assert_eq!(body("regex ^OK$"), of("(?-u)^OK$", false));
    assert_eq!(body("regex \"^a b\\\\.c\""), of("(?-u)^a b\\.c", false));
    assert_eq!(body("regex OK\nregex_no_match"), of("(?-u)OK", true));
    assert_eq!(
        body("regex OK\nregex_options caseless dotall utf no_auto_capture"),
        of("(?is)OK", false)
    );
    assert_eq!(body("regex [(?=]"), of("(?-u)[(?=]", false));
    for (pattern, what) in [
        ("'a(?=b)'", "looking ahead"),
        ("'(?<=a)b'", "looking behind"),
        ("'(a)\\1'", "references to groups"),
        ("'a++'", "possessive repetition"),
    ] {
        let text = server("", &format!("HTTP_GET {{ url {{\npath /\nregex {pattern}\n}} }}"));
        let message = format!(
            "F:8:7: error: this regex of PCRE2 is different from what is supported, which has no {what}: it"
        );
        assert_eq!(said(&text, Mode::Strict), [message]);
        assert_eq!(http(service(&text, Mode::Lenient).check.kind).requests, [request("/")]);
    }
    let option = server("", "HTTP_GET { url {\npath /\nregex a\nregex_options firstline\n} }");
    let message = "F:9:15: error: `firstline`: this option of PCRE2 is not supported, and matches can be different: it";
    assert_eq!(said(&option, Mode::Strict), [message]);
}

#[test]
fn what_keepalived_skips_of_an_http_check_is_said() {
    for (lines, message) in [
        (
            "HTTP_GET {\n}",
            "F:6:1: error: a check without a `url` that has a `path` checks nothing: this one",
        ),
        (
            "HTTP_GET { url {\npath /\nstatus_code 99\n} }",
            "F:8:13: error: `99` is no status from 100 to 599, nor a range: it",
        ),
        (
            "HTTP_GET { url {\npath /\ndigest abc\n} }",
            "F:8:8: error: a digest is 32 hexadecimal digits, as `genhash` prints it: this one",
        ),
        (
            "HTTP_GET { url {\npath /\nregex_no_match\n} }",
            "F:8:1: error: without a `regex` there is nothing to match: this",
        ),
        (
            "HTTP_GET { url {\npath /\n}\nhttp_protocol 2\n}",
            "F:9:15: error: `2` is none of 1.0, 1.0C and 1.1: this version",
        ),
    ] {
        assert_eq!(said(&server("", lines), Mode::Strict), [message], "{lines}");
    }
    let second = server("", "HTTP_GET { url {\npath /\n}\nurl { digest x\n} }");
    let message = "F:9:1: error: keepalived skips a `url` without a `path`: this one";
    assert!(said(&second, Mode::Strict).contains(&message.to_owned()));
    assert_eq!(http(service(&second, Mode::Lenient).check.kind).requests, [request("/")]);
}

#[test]
fn a_misc_check_is_a_script_with_its_account_and_times() {
    let script = |above: &str, lines: &str| {
        let check = check(above, &format!("MISC_CHECK {{\n{lines}\n}}"));
        let CheckKind::Script(script) = check.kind.clone() else { panic!("{check:?}") };
        (script, check)
    };
    let (plain, check) = script("delay_loop 7", "misc_path \"/bin/x -a 'b c'\"");
    let words = Command { secure: false, ..Command::new(["/bin/x", "-a", "b c"]) };
    assert_eq!(plain, ScriptCheck { command: words, dynamic: false });
    let seconds = Duration::from_secs;
    assert_eq!((check.interval, check.timeout), (seconds(7), seconds(7)));
    // keepalived forgives no failure of a script.
    assert_eq!((check.fall, check.retry_interval), (1, None));

    let lines = "misc_path /bin/x\nmisc_timeout 3\nuser nobody nogroup\nretry 2";
    let (other, check) = script("", lines);
    let account = (other.command.user.as_deref(), other.command.group.as_deref());
    assert_eq!(account, (Some("nobody"), Some("nogroup")));
    assert_eq!((check.interval, check.timeout), (seconds(60), seconds(3)));
    assert_eq!((check.fall, check.retry_interval), (3, Some(seconds(1))));

    let dynamic = server("", "MISC_CHECK {\nmisc_path /bin/x\nmisc_dynamic\n}");
    let message = "F:8:1: error: `misc_dynamic`: exit statuses from 2 on are good, but the weight that they mean is not followed: it";
    assert_eq!(said(&dynamic, Mode::Strict), [message]);
    let kind = service(&dynamic, Mode::Lenient).check.kind;
    assert!(matches!(kind, CheckKind::Script(ScriptCheck { dynamic: true, .. })), "{kind:?}");

    let without = server("", "MISC_CHECK {\nmisc_timeout 3\n}");
    let message = "F:6:1: error: keepalived skips a MISC_CHECK without a `misc_path`: this one";
    assert_eq!(said(&without, Mode::Strict), [message]);
    assert_eq!(service(&without, Mode::Lenient).check.kind, CheckKind::None);
    let users = format!(
        "global_defs {{ script_user daemon }}\n{}",
        server("", "MISC_CHECK {\nmisc_path /bin/x\n}")
    );
    let command = service(&users, Mode::Strict).check.kind.command().cloned();
    assert_eq!(command.and_then(|command| command.user).as_deref(), Some("daemon"));
}

#[test]
fn retries_come_after_their_own_time() {
    let times = |above: &str, lines: &str| {
        let check = check(above, lines);
        (check.interval.as_secs(), check.retry_interval.map(|time| time.as_secs()), check.fall)
    };
    let http = |lines: &str| format!("HTTP_GET {{\nurl {{\npath /\n}}\n{lines}\n}}");
    let tcp = |lines: &str| format!("TCP_CHECK {{\n{lines}\n}}");
    assert_eq!(times("", &tcp("")), (60, Some(1), 2));
    assert_eq!(times("", &http("")), (60, Some(3), 2));
    assert_eq!(times("retry 3\ndelay_before_retry 2", &http("")), (60, Some(2), 4));
    assert_eq!(times("delay_before_retry 2", &http("delay_before_retry 5")), (60, Some(5), 2));
    assert_eq!(
        times("delay_before_retry 2", &format!("delay_before_retry 4\n{}", tcp(""))),
        (60, Some(4), 2)
    );
    assert_eq!(times("", &tcp("retry 0")), (60, None, 1));
}

#[test]
fn all_checks_of_a_real_server_count_each_with_its_own_times() {
    let lines = "TCP_CHECK { retry 4 }\nHTTP_GET {\nurl {\npath /\n}\ndelay_loop 5\n}\nMISC_CHECK { misc_path /bin/x\n}";
    let check = check("", lines);
    let seen: Vec<_> = check
        .all()
        .map(|one| (one.kind.check_type().label(), one.interval.as_secs(), one.fall))
        .collect();
    assert_eq!(seen, [("tcp", 60, 5), ("http", 5, 2), ("script", 60, 1)]);
    let toml = crate::to_toml(
        &read(&server("", lines), Language::Keepalived, Mode::Strict).0.config.expect("a config"),
    );
    assert!(toml.contains("check = [{ type = \"tcp\""), "{toml}");

    // A mistake in one of them leaves the others.
    let bad = server("", &lines.replace("/bin/x", "bin/x"));
    let kinds: Vec<_> =
        service(&bad, Mode::Lenient).check.all().map(|one| one.kind.check_type().label()).collect();
    assert_eq!(kinds, ["tcp", "http"]);
    assert!(
        said(&bad, Mode::Lenient)[0].ends_with("or a name without a slash; this check is left out")
    );
}

#[test]
fn the_other_checks_have_keywords_of_their_own() {
    let kind = |lines: &str| check("", lines).kind;
    let helo = |helo: &str| CheckKind::Smtp { port: None, helo: helo.to_owned() };
    assert_eq!(kind("SMTP_CHECK { }"), helo("smtpchecker.keepalived.org"));
    assert_eq!(kind("SMTP_CHECK { helo_name a.example\n}"), helo("a.example"));
    assert_eq!(kind("PING_CHECK { }"), CheckKind::Ping);
    let dns =
        |name: &str, record| CheckKind::Dns(DnsCheck { port: None, name: name.to_owned(), record });
    let default = check("", "DNS_CHECK { }");
    assert_eq!(default.kind, dns(".", DnsRecord::Soa));
    assert_eq!((default.fall, default.retry_interval), (4, Some(default.interval)));
    assert_eq!(
        kind("DNS_CHECK {\ntype AAAA\nname a.example.\n}"),
        dns("a.example.", DnsRecord::Aaaa)
    );
    let hex = |text: &str| HexBytes::parse(text).expect("digits");
    let udp = |payload: HexBytes, reply| CheckKind::Udp(UdpCheck { port: None, payload, reply });
    assert_eq!(kind("UDP_CHECK { }"), udp(UdpCheck::PAYLOAD.into(), None));
    // The example of keepalived's manual.
    let payload = hex("AB120F03450654644312 03");
    assert_eq!(kind("UDP_CHECK { payload Ab12f 3 456 546443123\n}"), udp(payload, None));
    let reply = |begins: &str, length| Some(UdpReply { begins: hex(begins), length });
    assert_eq!(
        kind("UDP_CHECK { require_reply\n}"),
        udp(UdpCheck::PAYLOAD.into(), reply("", 0..=255))
    );
    let lines =
        "UDP_CHECK { payload 01\nrequire_reply 1x x2\nmin_reply_length 2\nmax_reply_length 300\n}";
    assert_eq!(kind(lines), udp(hex("01"), reply("1xx2", 2..=300)));
    let bad = server("", "UDP_CHECK { payload 0g\n}");
    let message = "F:6:21: error: bytes are written in hexadecimal digits: these";
    assert_eq!(said(&bad, Mode::Strict), [message]);
}

#[test]
fn a_backend_whose_check_is_not_supported_is_named() {
    let alone = server("", "FILE_CHECK { track_file f\n}");
    let message = "F:6:1: warning: `FILE_CHECK` is not supported: real_server 10.0.0.11 is not checked, and counts as up: this check; ignored";
    assert_eq!(said(&alone, Mode::Lenient), [message]);
}
