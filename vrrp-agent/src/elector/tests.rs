//! What the thread's side of a virtual router does besides its machine: adverts as bytes, notes
//! about odd ones, announcements.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use vrrp_common::wire::vrrp::{self, Carrier, Coverage};

use super::driver::{Binding, Io, RouterDriver};
use super::run::Runner;
use super::timer::Timer;
use super::{Command, advert, transitions};
use crate::net::advert_socket::{AdvertSocket, Datagram};
use crate::net::packet_socket::PacketSocket;
use crate::net::testing::{LEFT, RIGHT, in_pair};
use vrrp_config::{self, Language, Mode, Source};
use vrrp_election::Role;
use vrrp_election::view::View;
use vrrp_model::host::Interface;
use vrrp_model::time::Instant;
use vrrp_model::{ChecksumForm, Family, Router, RouterIdx};

const NODE1: [u8; 4] = [192, 0, 2, 1];
const NODE2: [u8; 4] = [192, 0, 2, 2];
const GROUP: [u8; 4] = [224, 0, 0, 18];
const NODE2_V6: &str = "fe80::2";
/// No interface has this index: whatever is sent there is refused.
const NOWHERE: u32 = 0x7fff_0000;

/// VRID 51 with two addresses of version 3, and `more` lines of its configuration.
pub(super) fn router(more: &str) -> Router {
    let text = format!(
        "[[virtual_router]]\nname = \"a\"\ninterface = \"eth1\"\nvrid = 51\naddresses = [\"192.0.2.100\", \"192.0.2.101\"]\n{more}"
    );
    let outcome = vrrp_config::parse(
        &Source::new("F", text.as_bytes()),
        Language::Toml,
        Mode::Strict,
        "node",
    );
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics)).routers.remove(0)
}

fn router_v6() -> Router {
    let text = "[[virtual_router]]\nname = \"a\"\ninterface = \"eth1\"\nvrid = 51\naddresses = [\"fe80::100\", \"2001:db8::100\"]\n";
    let outcome = vrrp_config::parse(
        &Source::new("F", text.as_bytes()),
        Language::Toml,
        Mode::Strict,
        "node",
    );
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics)).routers.remove(0)
}

/// What `router`'s peer would send: from node 2, to the group.
fn message(router: &Router) -> Vec<u8> {
    let mut buffer = [0; vrrp::MAX_LEN];
    let len = advert::emit(&mut buffer, router, NODE2.into(), GROUP.into(), 100).expect("fits");
    buffer[..len].to_vec()
}

/// The packet that carries `message`, as the raw socket gives it.
fn packet(message: &[u8]) -> Vec<u8> {
    advert::frame([2; 6], NODE2.into(), GROUP.into(), message).expect("one family").split_off(14)
}

/// Gives `ours` the advert of `theirs`, and returns interval errors, list errors, and sums over the
/// message only.
fn look(ours: &Router, theirs: &Router) -> [u64; 3] {
    let mut driver = RouterDriver::new(ours.clone(), RouterIdx::default(), Instant::default());
    let packet = packet(&message(theirs));
    let received = advert::parse(&packet, Datagram::V4 { len: packet.len() }).expect("a packet");
    let conf = advert::router_conf(ours, 2, NODE1.into(), 100);
    let judged = received.judge(Some(&conf)).expect("valid all the same");
    driver.look_at(&judged, &received);
    let counts = driver.view().counts;
    [counts.interval_errors, counts.address_list_errors, counts.message_only_received]
}

#[test]
fn vc034_a_sum_over_the_message_only_is_accepted_and_counted() {
    let bare = Router { checksum: ChecksumForm::MessageOnly, ..router("") };
    assert_eq!(look(&router(""), &bare), [0, 0, 1]);
    assert_eq!(look(&bare, &bare), [0, 0, 0], "we do so too");
}

#[test]
fn vc050_another_interval_is_accepted_and_counted() {
    let slower = Router { interval: Duration::from_secs(2), ..router("") };
    assert_eq!(look(&router(""), &slower), [1, 0, 0]);
    assert_eq!(look(&router(""), &router("")), [0, 0, 0]);
}

#[test]
fn vc053_another_address_list_is_accepted_and_counted() {
    let mut fewer = router("");
    fewer.addresses.truncate(1);
    let mut other = router("");
    other.addresses[0].address = [192, 0, 2, 102].into();
    for theirs in [fewer, other] {
        assert_eq!(look(&router(""), &theirs), [0, 1, 0], "{:?}", theirs.addresses);
    }
}

