#![allow(clippy::disallowed_methods, reason = "a test measures")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use nix::errno::Errno;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use vrrp_model::{Backend, Command, Forward, HttpCheck, ScriptCheck};

const SOON: Duration = Duration::from_secs(5);

fn service(kind: CheckKind, interval: Duration, fall: u32) -> Service {
    let timeout = Duration::from_millis(500);
    let check = Check { interval, timeout, fall, ..Check::new(kind) };
    Service::on([192, 0, 2, 1].into(), vec![backend(Ipv4Addr::LOCALHOST.into(), 1)], check)
}

fn backend(address: IpAddr, port: u16) -> Backend {
    Backend { address, port, weight: 1, forward: Forward::Auto }
}

fn start(service: Service) -> (Probes, mpsc::Receiver<Event>) {
    let (sender, receiver) = mpsc::channel(8);
    (spawn(&[service], &sender), receiver)
}

async fn next(events: &mut mpsc::Receiver<Event>) -> Event {
    tokio::time::timeout(SOON, events.recv()).await.expect("an event in time").expect("a sender")
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

/// Accepts and keeps every connection; aborting the task is like killing the server.
fn serve_tcp(listener: TcpListener) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    })
}

/// Answers every request on every connection with `head`.
fn serve_http(listener: TcpListener, head: &'static str) -> tokio::task::JoinHandle<()> {
    async fn answer(mut stream: TcpStream, head: &str) {
        let mut request = [0; 1024];
        while let Ok(1..) = stream.read(&mut request).await {
            if stream.write_all(head.as_bytes()).await.is_err() {
                return;
            }
        }
    }
    tokio::spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.spawn(answer(stream, head));
        }
    })
}

#[tokio::test]
async fn a_service_without_a_check_is_up() {
    let (_probes, mut events) = start(service(CheckKind::None, SOON, 1));
    let event = next(&mut events).await;
    let expected =
        Event { service: 0, backend: 0, up: true, reason: "not checked".to_owned(), at: event.at };
    assert_eq!(event, expected);
}

#[tokio::test]
async fn a_backend_with_its_own_check_is_probed_by_it_and_its_neighbours_are_not() {
    let (listener, at) = listen().await;
    drop(listener);
    let mut service = service(CheckKind::Tcp { port: Some(at.port()) }, SOON, 1);
    service.backends.push(backend(Ipv4Addr::LOCALHOST.into(), 2));
    service.own_checks = [(1, Check { kind: CheckKind::None, ..service.check.clone() })].into();
    let (_probes, mut events) = start(service);
    let (one, other) = (next(&mut events).await, next(&mut events).await);
    let of = |backend: usize| {
        [&one, &other].into_iter().find(|event| event.backend == backend).map(|event| event.up)
    };
    assert_eq!((of(0), of(1)), (Some(false), Some(true)), "{one:?} {other:?}");
}

#[tokio::test]
async fn a_closed_port_is_down_at_once() {
    let (listener, at) = listen().await;
    drop(listener);
    let check = CheckKind::Tcp { port: Some(at.port()) };
    let (_probes, mut events) = start(service(check, SOON, 3));
    let event = next(&mut events).await;
    assert!(!event.up);
    assert_eq!(event.reason, "Connection refused");
}

#[tokio::test]
async fn each_backend_is_asked_on_its_own_port_also_over_ipv6() {
    let (listener, at) = listen().await;
    let _server = serve_tcp(listener);
    let v6 = TcpListener::bind("[::1]:0").await.unwrap();
    let at_v6 = v6.local_addr().unwrap();
    let _server_v6 = serve_tcp(v6);
    let check = CheckKind::Tcp { port: None };
    let mut service = service(check, SOON, 1);
    service.backends = vec![backend(at.ip(), at.port()), backend(at_v6.ip(), at_v6.port())];
    let (_probes, mut events) = start(service);
    let mut up =
        [next(&mut events).await, next(&mut events).await].map(|event| (event.backend, event.up));
    up.sort_unstable();
    assert_eq!(up, [(0, true), (1, true)]);
}

#[tokio::test]
async fn a_killed_server_is_noticed_long_before_the_next_interval() {
    let (listener, at) = listen().await;
    let server = serve_tcp(listener);
    let check = CheckKind::Tcp { port: Some(at.port()) };
    let (_probes, mut events) = start(service(check, Duration::from_secs(60), 3));
    assert!(next(&mut events).await.up);

    let killed = Instant::now();
    server.abort();
    let event = next(&mut events).await;
    assert!(!event.up);
    assert!(killed.elapsed() < Duration::from_millis(200), "{:?}", killed.elapsed());
}

