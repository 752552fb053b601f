//! Checks of real servers, and what becomes of them.

use super::*;
use vrrp_model::{BodyRegex, Check, CheckKind, HttpCheck, HttpRequest, HttpVersion, Service, Sni};

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
