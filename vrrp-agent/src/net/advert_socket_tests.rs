use std::net::Ipv4Addr;

use super::{AdvertSocket, HEADER_LEN, SendError, header};
use crate::net::Interface;
use crate::net::testing::{LEFT, RIGHT, VIP, in_pair, interface, ip, soon};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const OTHER_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 19);
const MESSAGE: &[u8] = b"a VRRP message's bytes";

async fn received(socket: &AdvertSocket) -> Option<Vec<u8>> {
    let mut buffer = [0; 2048];
    let length = soon(|| socket.recv(&mut buffer).expect("no error")).await?;
    Some(buffer[..length].to_vec())
}

fn assert_advert(packet: &[u8], source: Ipv4Addr, destination: Ipv4Addr) {
    assert_eq!(packet[0], 0x45, "version and header length");
    assert_eq!(packet[1], 0xc0, "TOS");
    assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), packet.len(), "total length");
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
        let left = AdvertSocket::open(&interface("left"), GROUP).expect("a socket");
        pair.enter_right();
        let right = AdvertSocket::open(&interface("right"), GROUP).expect("a socket");
        let other = AdvertSocket::open(&interface("right"), OTHER_GROUP).expect("a socket");

        // To the group, to a peer alone, and from an address this host does not hold.
        for (source, destination) in [(LEFT, GROUP), (LEFT, RIGHT), (VIP, GROUP)] {
            left.send(source, destination, MESSAGE).expect("sent");
            let packet = received(&right).await.expect("an advert");
            assert_advert(&packet, source, destination);
        }
        assert_eq!(left.recv(&mut [0; 64]).expect("no error"), None, "own adverts do not come back");
        // Unicast is for every socket of the interface, a group only for those that joined it.
        assert_advert(&received(&other).await.expect("the unicast advert"), LEFT, RIGHT);
        assert_eq!(other.recv(&mut [0; 64]).expect("no error"), None);
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_membership_survives_a_flap_and_a_dead_link_is_an_error() {
    in_pair(async |pair| {
        let left = AdvertSocket::open(&interface("left"), GROUP).expect("a socket");
        pair.enter_right();
        let right = AdvertSocket::open(&interface("right"), GROUP).expect("a socket");
        ip("link set right down");
        ip("link set right up");
        pair.enter_left();
        ip("link set left down");
        let refused = left.send(LEFT, GROUP, MESSAGE);
        assert!(matches!(refused, Err(SendError::Refused { .. })), "{refused:?}");
        ip("link set left up");
        // The link takes packets a moment after it is up.
        let mut buffer = [0; 2048];
        let arrived = soon(|| {
            left.send(LEFT, GROUP, MESSAGE).ok()?;
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
        let error = AdvertSocket::open(&gone, GROUP).expect_err("no such interface");
        assert!(error.to_string().starts_with("advert socket on gone0: "), "{error}");
    });
}
