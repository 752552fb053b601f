use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::Limits;
use super::*;
use crate::client::{self, ClientError, fetch_status};
use vrrp_status::sample::sample;

fn shutdown() -> (watch::Sender<bool>, watch::Receiver<bool>) {
    watch::channel(false)
}

/// The whole answer to a GET, head included.
async fn get_page(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn metrics_and_health_are_served_until_the_shutdown() {
    let (stop, stopped) = shutdown();
    let server = MetricsServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.address();
    let running = tokio::spawn(server.serve(StatusSource::new(sample), stopped));

    let page = get_page(address, "/metrics").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains(&format!("content-type: {}\r\n", metrics::CONTENT_TYPE)), "{page}");
    assert!(page.ends_with(&metrics::render(&sample()).unwrap()), "{page}");
    assert!(get_page(address, "/healthz").await.ends_with("\r\n\r\nok\n"));
    assert!(get_page(address, "/other").await.starts_with("HTTP/1.1 404 "));

    // A client that sends nothing does not delay the end.
    let _idle = TcpStream::connect(address).await.unwrap();
    stop.send(true).unwrap();
    let end = tokio::time::timeout(DRAIN * 3, running).await.expect("it ends");
    end.unwrap();
}

#[tokio::test]
async fn a_taken_metrics_address_is_an_error_that_names_it() {
    let first = MetricsServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let error = MetricsServer::bind(first.address()).await.unwrap_err().to_string();
    assert!(error.contains(&first.address().to_string()), "{error}");
    assert!(error.contains("in use"), "{error}");
}

#[tokio::test]
async fn the_client_gets_what_the_api_shows_and_the_file_goes_with_the_server() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("api.sock");
    let (stop, stopped) = shutdown();
    let server = ApiServer::bind(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let (orders, mut reloads) = mpsc::channel::<Order>(1);
    let running = tokio::spawn(server.serve(StatusSource::new(sample), orders, stopped));

    assert_eq!(fetch_status(&path).await.unwrap(), sample());

    for successful in [true, false] {
        let expected =
            ReloadReply { successful, message: "why".to_owned(), report: "where".to_owned() };
        let (answer, order) = tokio::join!(client::reload(&path), async {
            let Order::Reload(answer) = reloads.recv().await.unwrap() else {
                panic!("a reload was asked for")
            };
            answer.send(expected.clone()).unwrap();
        });
        let () = order;
        assert_eq!(answer.unwrap(), expected);
    }

    stop.send(true).unwrap();
    running.await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_name_goes_to_the_loop_and_every_outcome_comes_back() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("api.sock");
    let (_stop, stopped) = shutdown();
    let (orders, mut asked) = mpsc::channel::<Order>(1);
    tokio::spawn(ApiServer::bind(&path).unwrap().serve(StatusSource::new(sample), orders, stopped));

    for outcome in [Outcome::HandedOver, Outcome::NotMaster, Outcome::NoSuccessor, Outcome::Unknown]
    {
        let expected = handover::Reply { outcome, message: "why".to_owned(), routers: vec![] };
        let (answer, ()) = tokio::join!(client::failover(&path, "V \"1\"", None), async {
            let Order::Failover(name, answer) = asked.recv().await.unwrap() else {
                panic!("a failover was asked for")
            };
            assert_eq!(name, "V \"1\"");
            answer.send(expected.clone()).unwrap();
        });
        assert_eq!(answer.unwrap(), expected);
    }
    let expected = handover::Reply {
        outcome: Outcome::StandbyEnded,
        message: "why".to_owned(),
        routers: vec![],
    };
    let (answer, ()) = tokio::join!(client::failback(&path, "VG_1"), async {
        let Order::Failback(name, answer) = asked.recv().await.unwrap() else {
            panic!("a failback was asked for")
        };
        assert_eq!(name, "VG_1");
        answer.send(expected.clone()).unwrap();
    });
    assert_eq!(answer.unwrap(), expected);

    // The loop does not answer: the client reports how long it waited.
    let error = client::failover(&path, "VI_1", Some(Duration::from_millis(20))).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Silent { .. }) && error.to_string().contains("0.02 s"),
        "{error}"
    );
}

