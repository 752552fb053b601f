use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use vrrp_model::Sni;

/// Answers each connection's first request with the next of `answers`. Returns the requests.
async fn serve(answers: &'static [&'static str]) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let mut requests = String::new();
        for answer in answers {
            let (stream, _) = listener.accept().await.unwrap();
            requests.push_str(&exchange(stream, answer).await);
        }
        requests
    });
    (at, serving)
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &str) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

async fn ask(check: &HttpCheck, at: SocketAddr) -> Result<String, String> {
    let prepared = Prepared::new(check).expect("expressions");
    match prepared.ask(at).await {
        Ok((saw, _)) => Ok(saw),
        Err(failure) => Err(failure.to_string()),
    }
}

fn one(request: HttpRequest) -> HttpCheck {
    HttpCheck { requests: vec![request], ..HttpCheck::new(None, "/") }
}

/// Of a name that is not asked for, signed by itself, good for a single day.
const CERTIFICATE: &[u8] = b"\
-----BEGIN CERTIFICATE-----\n\
MIIBdjCCARugAwIBAgIUQ1RZUBfOcblSDNI4f3uDbmMvsWswCgYIKoZIzj0EAwIw\n\
EDEOMAwGA1UEAwwFY2hlY2swHhcNMjYxMjAxMTIyNTE4WhcNMjYxMjAyMTIyNTE4\n\
WjAQMQ4wDAYDVQQDDAVjaGVjazBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFAr\n\
xNzt16dquS9HNN6Ht0Gjg50FCNGjvwfBeNCYYIipSsgNeYbpXKlVeqj7+vvEKiQl\n\
yrRHce8XybxF+BHwTxKjUzBRMB0GA1UdDgQWBBQmXQXyJpW57wTRI0de2e6mgTJ7\n\
hjAfBgNVHSMEGDAWgBQmXQXyJpW57wTRI0de2e6mgTJ7hjAPBgNVHRMBAf8EBTAD\n\
AQH/MAoGCCqGSM49BAMCA0kAMEYCIQCsXcmlh1tnZZibq1j+0RrIYLgDw86O2lls\n\
1U3BejOuqQIhAKa5AoEONtif86kxGylIX/K8U6PmmJil3P1XYmaX7kWv\n\
-----END CERTIFICATE-----";
const KEY: &[u8] = b"\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgBpscScLevPA6f5Dn\n\
93BP/sYvfu2Q3PYDdeCXjQHyuGOhRANCAARQK8Tc7denarkvRzTeh7dBo4OdBQjR\n\
o78HwXjQmGCIqUrIDXmG6VypVXqo+/r7xCokJcq0R3HvF8m8RfgR8E8S\n\
-----END PRIVATE KEY-----";

/// As [`serve`], over TLS. The requests have the name that was indicated before each.
async fn serve_tls(
    answers: &'static [&'static str],
) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let mut requests = String::new();
        for answer in answers {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            let name = stream.get_ref().1.server_name().unwrap_or("no name").to_owned();
            exchange(stream, answer).await;
            requests.push_str(&name);
            requests.push('\n');
        }
        requests
    });
    (at, serving)
}

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello\n";
const MOVED: &str = "HTTP/1.1 301 Moved\r\ncontent-length: 0\r\n\r\n";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n3\r\nlo\n\r\n0\r\n\r\n";
/// To the end of the connection, as HTTP/1.0 has it.
const UNTIL_CLOSED: &str = "HTTP/1.0 200 OK\r\n\r\nhello\n";
/// As `genhash` prints it for the body "hello" and a line end.
const DIGEST: u128 = 0xb194_6ac9_2492_d234_7c62_35b4_d261_1184;

#[tokio::test]
async fn a_status_is_good_where_the_check_names_it() {
    for (status, expected) in [
        (vec![HttpRequest::STATUS], Ok("HTTP 301".to_owned())),
        (vec![200..=299], Err("HTTP 301".to_owned())),
        (vec![200..=299, 301..=301], Ok("HTTP 301".to_owned())),
    ] {
        let (at, _server) = serve(&[MOVED]).await;
        let check = one(HttpRequest { status, ..HttpRequest::new("/") });
        assert_eq!(ask(&check, at).await, expected);
    }
}