#[test]
fn vc054_the_order_of_the_addresses_does_not_matter() {
    let mut turned = router("");
    turned.addresses.reverse();
    assert_eq!(look(&router(""), &turned), [0, 0, 0]);
}

#[test]
fn vc057_odd_adverts_are_logged_less_and_less() {
    // The count that a line carries is a power of two: of a thousand adverts ten lines are written.
    let mut driver = RouterDriver::new(router(""), RouterIdx::default(), Instant::default());
    let slower = Router { interval: Duration::from_secs(2), ..router("") };
    let packet = packet(&message(&slower));
    let received = advert::parse(&packet, Datagram::V4 { len: packet.len() }).expect("a packet");
    let advert = received.advert.expect("valid");
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        (0..1_000).for_each(|_| driver.look_at(&advert, &received))
    });
    let lines = log.0.lock().expect("no panic").iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!((driver.view().counts.interval_errors, lines), (1_000, 10));
}

/// Log lines as they were written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn vc117_a_frame_carries_group_source_ttl_class_and_virtual_mac() {
    let mac = [0, 0, 0x5e, 0, 1, 51];
    let frame =
        advert::frame(mac, NODE1.into(), GROUP.into(), &message(&router(""))).expect("one family");
    assert_eq!(frame[..14], [0x01, 0, 0x5e, 0, 0, 0x12, 0, 0, 0x5e, 0, 1, 51, 0x08, 0]);
    assert_eq!(
        (frame[14], frame[15], frame[22], frame[23]),
        (0x45, 0xc0, 255, 112),
        "version, TOS, TTL, protocol"
    );
    assert_eq!((&frame[26..30], &frame[30..34]), (&NODE1[..], &GROUP[..]));

    let (source, group): (IpAddr, IpAddr) =
        ("fe80::1".parse().unwrap(), "ff02::12".parse().unwrap());
    let frame = advert::frame([0, 0, 0x5e, 0, 2, 51], source, group, &[7; 24]).expect("one family");
    assert_eq!(frame[..14], [0x33, 0x33, 0, 0, 0, 0x12, 0, 0, 0x5e, 0, 2, 51, 0x86, 0xdd]);
    assert_eq!(
        frame[14..22],
        [0x6c, 0, 0, 0, 0, 24, 112, 255],
        "class 0xc0, length, next header, hop limit"
    );
    assert_eq!(advert::frame(mac, source, GROUP.into(), &[7; 24]), None, "two families");
}

#[test]
fn vc120_the_form_of_the_sum_is_the_configured_one_and_ipv6_has_no_choice() {
    let carrier = Carrier::V4 { source: NODE2, destination: GROUP };
    for (form, coverage, message_only) in [
        (ChecksumForm::PseudoHeader, Coverage::PseudoHeader(carrier), false),
        (ChecksumForm::MessageOnly, Coverage::MessageOnly, true),
    ] {
        let router = Router { checksum: form, ..router("") };
        let mut buffer = [0; vrrp::MAX_LEN];
        let addresses = [[192, 0, 2, 100], [192, 0, 2, 101]];
        let len = vrrp::emit_v3(
            &mut buffer,
            51,
            100,
            advert::centis(router.interval),
            coverage,
            &addresses,
        )
        .expect("fits");
        assert_eq!(message(&router), buffer[..len]);
        let sent = vrrp::parse(&message(&router)[..], 0, len, &carrier).expect("valid");
        assert_eq!(sent.message_only, message_only);
    }
    assert_eq!(router("").checksum, ChecksumForm::PseudoHeader, "the default");

    let router = Router { checksum: ChecksumForm::MessageOnly, ..router_v6() };
    let (source, group): (IpAddr, IpAddr) =
        (NODE2_V6.parse().unwrap(), "ff02::12".parse().unwrap());
    let mut buffer = [0; vrrp::MAX_LEN];
    let len = advert::emit(&mut buffer, &router, source, group, 100).expect("fits");
    let carrier = Carrier::V6 { source: source.into(), destination: group.into() };
    assert!(!vrrp::parse(&buffer[..len], 0, len, &carrier).expect("valid").message_only);
}

#[test]
fn vc121_unicast_adverts_differ_in_nothing_but_the_pseudo_header() {
    let router = router("");
    let to = |destination: [u8; 4]| {
        let mut buffer = [0; vrrp::MAX_LEN];
        let len = advert::emit(&mut buffer, &router, NODE1.into(), destination.into(), 100)
            .expect("fits");
        let carrier = Carrier::V4 { source: NODE1, destination };
        assert!(!vrrp::parse(&buffer[..len], 0, len, &carrier).expect("valid").message_only);
        buffer[6..8].fill(0);
        buffer[..len].to_vec()
    };
    assert_eq!(to(NODE2), to([192, 0, 2, 3]));
}