#[tokio::test]
async fn a_live_socket_is_left_alone_and_a_stale_one_replaced() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("api.sock");
    let alive = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(matches!(ApiServer::bind(&path), Err(HttpError::InUse { .. })));
    drop(alive);
    assert!(path.exists(), "a killed agent leaves its file");
    let server = ApiServer::bind(&path).unwrap();
    drop(server);
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_not_a_socket_is_never_removed() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(&path, "keep me").unwrap();
    assert!(matches!(ApiServer::bind(&path), Err(HttpError::NotASocket { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "keep me");
}

#[tokio::test]
async fn without_an_agent_the_client_reports_that() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("api.sock");
    let error = fetch_status(&path).await.unwrap_err();
    assert!(matches!(error, ClientError::NotRunning { .. }));
    assert_eq!(error.exit_code(), 3);

    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert_eq!(fetch_status(&path).await.unwrap_err().exit_code(), 3);
}

#[tokio::test]
async fn a_permission_error_exits_with_4_and_any_other_with_1() {
    let path = PathBuf::from("/run/x/api.sock");
    assert_eq!(ClientError::Permission { path: path.clone() }.exit_code(), 4);
    assert_eq!(ClientError::Silent { path, patience: DRAIN }.exit_code(), 1);

    // A server of another kind on the socket.
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("other.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let other = tokio::spawn(async { axum::serve(listener, Router::new()).await });
    let error = fetch_status(&path).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { .. }), "{error}");
    assert_eq!(error.exit_code(), 1);
    other.abort();
}

/// Sends without an end, or does not read: an attacker's client, on a server with short limits.
async fn attacked(limits: Limits) -> (SocketAddr, watch::Sender<bool>) {
    let (stop, stopped) = shutdown();
    let server = MetricsServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.address();
    tokio::spawn(MetricsServer { limits, ..server }.serve(StatusSource::new(sample), stopped));
    (address, stop)
}

/// Everything received until the server closes, which it must do soon.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    // A reset is a valid end too.
    let _ = end.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

const HASTY: Limits = Limits { connections: 4, patience: Duration::from_millis(200) };

#[tokio::test]
async fn a_request_that_never_ends_is_closed_wherever_it_stops() {
    let (address, _stop) = attacked(HASTY).await;
    let promised = "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000000\r\n\r\n";
    let stopped = "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
    for (request, status) in
        [("", None), ("GET /metr", None), (promised, Some("413")), (stopped, Some("408"))]
    {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = until_closed(&mut stream).await;
        assert_eq!(answer.split(' ').nth(1), status, "{request:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_request_that_trickles_is_closed() {
    let (address, _stop) = attacked(HASTY).await;
    let head = "POST /metrics HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    for start in ["GET /", head] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let trickle = async {
            while writer.write_all(if start == head { b"1\r\nx\r\n" } else { b"x" }).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(5), reader.read_to_end(&mut answer));
        tokio::select! {
            end = closed => drop(end.expect("the server closes")),
            () = trickle => {}
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_given_up() {
    let (address, _stop) = attacked(HASTY).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let requests = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1_000);
    let write = async { while stream.write_all(requests.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(20), write).await.expect("the server gives up");
}

#[tokio::test]
async fn a_thousand_half_open_requests_keep_nothing_from_a_client() {
    let (address, _stop) = attacked(Limits { patience: Duration::from_secs(60), ..HASTY }).await;
    let mut half_open = Vec::new();
    for _ in 0..1_000 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
        half_open.push(stream);
    }
    assert!(get_page(address, "/healthz").await.ends_with("ok\n"));
    // All but the newest have been closed.
    for stream in half_open.iter_mut().take(900) {
        assert_eq!(until_closed(stream).await, "");
    }
}

#[tokio::test]
async fn an_order_in_progress_is_not_cut_off_by_other_clients() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("api.sock");
    let (_stop, stopped) = shutdown();
    let (orders, mut asked) = mpsc::channel::<Order>(1);
    let server = ApiServer { limits: HASTY, ..ApiServer::bind(&path).unwrap() };
    tokio::spawn(server.serve(StatusSource::new(sample), orders, stopped));
    let expected =
        ReloadReply { successful: true, message: "why".to_owned(), report: String::new() };
    let (answer, ()) = tokio::join!(client::reload(&path), async {
        let Order::Reload(answer) = asked.recv().await.unwrap() else {
            panic!("a reload was asked for")
        };
        for _ in 0..20 {
            let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
            stream.write_all(b"GET ").await.unwrap();
        }
        tokio::time::sleep(HASTY.patience * 4).await;
        answer.send(expected.clone()).unwrap();
    });
    assert_eq!(answer.unwrap(), expected);
}
