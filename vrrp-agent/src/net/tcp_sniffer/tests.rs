use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::*;
use crate::net::testing::{LEFT, RIGHT, in_pair, ip};

const MOMENT: Duration = Duration::from_millis(100);

/// Tries to connect; no socket listens.
fn knock(target: SocketAddr) {
    let refused = TcpStream::connect_timeout(&target, MOMENT);
    assert!(refused.is_err(), "no socket listens on {target}");
}

async fn received(socket: &TcpSniffer) -> Option<Vec<u8>> {
    let mut buffer = [0; 128];
    let heard = tokio::time::timeout(MOMENT, socket.recv(&mut buffer)).await.ok()?;
    heard.ok().map(|len| buffer[..len].to_vec())
}

#[test]
fn a_reserved_port_is_taken_and_closed() {
    let port = ReservedPort::of([127, 0, 0, 1].into()).expect("a port");
    let at = SocketAddr::from(([127, 0, 0, 1], port.number()));
    assert!(std::net::TcpListener::bind(at).is_err(), "another socket got it");
    knock(at);
    assert!(ReservedPort::of([192, 0, 2, 77].into()).is_err(), "no address of this host");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn only_segments_to_its_ports_are_received() {
    in_pair(async |pair| {
        let socket = TcpSniffer::open(Family::V4).expect("a socket");
        pair.enter_right();
        knock((LEFT, 4_000).into());
        assert_eq!(received(&socket).await, None, "no port is configured");
        socket.set_ports(&[3_999, 4_000]).expect("a filter");
        knock((LEFT, 4_001).into());
        assert_eq!(received(&socket).await, None, "another port");
        knock((LEFT, 4_000).into());
        let packet = received(&socket).await.expect("a segment");
        assert_eq!(
            (packet[0] >> 4, &packet[12..16], &packet[22..24]),
            (4, &RIGHT.octets()[..], &[0x0f, 0xa0][..])
        );
        socket.set_ports(&[]).expect("a filter");
        knock((LEFT, 4_000).into());
        assert_eq!(received(&socket).await, None, "the port was taken back");
        let many: Vec<u16> = (1_000..1_500).collect();
        socket.set_ports(&many).expect("the kernel takes 500 ports");
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn ipv6_segments_are_received_too() {
    in_pair(async |pair| {
        let left = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        ip(&format!("-6 addr add {left}/64 dev left nodad"));
        let socket = TcpSniffer::open(Family::V6).expect("a socket");
        socket.set_ports(&[4_000]).expect("a filter");
        pair.enter_right();
        ip("-6 addr add 2001:db8::2/64 dev right nodad");
        // The first ones may meet a neighbour that is not resolved yet.
        let mut first = None;
        for _ in 0..50 {
            knock((left, 4_001).into());
            knock((left, 4_000).into());
            first = first.or(received(&socket).await);
            if first.is_some() {
                break;
            }
        }
        let packet = first.expect("a segment");
        assert_eq!(
            (packet[0] >> 4, &packet[24..40], &packet[42..44]),
            (6, &left.octets()[..], &[0x0f, 0xa0][..])
        );
    });
}