#[tokio::test]
async fn the_digest_is_that_of_the_body_however_it_is_sent() {
    let check = |digest: u128| {
        one(HttpRequest { digest: Some(digest.to_be_bytes()), ..HttpRequest::new("/") })
    };
    let (at, _server) = serve(&[HELLO, CHUNKED, UNTIL_CLOSED, HELLO]).await;
    for _ in 0..3 {
        assert_eq!(ask(&check(DIGEST), at).await, Ok("HTTP 200".to_owned()));
    }
    let wrong = Err(format!("the body's digest is {DIGEST:032x}"));
    assert_eq!(ask(&check(1), at).await, wrong);
}

#[tokio::test]
async fn a_regex_is_searched_in_the_body() {
    let check = |pattern: &str, no_match| {
        let body = Some(BodyRegex { pattern: pattern.to_owned(), no_match });
        one(HttpRequest { body, ..HttpRequest::new("/") })
    };
    for (pattern, no_match, good) in [
        ("ell", false, true),
        ("(?i)HELLO", false, true),
        ("^hello$", false, true),
        ("hello\\z", false, true),
        ("world", false, false),
        ("world", true, true),
        ("ell", true, false),
    ] {
        let (at, _server) = serve(&[HELLO]).await;
        let found = ask(&check(pattern, no_match), at).await;
        assert_eq!(found.is_ok(), good, "{pattern} {no_match}: {found:?}");
    }
    assert!(Prepared::new(&check("(?=a)", false)).is_err());
}

#[tokio::test]
async fn requests_are_sent_in_turn_until_one_fails() {
    let request = |path: &str, host: Option<&str>| HttpRequest {
        host: host.map(str::to_owned),
        status: vec![200..=299],
        ..HttpRequest::new(path)
    };
    let requests =
        vec![request("/a", None), request("/b?c", Some("www.example.org")), request("/d", None)];
    let check = HttpCheck { requests, version: HttpVersion::Http10, ..HttpCheck::new(None, "/") };
    let (at, server) = serve(&[HELLO, MOVED]).await;
    assert_eq!(ask(&check, at).await, Err("/b?c: HTTP 301".to_owned()));
    let seen = server.await.unwrap();
    let lines: Vec<&str> =
        seen.lines().filter(|line| line.starts_with("GET") || line.starts_with("host")).collect();
    let host = format!("host: {at}");
    assert_eq!(
        lines,
        ["GET /a HTTP/1.0", &host, "GET /b?c HTTP/1.0", "host: www.example.org"],
        "{seen}"
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_is_bad() {
    let (at, _server) = serve(&["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello"]).await;
    let found = ask(&HttpCheck::new(None, "/"), at).await;
    assert!(found.as_ref().is_err_and(|why| why.starts_with("answer broke off")), "{found:?}");
}

#[tokio::test]
async fn over_tls_any_certificate_is_good_and_the_name_is_as_configured() {
    let check = |sni: Sni, host: Option<&str>| {
        let request = HttpRequest {
            host: host.map(str::to_owned),
            digest: Some(DIGEST.to_be_bytes()),
            ..HttpRequest::new("/")
        };
        HttpCheck { tls: Some(sni), ..one(request) }
    };
    // The last connection ends without an end of TLS.
    let (at, server) = serve_tls(&[HELLO, HELLO, HELLO, HELLO, HELLO, UNTIL_CLOSED]).await;
    let named = Sni::Name("b.example".to_owned());
    for check in [
        check(Sni::Host, None),
        check(Sni::Host, Some("a.example:8443")),
        check(Sni::Host, Some("192.0.2.1")),
        check(Sni::Off, Some("a.example")),
        check(named, Some("a.example")),
        check(Sni::Off, None),
    ] {
        assert_eq!(ask(&check, at).await, Ok("HTTP 200".to_owned()));
    }
    let seen = server.await.unwrap();
    let expected = ["no name", "a.example", "no name", "no name", "b.example", "no name"];
    assert_eq!(seen.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_server_without_tls_is_bad() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(HELLO.as_bytes()).await.unwrap();
    });
    let check = HttpCheck { tls: Some(Sni::Host), ..HttpCheck::new(None, "/") };
    let found = ask(&check, at).await;
    assert!(found.as_ref().is_err_and(|why| why.starts_with("no TLS: ")), "{found:?}");
}
