use vrrp_model::{DnsRecord, HexBytes, UdpReply};

use super::*;

const SOON: Duration = Duration::from_secs(5);

/// Answers each datagram with what `answer` makes of it.
async fn serve(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut asked = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut asked).await {
            socket.send_to(&answer(&asked[..length]), from).await.unwrap();
        }
    });
    at
}

fn check(reply: Option<(&str, std::ops::RangeInclusive<u16>)>) -> UdpCheck {
    let reply = reply.map(|(begins, length)| UdpReply {
        begins: HexBytes::parse(begins).expect("digits"),
        length,
    });
    UdpCheck { port: None, payload: HexBytes::parse("0102").expect("digits"), reply }
}

#[tokio::test]
async fn a_reply_is_good_by_its_beginning_and_length() {
    let at = serve(|asked| [asked, &[0xab, 0xcd]].concat()).await;
    for (reply, good) in [
        (("", 0..=255), true),
        (("0102ab", 4..=4), true),
        (("01 x2 aX", 0..=255), true),
        (("0102abcd99", 0..=255), true),
        (("0103", 0..=255), false),
        (("0102", 5..=255), false),
        (("0102", 0..=3), false),
    ] {
        let found = udp(&check(Some(reply.clone())), at, SOON).await;
        assert_eq!(found.is_ok(), good, "{reply:?}: {found:?}");
    }
}

#[tokio::test]
async fn without_a_reply_silence_is_good_and_a_closed_port_is_not() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = silent.local_addr().unwrap();
    let soon = Duration::from_millis(50);
    assert!(udp(&check(None), at, soon).await.is_ok());
    assert!(udp(&check(Some(("", 0..=255))), at, soon).await.is_err());
    drop(silent);
    let closed = udp(&check(None), at, SOON).await;
    assert!(matches!(&closed, Err(Failure::Backend(why)) if why == "Connection refused"));
}

#[tokio::test]
async fn a_name_server_is_good_while_it_answers_without_an_error() {
    let dns_check =
        |name: &str| DnsCheck { port: None, name: name.to_owned(), record: DnsRecord::Mx };
    let answer = |code: u8| {
        move |asked: &[u8]| {
            assert_eq!(asked[2..], *b"\x01\0\0\x01\0\0\0\0\0\0\x01a\x02de\0\0\x0f\0\x01");
            [&asked[..2], &[0x81, code], &asked[4..]].concat()
        }
    };
    let at = serve(answer(0x80)).await;
    for name in ["a.de", "a.de."] {
        assert!(dns(&dns_check(name), at).await.is_ok(), "{name}");
    }
    let at = serve(answer(0x82)).await;
    let failed = dns(&dns_check("a.de"), at).await;
    assert!(matches!(&failed, Err(Failure::Backend(why)) if why == "DNS error 2"), "{failed:?}");
    assert_eq!(question(&dns_check("."), 7)[12..], [0, 0, 15, 0, 1]);
    // The answer to another question is none.
    let at = serve(|asked| [&[!asked[0]], &asked[1..2], &[0x81, 0x80]].concat()).await;
    let late = tokio::time::timeout(Duration::from_millis(100), dns(&dns_check("a.de"), at)).await;
    assert!(late.is_err(), "{late:?}");
}

#[tokio::test]
#[ignore = "needs root: raw sockets"]
async fn the_loopback_answers_a_ping() {
    for at in ["127.0.0.1:0", "[::1]:0"] {
        let found = tokio::time::timeout(SOON, ping(at.parse().unwrap())).await;
        assert!(matches!(found, Ok(Ok(_))), "{at}: {found:?}");
    }
}