#[tokio::test]
async fn a_server_that_closes_every_connection_stays_up_and_is_not_hammered() {
    let (listener, at) = listen().await;
    let check = CheckKind::Tcp { port: Some(at.port()) };
    let (_probes, mut events) = start(service(check, Duration::from_secs(60), 1));
    let mut accepted = 0;
    let _ = tokio::time::timeout(Duration::from_millis(300), async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            accepted += 1;
            drop(stream);
        }
    })
    .await;
    assert!((2..=10).contains(&accepted), "{accepted} probes in 300 ms");
    assert!(next(&mut events).await.up);
    assert!(events.try_recv().is_err());
}

/// The answer of php-fpm 8.2 to FCGI_GET_VALUES: one name and its value, padded.
const PHP_FPM_VALUES: &[u8] = b"\x01\x0a\0\0\0\x12\x06\0\x0f\x01FCGI_MPXS_CONNS0\0\0\0\0\0\0";

#[tokio::test]
async fn a_fastcgi_server_is_asked_for_its_values_and_left_alone() {
    let (listener, at) = listen().await;
    let (_probes, mut events) =
        start(service(CheckKind::FastCgi { port: Some(at.port()) }, Duration::from_secs(60), 1));
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut question = [0; 32];
    stream.read_exact(&mut question).await.unwrap();
    assert_eq!(&question, b"\x01\x09\0\0\0\x11\x07\0\x0f\0FCGI_MPXS_CONNS\0\0\0\0\0\0\0");
    stream.write_all(PHP_FPM_VALUES).await.unwrap();
    let event = next(&mut events).await;
    assert!(event.up, "{}", event.reason);
    assert_eq!(
        stream.read(&mut [0]).await.unwrap(),
        0,
        "the connection is closed, so no worker waits on it"
    );
    let again = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(again.is_err(), "it is not asked again before the interval is over");
}

#[tokio::test]
async fn a_server_without_fastcgi_is_down() {
    for answer in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "\x01\x03\0\0\0\x08\0\0........",
        "\x01\x0a\0\0\0\x08\0\0...",
        "",
    ] {
        let (listener, at) = listen().await;
        let (_probes, mut events) =
            start(service(CheckKind::FastCgi { port: Some(at.port()) }, SOON, 1));
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 32]).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        drop(stream);
        let event = next(&mut events).await;
        assert!(
            !event.up && event.reason.contains("FastCGI answer"),
            "{answer:?}: {}",
            event.reason
        );
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_up_again() {
    let (listener, at) = listen().await;
    drop(listener);
    let check = CheckKind::Tcp { port: Some(at.port()) };
    let (_probes, mut events) = start(service(check, Duration::from_millis(20), 1));
    assert!(!next(&mut events).await.up);
    let listener = TcpListener::bind(at).await.unwrap();
    let _server = serve_tcp(listener);
    assert!(next(&mut events).await.up);
}

#[tokio::test]
async fn http_goes_by_the_status_and_holds_the_connection() {
    let (listener, at) = listen().await;
    let server = serve_http(listener, "HTTP/1.1 204 No Content\r\n\r\n");
    let check = CheckKind::Http(HttpCheck::new(Some(at.port()), "/healthz"));
    let (_probes, mut events) = start(service(check, Duration::from_secs(60), 2));
    let event = next(&mut events).await;
    assert!(event.up);
    assert_eq!(event.reason, "HTTP 204");

    let killed = Instant::now();
    server.abort();
    assert!(!next(&mut events).await.up);
    assert!(killed.elapsed() < Duration::from_millis(200), "{:?}", killed.elapsed());
}