/// The owner of VRID 51, which sends frames of its own on an interface that does not exist.
fn owner(now: Instant, io: &mut Io) -> RouterDriver {
    let mut driver = RouterDriver::new(
        Router { priority: 255, virtual_mac: true, ..router("") },
        RouterIdx::default(),
        now,
    );
    let interface = Interface { index: NOWHERE, name: "nowhere".to_owned() };
    driver.bind(now, Binding { interface, mac: [2; 6], source: NODE1.into() }, io);
    driver.start(now, io);
    assert_eq!(driver.machine.role(), Role::Master);
    driver
}

#[test]
#[ignore = "needs root: a packet socket"]
fn vc065_announcements_wait_for_the_addresses() {
    let frames = PacketSocket::open().expect("a socket");
    let (transitions, _queue, _) = transitions::queue();
    let mut io = Io { socket: None, frames: &frames, words: None, transitions: &transitions };
    let now = Instant::from_micros(1_000_000);
    let mut driver = owner(now, &mut io);
    assert_eq!(driver.schedule.next_deadline(), None, "nothing to announce yet");
    let epoch = driver.machine.epoch().expect("a mastership");
    driver.installed(now, epoch - 1, &mut io);
    assert_eq!(
        driver.schedule.next_deadline(),
        None,
        "another mastership's addresses are not these"
    );
    driver.installed(now, epoch, &mut io);
    assert_eq!(driver.announce_by, None);
    assert!(driver.schedule.next_deadline().is_some(), "the burst has begun");
}

#[test]
#[ignore = "needs root: a packet socket"]
fn vc124_an_advert_that_cannot_be_sent_is_counted_and_the_timer_goes_on() {
    let frames = PacketSocket::open().expect("a socket");
    let (transitions, _queue, _) = transitions::queue();
    let mut io = Io { socket: None, frames: &frames, words: None, transitions: &transitions };
    let now = Instant::from_micros(1_000_000);
    let mut driver = owner(now, &mut io);
    for second in 1..=3_u32 {
        let due = now + Duration::from_secs(1) * second;
        driver.act_on_time(due, &mut io);
        let view = driver.view();
        assert_eq!((view.role, view.deadline), (Role::Master, Some(due + Duration::from_secs(1))));
        assert_eq!((view.counts.send_errors, view.counts.adverts_sent), (u64::from(second) + 1, 0));
    }
}

/// VRID 51 of [`router`] on the left end of a pair of namespaces, and 1,000 adverts for it that
/// wait in its socket.
#[test]
#[ignore = "needs root: network namespaces"]
fn however_many_adverts_wait_the_timers_are_looked_at_in_between() {
    in_pair(async |pair| {
        let index = nix::net::if_::if_nametoindex("left").expect("the interface");
        let interface = Interface { index, name: "left".to_owned() };
        let (publish, _view) = watch::channel(Arc::new(View::default()));
        let mut runner = Runner::new(
            None,
            PacketSocket::open().expect("a socket"),
            Timer::new().expect("a timer"),
            publish,
            transitions::queue().0,
        );
        let router = Router { interface: "left".to_owned(), ..router("") };
        let now = crate::clock::now();
        runner.on_command(
            now,
            Command::Configure { idx: RouterIdx::default(), router: Box::new(router.clone()) },
        );
        runner.on_command(
            now,
            Command::Up { idx: RouterIdx::default(), interface, mac: [2; 6], source: LEFT.into() },
        );
        pair.enter_right();
        let index = nix::net::if_::if_nametoindex("right").expect("the interface");
        let there = Interface { index, name: "right".to_owned() };
        let peer = AdvertSocket::open(&there, Family::V4, Some(GROUP.into())).expect("a socket");
        let mut advert = [0; vrrp::MAX_LEN];
        let len =
            advert::emit(&mut advert, &router, RIGHT.into(), GROUP.into(), 200).expect("fits");
        for _ in 0..1_000 {
            peer.send(RIGHT.into(), GROUP.into(), &advert[..len]).expect("sent");
        }
        pair.enter_left();
        let mut buffer = vec![0; 65_535];
        let mut read = || {
            runner.drain_sockets(runner.sockets.keys(), &mut buffer);
            runner.drivers[&RouterIdx::default()].view().counts.adverts_received
        };
        assert_eq!([read(), read(), read()], [64, 128, 192]);
    });
}
