//! A prober on one end of a link, a backend with the kernel's own stack on the other.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use super::*;
use crate::model::{Backend, Check, CheckKind, Forward};
use crate::net::testing::{LEFT, RIGHT, VIP, in_pair, interface, ip};

const PORT: u16 = 80;
const SOON: Duration = Duration::from_secs(10);

/// Gives the interface an address that nobody has to look up.
fn set_mac(name: &str, last: u8) -> [u8; 6] {
    ip(&format!("link set {name} address 02:00:00:00:00:{last:02x}"));
    [2, 0, 0, 0, 0, last]
}

fn service() -> Service {
    let (interval, timeout) = (Duration::from_millis(50), Duration::from_millis(200));
    let check = Check { kind: CheckKind::Tcp { port: None }, interval, timeout, rise: 1, fall: 1 };
    let backend = Backend { address: RIGHT.into(), port: PORT, weight: 1, forward: Forward::Dr };
    Service::on(VIP.into(), vec![backend], check)
}

fn paths(path: Path) -> Paths {
    Paths::from([((0, 0), path)])
}

async fn next(events: &mut mpsc::Receiver<Event>) -> Option<bool> {
    let event = tokio::time::timeout(SOON, events.recv()).await.expect("an event in time").expect("a sender");
    assert_eq!((event.service, event.backend), (0, 0));
    event.works
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_backend_is_well_while_it_has_the_address_and_answers_for_it() {
    in_pair(async |pair| {
        // This node acts: the address is its own, and its stack drops what claims to come from there.
        ip(&format!("addr add {VIP}/32 dev left"));
        let (source_mac, ifindex) = (set_mac("left", 1), interface("left").index);
        let (sender, mut events) = mpsc::channel(8);
        let prober = spawn(&[service()], &sender);
        pair.enter_right();
        let path = Path {
            ifindex,
            source_mac,
            mac: set_mac("right", 2),
            outer: None,
            service: VIP.into(),
            port: PORT,
            own: LEFT.into(),
        };
        ip(&format!("addr add {VIP}/32 dev lo"));
        let listener = TcpListener::bind((VIP, PORT)).expect("a listener");
        listener.set_nonblocking(true).expect("a mode");
        pair.enter_left();
        prober.probe(paths(path));
        assert_eq!(next(&mut events).await, Some(true), "it answers");
        drop(listener);
        assert_eq!(next(&mut events).await, Some(false), "nobody listens");
        pair.enter_right();
        let listener = TcpListener::bind((VIP, PORT)).expect("a listener");
        listener.set_nonblocking(true).expect("a mode");
        assert_eq!(next(&mut events).await, Some(true), "one success is enough");
        ip(&format!("addr del {VIP}/32 dev lo"));
        assert_eq!(next(&mut events).await, Some(false), "it lacks the address");
        assert!(listener.accept().is_err(), "no connection ever comes to be");
        pair.enter_left();
        prober.probe(Paths::new());
        assert_eq!(next(&mut events).await, None, "whoever does not act has no opinion");
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_backend_behind_a_tunnel_likewise() {
    in_pair(async |pair| {
        ip(&format!("addr add {VIP}/32 dev left"));
        let (source_mac, ifindex) = (set_mac("left", 1), interface("left").index);
        let (sender, mut events) = mpsc::channel(8);
        let prober = spawn(&[service()], &sender);
        pair.enter_right();
        let outer = Some(Outer { source: LEFT.into(), entropy: 0, destination: RIGHT.into() });
        let path =
            Path { ifindex, source_mac, mac: set_mac("right", 2), outer, service: VIP.into(), port: PORT, own: LEFT.into() };
        ip(&format!("addr add {VIP}/32 dev lo"));
        let _listener = TcpListener::bind((VIP, PORT)).expect("a listener");
        pair.enter_left();
        prober.probe(paths(path));
        assert_eq!(next(&mut events).await, Some(false), "no tunnel device");
        pair.enter_right();
        ip("link add tunnel type ipip local 192.0.2.2 remote any");
        ip("link set tunnel up");
        for name in ["all", "tunnel"] {
            fs::write(format!("/proc/sys/net/ipv4/conf/{name}/rp_filter"), "0").expect("written");
        }
        assert_eq!(next(&mut events).await, Some(true), "out of the tunnel, and answered directly");
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_cannot_be_sent_is_no_failure() {
    in_pair(async |_| {
        let (sender, mut events) = mpsc::channel(8);
        let prober = spawn(&[service()], &sender);
        let nowhere = Path {
            ifindex: 4_000,
            source_mac: [2; 6],
            mac: [4; 6],
            outer: None,
            service: VIP.into(),
            port: PORT,
            own: LEFT.into(),
        };
        prober.probe(paths(nowhere));
        let waited = tokio::time::timeout(Duration::from_secs(1), events.recv()).await;
        assert!(waited.is_err(), "an interface that is gone: {waited:?}");
        let stranger = Path { ifindex: interface("left").index, own: VIP.into(), ..nowhere };
        prober.probe(paths(stranger));
        let waited = tokio::time::timeout(Duration::from_secs(1), events.recv()).await;
        assert!(waited.is_err(), "an address that is gone: {waited:?}");
    });
}
