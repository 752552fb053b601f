//! A prober on one end of a link, a backend with the kernel's stack on the other.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use vrrp_common::ip::Address;

use super::*;
use crate::net::packet_socket::PacketSocket;
use crate::net::testing::{LEFT, Pair, RIGHT, VIP, in_pair, interface, ip};
use vrrp_model::{Backend, Check, CheckKind, Forward};
use vrrp_steering::vip_probe::Outer;

const PORT: u16 = 80;
const SOON: Duration = Duration::from_secs(10);
const LOOPBACK: u32 = 1;

fn service() -> Service {
    let (interval, timeout) = (Duration::from_millis(50), Duration::from_millis(200));
    let check = Check { interval, timeout, ..Check::new(CheckKind::Tcp { port: None }) };
    let backend = Backend { address: RIGHT.into(), port: PORT, weight: 1, forward: Forward::Dr };
    Service::on(VIP.into(), vec![backend], check)
}

/// Gives the interface a fixed MAC address, so that no lookup is needed.
fn set_mac(name: &str, last: u8) -> [u8; 6] {
    ip(&format!("link set {name} address 02:00:00:00:00:{last:02x}"));
    [2, 0, 0, 0, 0, last]
}

fn set(key: &str, value: &str) {
    fs::write(format!("/proc/sys/net/ipv4/conf/{key}"), value).expect("written");
}

/// The path from left to right. Left is active: it has the address, and its stack drops packets
/// from there. Right has the address on its loopback, as a backend must, and sends no ARP requests
/// from it.
fn set_up(pair: &Pair) -> Path {
    ip(&format!("addr add {VIP}/32 dev left"));
    let (source_mac, ifindex) = (set_mac("left", 1), interface("left").index);
    pair.enter_right();
    let mac = set_mac("right", 2);
    ip(&format!("addr add {VIP}/32 dev lo"));
    set("all/arp_announce", "2");
    pair.enter_left();
    Path {
        ifindex,
        source_mac,
        mac,
        outer: None,
        service: VIP.into(),
        port: PORT,
        own: LEFT.into(),
    }
}

fn listen() -> TcpListener {
    let listener = TcpListener::bind((VIP, PORT)).expect("a listener");
    listener.set_nonblocking(true).expect("a mode");
    listener
}

fn paths(path: Path) -> Paths {
    Paths::from([((0, 0), path)])
}

/// The prober is a task of this thread, in the left namespace.
async fn next(pair: &Pair, events: &mut mpsc::Receiver<Event>) -> Option<bool> {
    pair.enter_left();
    let event = tokio::time::timeout(SOON, events.recv())
        .await
        .expect("an event in time")
        .expect("a sender");
    assert_eq!((event.service, event.backend), (0, 0));
    event.works
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_backend_is_well_while_it_has_the_address_and_answers_for_it() {
    in_pair(async |pair| {
        let path = set_up(pair);
        pair.enter_right();
        let listener = listen();
        let (sender, mut events) = mpsc::channel(8);
        let prober = spawn(&[service()], &sender);
        prober.probe(paths(path));
        assert_eq!(next(pair, &mut events).await, Some(true), "it answers");
        drop(listener);
        assert_eq!(next(pair, &mut events).await, Some(false), "no server listens");
        pair.enter_right();
        let listener = listen();
        assert_eq!(next(pair, &mut events).await, Some(true), "one success is enough");
        pair.enter_right();
        ip(&format!("addr del {VIP}/32 dev lo"));
        assert_eq!(next(pair, &mut events).await, Some(false), "it lacks the address");
        assert!(listener.accept().is_err(), "no connection ever comes to be");
        prober.probe(Paths::new());
        assert_eq!(next(pair, &mut events).await, None, "an inactive node has no state");
    });
}

/// The end of a tunnel without the kernel's tunnel device: the inner packets arrive on the
/// loopback.
async fn unwrap_tunnel(mut outside: Socket, inside: PacketSocket) {
    let mut buffer = [0; 128];
    loop {
        while let Ok(len) = outside.read(&mut buffer) {
            let packet = &buffer[..len];
            if packet[9] == vrrp_common::wire::ipv4::PROTO_IPIP && packet[16..20] == RIGHT.octets()
            {
                let frame = [&[0; 12], [8, 0].as_slice(), &packet[20..]].concat();
                inside.send(LOOPBACK, &frame).expect("sent");
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_backend_behind_a_tunnel_likewise() {
    in_pair(async |pair| {
        let outer = Some(Outer { source: LEFT.into(), entropy: 0, destination: RIGHT.into() });
        let path = Path { outer, ..set_up(pair) };
        pair.enter_right();
        set("all/rp_filter", "0");
        set("lo/rp_filter", "0");
        let _listener = listen();
        let ipv4 = Protocol::from(i32::from(0x0800_u16.to_be()));
        let outside =
            Socket::new(Domain::PACKET, Type::DGRAM.nonblocking(), Some(ipv4)).expect("a socket");
        let inside = PacketSocket::open().expect("a socket");
        let (sender, mut events) = mpsc::channel(8);
        let prober = spawn(&[service()], &sender);
        prober.probe(paths(path));
        assert_eq!(
            next(pair, &mut events).await,
            Some(false),
            "no tunnel end decapsulates the packet"
        );
        let end = tokio::spawn(unwrap_tunnel(outside, inside));
        assert_eq!(
            next(pair, &mut events).await,
            Some(true),
            "out of the tunnel, and answered directly"
        );
        end.abort();
        assert_eq!(next(pair, &mut events).await, Some(false), "the tunnel is gone");
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_cannot_be_sent_is_no_failure() {
    in_pair(async |pair| {
        let path = set_up(pair);
        let (sender, mut events) = mpsc::channel(8);
        let prober = spawn(&[service()], &sender);
        let nobody = Address::v4([192, 0, 2, 77]);
        for (what, path) in [
            ("an interface that is gone", Path { ifindex: 4_000, ..path }),
            ("an address that is gone", Path { own: nobody, ..path }),
        ] {
            prober.probe(paths(path));
            let waited = tokio::time::timeout(Duration::from_secs(1), events.recv()).await;
            assert!(waited.is_err(), "{what}: {waited:?}");
        }
    });
}
