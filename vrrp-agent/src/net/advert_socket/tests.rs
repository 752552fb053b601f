use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::time::timeout;

use super::v4::{HEADER_LEN, header};
use super::{AdvertSocket, Datagram, SendError};
use crate::net::testing::{
    DETECTION, LEFT, RIGHT, VIP, VIP6, in_pair, interface, ip, link_local, soon, wait_detected,
};
use vrrp_model::Family;
use vrrp_model::host::Interface;

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const OTHER_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 19);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
const OTHER_GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x13);
const MESSAGE: &[u8] = b"a VRRP message's bytes";

/// A socket of the group's family, or an IPv4 one for unicast.
fn open(name: &str, group: Option<IpAddr>) -> AdvertSocket {
    AdvertSocket::open(&interface(name), group.map_or(Family::V4, Family::of), group)
        .expect("a socket")
}

async fn received(socket: &AdvertSocket) -> Option<Vec<u8>> {
    let mut buffer = [0; 2048];
    let Datagram::V4 { len } = soon(|| socket.recv(&mut buffer).expect("no error")).await? else {
        panic!("not IPv4");
    };
    Some(buffer[..len].to_vec())
}

fn assert_advert(packet: &[u8], source: Ipv4Addr, destination: Ipv4Addr) {
    assert_eq!(packet[0], 0x45, "version and header length");
    assert_eq!(packet[1], 0xc0, "TOS");
    assert_eq!(
        usize::from(u16::from_be_bytes([packet[2], packet[3]])),
        packet.len(),
        "total length"
    );
    assert_eq!(packet[6..8], [0, 0], "no DF, no fragment");
    assert_eq!(packet[8], 255, "TTL");
    assert_eq!(packet[9], 112, "protocol");
    assert_eq!(packet[12..16], source.octets(), "source");
    assert_eq!(packet[16..20], destination.octets(), "destination");
    let words = packet[..HEADER_LEN].chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(w[1]));
    let sum: u32 = words.sum();
    assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "header checksum");
    assert_eq!(&packet[HEADER_LEN..], MESSAGE);
}