#[tokio::test]
async fn http_errors_and_silence_are_failures() {
    let (listener, at) = listen().await;
    let _server = serve_http(listener, "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
    let check = CheckKind::Http(HttpCheck::new(Some(at.port()), "/"));
    let (_probes, mut events) = start(service(check, SOON, 1));
    assert_eq!(next(&mut events).await.reason, "HTTP 503");

    let (silent, at) = listen().await;
    let _server = serve_tcp(silent);
    let check = CheckKind::Http(HttpCheck::new(Some(at.port()), "/"));
    let (_probes, mut events) = start(service(check, SOON, 1));
    let event = next(&mut events).await;
    assert!(!event.up);
    assert_eq!(event.reason, "no answer within 500ms");
}

#[tokio::test]
async fn dropping_the_probes_ends_them() {
    let (_listener, at) = listen().await;
    let check = CheckKind::Tcp { port: Some(at.port()) };
    let (probes, mut events) = start(service(check, Duration::from_millis(10), 1));
    assert!(next(&mut events).await.up);
    drop(probes);
    let end = tokio::time::timeout(SOON, events.recv()).await.expect("the channel closes");
    assert_eq!(end, None);
}

#[test]
fn what_this_host_lacks_is_no_result_about_a_backend() {
    for errno in [
        Errno::EMFILE,
        Errno::ENFILE,
        Errno::ENOBUFS,
        Errno::ENOMEM,
        Errno::EADDRNOTAVAIL,
        Errno::EAGAIN,
    ] {
        let failure = Failure::of("", &errno.into());
        assert!(matches!(failure, Failure::NotAsked(_)), "{errno}");
    }
    let refused = Failure::of("", &Errno::ECONNREFUSED.into());
    assert!(matches!(refused, Failure::Backend(why) if why == "Connection refused"));
}

fn script(line: &str, dynamic: bool) -> CheckKind {
    CheckKind::Script(ScriptCheck { command: Command::new(["/bin/sh", "-c", line]), dynamic })
}

#[tokio::test]
async fn a_script_is_good_by_its_exit_status() {
    for (line, dynamic, up, reason) in [
        ("exit 0", false, true, "the script exited with status 0"),
        ("exit 1", false, false, "the script exited with status 1"),
        ("exit 1", true, false, "the script exited with status 1"),
        ("exit 7", false, false, "the script exited with status 7"),
        ("exit 7", true, true, "the script exited with status 7"),
        ("kill -KILL $$", true, false, "signal 9 ended the script"),
        ("sleep 60", true, false, "the script did not end within 500ms"),
    ] {
        let (_probes, mut events) = start(service(script(line, dynamic), SOON, 1));
        let event = next(&mut events).await;
        assert_eq!((event.up, event.reason.as_str()), (up, reason), "{line} {dynamic}");
    }
    let none = CheckKind::Script(ScriptCheck {
        command: Command::new(["/does/not/exist"]),
        dynamic: false,
    });
    let (_probes, mut events) = start(service(none, SOON, 1));
    let event = next(&mut events).await;
    assert!(!event.up && event.reason.contains("cannot be started"), "{}", event.reason);
}

#[tokio::test]
async fn a_failure_is_followed_by_retries_and_not_by_the_interval() {
    let (listener, at) = listen().await;
    let server = serve_tcp(listener);
    let pause = Duration::from_millis(100);
    let mut service = service(CheckKind::Tcp { port: Some(at.port()) }, 60 * SOON, 4);
    service.check.retry_interval = Some(pause);
    let (_probes, mut events) = start(service);
    assert!(next(&mut events).await.up);

    let killed = Instant::now();
    server.abort();
    assert!(!next(&mut events).await.up);
    let after = killed.elapsed();
    assert!((3 * pause..3 * pause + SOON / 5).contains(&after), "{after:?}");
}

#[tokio::test]
async fn a_success_among_the_retries_leaves_the_backend_up() {
    let (listener, at) = listen().await;
    let server = serve_tcp(listener);
    let mut service = service(CheckKind::Tcp { port: Some(at.port()) }, 60 * SOON, 2);
    service.check.retry_interval = Some(Duration::from_millis(300));
    let (_probes, mut events) = start(service);
    assert!(next(&mut events).await.up);
    server.abort();
    assert!(server.await.is_err());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let _server = serve_tcp(TcpListener::bind(at).await.unwrap());
    let nothing = tokio::time::timeout(Duration::from_millis(700), events.recv()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test]
async fn a_backend_is_up_while_all_its_checks_are_good() {
    let directory = tempfile::tempdir().unwrap();
    let flag = directory.path().join("good");
    let (listener, at) = listen().await;
    let _server = serve_tcp(listener);
    let mut service = service(CheckKind::Tcp { port: Some(at.port()) }, SOON, 1);
    let line = format!("test -e {}", flag.display());
    service.check.also =
        vec![Check { interval: Duration::from_millis(20), ..Check::new(script(&line, false)) }];
    let (_probes, mut events) = start(service);
    let event = next(&mut events).await;
    assert!(!event.up);
    let end = ": the script exited with status 1";
    assert_eq!(event.reason, format!("the script /bin/sh -c {line}{end}"));

    std::fs::write(&flag, "").unwrap();
    let event = next(&mut events).await;
    assert!(event.up && event.reason.ends_with("status 0"), "{}", event.reason);
    std::fs::remove_file(&flag).unwrap();
    assert!(!next(&mut events).await.up);
}