#[test]
fn a_message_that_fits_no_packet_has_no_header() {
    assert!(header(LEFT, GROUP, 65_515).is_some());
    assert!(header(LEFT, GROUP, 65_516).is_none());
    assert!(header(LEFT, GROUP, usize::MAX).is_none());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn adverts_cross_a_link() {
    in_pair(async |pair| {
        let left = open("left", Some(GROUP.into()));
        pair.enter_right();
        let right = open("right", Some(GROUP.into()));
        let other = open("right", Some(OTHER_GROUP.into()));

        // To the group, to a peer alone, and from an address this host does not hold.
        for (source, destination) in [(LEFT, GROUP), (LEFT, RIGHT), (VIP, GROUP)] {
            left.send(source.into(), destination.into(), MESSAGE).expect("sent");
            let packet = received(&right).await.expect("an advert");
            assert_advert(&packet, source, destination);
        }
        assert_eq!(
            left.recv(&mut [0; 64]).expect("no error"),
            None,
            "own adverts do not come back"
        );
        // Every socket of the interface receives unicast; only the sockets that joined a group
        // receive its multicast.
        assert_advert(&received(&other).await.expect("the unicast advert"), LEFT, RIGHT);
        assert_eq!(other.recv(&mut [0; 64]).expect("no error"), None);
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_membership_survives_a_flap_and_a_dead_link_is_an_error() {
    in_pair(async |pair| {
        let left = open("left", Some(GROUP.into()));
        pair.enter_right();
        let right = open("right", Some(GROUP.into()));
        ip("link set right down");
        ip("link set right up");
        pair.enter_left();
        ip("link set left down");
        let refused = left.send(LEFT.into(), GROUP.into(), MESSAGE);
        assert!(matches!(refused, Err(SendError::Refused { .. })), "{refused:?}");
        ip("link set left up");
        // A link accepts packets only a moment after it is up.
        let mut buffer = [0; 2048];
        let arrived = soon(|| {
            left.send(LEFT.into(), GROUP.into(), MESSAGE).ok()?;
            right.recv(&mut buffer).expect("no error")
        });
        assert!(arrived.await.is_some());
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_missing_interface_is_named() {
    in_pair(async |_| {
        let gone = Interface { index: 4_000, name: "gone0".to_owned() };
        let error = AdvertSocket::open(&gone, Family::V4, Some(GROUP.into()))
            .expect_err("no such interface");
        assert!(error.to_string().starts_with("advert socket on gone0: "), "{error}");
    });
}

/// The next IPv6 advert, which must be [`MESSAGE`]: source and destination.
async fn received_v6(socket: &AdvertSocket) -> Option<(Ipv6Addr, Ipv6Addr)> {
    let mut buffer = [0; 2048];
    let Datagram::V6 { source, destination, hop_limit, len } =
        soon(|| socket.recv(&mut buffer).expect("no error")).await?
    else {
        panic!("not IPv6");
    };
    assert_eq!(hop_limit, 255);
    assert_eq!(&buffer[..len], MESSAGE);
    Some((source, destination))
}

#[test]
#[ignore = "needs root: network namespaces"]
fn ipv6_adverts_cross_a_link() {
    in_pair(async |pair| {
        wait_detected("left");
        let from = link_local("left");
        let left = open("left", Some(GROUP6.into()));
        pair.enter_right();
        wait_detected("right");
        let to = link_local("right");
        let right = open("right", Some(GROUP6.into()));
        let other = open("right", Some(OTHER_GROUP6.into()));

        // To the group, to a peer alone, and from an address this host does not hold.
        for (source, destination) in [(from, GROUP6), (from, to), (VIP6, GROUP6)] {
            left.send(source.into(), destination.into(), MESSAGE).expect("sent");
            assert_eq!(received_v6(&right).await, Some((source, destination)));
            assert_eq!(
                received_v6(&other).await,
                Some((source, destination)),
                "every socket of the interface receives all"
            );
        }
        assert_eq!(
            left.recv(&mut [0; 64]).expect("no error"),
            None,
            "own adverts do not come back"
        );
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_unicast_socket_receives_packets_to_this_host() {
    in_pair(async |pair| {
        wait_detected("left");
        let unicast = |name: &str, family| {
            AdvertSocket::open(&interface(name), family, None).expect("a socket")
        };
        let (left, left_v6) = (unicast("left", Family::V4), unicast("left", Family::V6));
        let from = link_local("left");
        pair.enter_right();
        wait_detected("right");
        let to = link_local("right");
        let (right, right_v6) = (unicast("right", Family::V4), unicast("right", Family::V6));
        let group = open("right", Some(GROUP.into()));

        left.send(LEFT.into(), GROUP.into(), MESSAGE).expect("sent");
        assert_advert(&received(&group).await.expect("the group's advert"), LEFT, GROUP);
        left.send(LEFT.into(), RIGHT.into(), MESSAGE).expect("sent");
        assert_advert(&received(&right).await.expect("an advert"), LEFT, RIGHT);
        assert_eq!(right.recv(&mut [0; 64]).expect("no error"), None);

        left_v6.send(from.into(), GROUP6.into(), MESSAGE).expect("sent");
        left_v6.send(from.into(), to.into(), MESSAGE).expect("sent");
        // No socket on the right joined the group.
        assert_eq!(received_v6(&right_v6).await, Some((from, to)));
        assert_eq!(right_v6.recv(&mut [0; 64]).expect("no error"), None);
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_families_are_not_mixed() {
    in_pair(async |_| {
        let error = AdvertSocket::open(&interface("left"), Family::V6, Some(GROUP.into()))
            .expect_err("another family");
        assert!(error.to_string().contains("other IP version"), "{error}");
        let socket = open("left", Some(GROUP6.into()));
        let refused = socket.send(LEFT.into(), GROUP.into(), MESSAGE);
        assert!(matches!(refused, Err(SendError::Family { .. })), "{refused:?}");
        let too_long = socket.send(VIP6.into(), GROUP6.into(), &[0; 65_536]);
        assert!(matches!(too_long, Err(SendError::TooLong(65_536))), "{too_long:?}");
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_ipv6_membership_survives_a_flap() {
    in_pair(async |pair| {
        wait_detected("left");
        let from = link_local("left");
        let left = open("left", Some(GROUP6.into()));
        pair.enter_right();
        let right = open("right", Some(GROUP6.into()));
        ip("link set right down");
        ip("link set right up");
        // The left end loses its carrier too. The kernel may take a second to see that it is back.
        let arrived = timeout(DETECTION, async {
            loop {
                left.send(from.into(), GROUP6.into(), MESSAGE).expect("sent");
                if let Some(advert) = received_v6(&right).await {
                    return advert;
                }
            }
        });
        assert_eq!(arrived.await, Ok((from, GROUP6)));
    });
}
