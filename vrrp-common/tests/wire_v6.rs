//! IPv6: adverts, extension headers, neighbour discovery. Vectors were computed independently of
//! this code.

use std::net::{IpAddr, Ipv6Addr};

use vrrp_common::ip::Address;
use vrrp_common::reason::Reason;
use vrrp_common::wire::trailer::{self, Trailer};
use vrrp_common::wire::vrrp::{self, Carrier, Centis, Coverage};
use vrrp_common::wire::{checksum, ipv6, nd};

fn address(text: &str) -> Address {
    text.parse::<IpAddr>().expect("an address").into()
}

fn octets(text: &str) -> [u8; 16] {
    text.parse::<Ipv6Addr>().expect("an IPv6 address").octets()
}

fn carrier() -> Carrier {
    Carrier::V6 { source: address("fe80::1"), destination: vrrp::GROUP_V6 }
}

fn emitted(addresses: &[[u8; 16]]) -> Vec<u8> {
    let mut buffer = [0xa5; vrrp::MAX_LEN];
    let coverage = Coverage::PseudoHeader(carrier());
    let len = vrrp::emit_v3(&mut buffer, 51, 100, Centis(100), coverage, addresses).expect("fits");
    buffer[..len].to_vec()
}

#[test]
fn an_address_is_the_same_through_both_types() {
    for text in
        ["192.0.2.1", "0.0.0.0", "255.255.255.255", "::", "::1", "fe80::1", "2001:db8::ffff:1"]
    {
        assert_eq!(address(text).ip(), text.parse::<IpAddr>().unwrap());
    }
    assert!(address("10.0.0.1").is_v4() && !address("fe80::1").is_v4() && !address("::").is_v4());
    assert!(address("fe80::1").is_link_local_v6() && address("febf::").is_link_local_v6());
    assert!(!address("fec0::").is_link_local_v6() && !address("fe00::1").is_link_local_v6());
    for impossible in ["::", "::1", "ff02::12"] {
        assert!(address(impossible).is_impossible_source_v6(), "{impossible}");
    }
    assert!(!address("::2").is_impossible_source_v6());
}

/// Summed by hand: 31 33, 64 01, 00 64, the address's words, and the pseudo-header fe80::1,
/// ff02::12, 24, 112.
#[test]
fn a_version_3_advert_covers_the_pseudo_header() {
    let message = emitted(&[octets("fe80::f9")]);
    let words: [u32; 10] =
        [0x3133, 0x6401, 0x0064, 0xfe80, 0x00f9, 0xfe80, 0x0001, 0xff02, 0x0012, 24 + 112];
    let mut sum: u32 = words.iter().sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    assert_eq!(message.len(), 24);
    assert_eq!(message[6..8], (!(sum as u16)).to_be_bytes());
    let advert = vrrp::parse(&message[..], 0, message.len(), &carrier()).expect("valid");
    assert_eq!((advert.version, advert.vrid, advert.count, advert.message_only), (3, 51, 1, false));
    assert_eq!(vrrp::address(&message[..], 0, 0), Some(octets("fe80::f9")));
}

#[test]
fn vc037_a_sum_without_the_pseudo_header_or_with_another_is_refused() {
    let message = emitted(&[octets("fe80::f9")]);
    let mut bare = message.clone();
    bare[6..8].fill(0);
    let sum = checksum::compute(0, &bare);
    bare[6..8].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(vrrp::parse(&bare[..], 0, bare.len(), &carrier()), Err(Reason::Checksum));
    for (source, destination) in [("fe80::2", "ff02::12"), ("fe80::1", "fe80::5")] {
        let other = Carrier::V6 { source: address(source), destination: address(destination) };
        assert_eq!(vrrp::parse(&message[..], 0, message.len(), &other), Err(Reason::Checksum));
    }
}

#[test]
fn vc033_ninety_addresses_are_read_and_more_are_refused() {
    let addresses = [octets("2001:db8::1"); 91];
    let message = emitted(&addresses[..90]);
    assert_eq!(message.len(), vrrp::MAX_LEN);
    assert_eq!(vrrp::parse(&message[..], 0, message.len(), &carrier()).expect("valid").count, 90);
    let mut longer = message;
    longer[3] = 91;
    longer.extend_from_slice(&addresses[90]);
    assert_eq!(vrrp::parse(&longer[..], 0, longer.len(), &carrier()), Err(Reason::Length));
}

#[test]
fn any_changed_bit_of_the_message_is_refused() {
    let message = emitted(&[octets("fe80::f9"), octets("2001:db8::f9")]);
    for at in 0..message.len() {
        for bit in 0..8 {
            let mut damaged = message.clone();
            damaged[at] ^= 1 << bit;
            assert!(
                vrrp::parse(&damaged[..], 0, damaged.len(), &carrier()).is_err(),
                "byte {at}, bit {bit}"
            );
        }
    }
}

#[test]
fn vc030_a_trailer_is_distinguished_from_a_wrong_length() {
    let mut message = emitted(&[octets("fe80::f9")]);
    message.resize(message.len() + trailer::LEN, 7);
    vrrp::cover_trailer(&mut message, &carrier());
    assert!(vrrp::parse(&message[..], 0, message.len(), &carrier()).expect("valid").trailer);
    message.push(0);
    assert_eq!(vrrp::parse(&message[..], 0, message.len(), &carrier()), Err(Reason::Length));
}

#[test]
fn vc137_the_checksum_of_an_ipv6_advert_covers_its_trailer() {
    // The message of fe80::1 to ff02::12 that lists fe80::f9, and a trailer, with an independently
    // computed checksum.
    let head = [0x31, 0x33, 0x64, 0x01, 0x00, 0x64, 0x98, 0xe8];
    let tail = [
        0x01, 0xc8, 0, 0, 0x65, 0x53, 0xf1, 0, 0x80, 0, 0, 0, 0xb2, 0x9f, 0x79, 0x9c, 0xcf, 0x0b,
        0x9d, 0xd2, 0x0f, 0x06, 0x11, 0x6d, 0x46, 0x01, 0xfc, 0x1d,
    ];
    let packet = [&head[..], &octets("fe80::f9"), &tail].concat();
    assert!(vrrp::parse(&packet[..], 0, packet.len(), &carrier()).expect("valid").trailer);
    let mut written = packet.clone();
    written[6..8].fill(0x55);
    vrrp::cover_trailer(&mut written, &carrier());
    assert_eq!(written, packet);
    for at in 24..packet.len() {
        let mut damaged = packet.clone();
        damaged[at] ^= 1;
        assert_eq!(
            vrrp::parse(&damaged[..], 0, damaged.len(), &carrier()),
            Err(Reason::Checksum),
            "byte {at}"
        );
    }
}

#[test]
fn the_longest_advert_with_a_trailer_is_parsed_whole() {
    let mut message = emitted(&[octets("fe80::f9"); 90]);
    message.resize(message.len() + trailer::LEN, 0x11);
    vrrp::cover_trailer(&mut message, &carrier());
    assert!(vrrp::parse(&message[..], 0, message.len(), &carrier()).expect("valid").trailer);
    let last = message.len() - 1;
    message[last] ^= 1;
    assert_eq!(vrrp::parse(&message[..], 0, message.len(), &carrier()), Err(Reason::Checksum));
}

#[test]
fn a_trailer_is_read_as_it_was_written_and_not_read_where_it_is_cut() {
    let written = Trailer {
        kind: 1,
        key: 9,
        reserved: 0x0102,
        serial: 0x0304_0506_0708_090a,
        mac: [0xcc; 16],
    };
    let mut buffer = [0; trailer::LEN + 2];
    assert_eq!(written.emit(&mut buffer[2..]), Some(trailer::LEN));
    assert_eq!(buffer[2..14], [1, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(trailer::parse(&buffer[..], 2), Some(written));
    for len in 0..buffer.len() {
        assert_eq!(trailer::parse(&buffer[..len], 2), None, "{len} bytes");
    }
    assert_eq!(written.emit(&mut buffer[3..]), None);
    assert_eq!(trailer::parse(&buffer[..], usize::MAX - 64), None);
}

fn packet(next: u8, extensions: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, extensions.len() as u8, next, 255];
    packet.extend(octets("fe80::1"));
    packet.extend(octets("ff02::12"));
    packet.extend_from_slice(extensions);
    packet
}

#[test]
fn vc004_extension_headers_are_walked_as_far_as_the_bound() {
    let plain = ipv6::parse(&packet(112, &[])[..], 0).expect("a header");
    assert_eq!(
        (plain.protocol, plain.header_len, plain.fragment, plain.unwalked),
        (112, 40, false, false)
    );
    // A destination options header of 16 bytes, then hop-by-hop options of 8.
    let mut extensions = vec![0, 1];
    extensions.resize(16, 0);
    extensions.extend([112, 0, 0, 0, 0, 0, 0, 0]);
    let walked = ipv6::parse(&packet(60, &extensions)[..], 0).expect("a header");
    assert_eq!((walked.protocol, walked.header_len, walked.message_len()), (112, 64, Some(0)));
    let fragment = ipv6::parse(&packet(44, &[112, 0, 0, 1, 0, 0, 0, 0])[..], 0).expect("a header");
    assert!(fragment.fragment && fragment.protocol == 112 && !fragment.unwalked);
    let many = [60, 0, 0, 0, 0, 0, 0, 0].repeat(ipv6::MAX_EXTENSIONS);
    assert!(ipv6::parse(&packet(60, &many)[..], 0).expect("a header").unwalked);
    assert!(ipv6::parse(&packet(60, &[112])[..], 0).expect("a header").unwalked, "cut off");
    assert_eq!(ipv6::parse(&packet(112, &[])[..39], 0), None);
}

/// RFC 4861 section 4.4, RFC 9568 section 8.2.2.
#[test]
fn vc122_an_unsolicited_advertisement_is_as_the_rfc_has_it() {
    let mac = [0, 0, 0x5e, 0, 2, 51];
    let frame = nd::announcement(mac, &address("2001:db8::f9"));
    assert_eq!(frame[..14], [0x33, 0x33, 0, 0, 0, 1, 0, 0, 0x5e, 0, 2, 51, 0x86, 0xdd]);
    assert_eq!((frame[14] >> 4, frame[18..22].to_vec()), (6, vec![0, 32, 58, 255]));
    assert_eq!(
        (&frame[22..38], &frame[38..54]),
        (&octets("2001:db8::f9")[..], &octets("ff02::1")[..])
    );
    assert_eq!(
        (frame[54], frame[55], &frame[58..62]),
        (136, 0, &[0xa0, 0, 0, 0][..]),
        "router, not solicited, override"
    );
    assert_eq!(frame[62..78], octets("2001:db8::f9"));
    assert_eq!(frame[78..], [2, 1, 0, 0, 0x5e, 0, 2, 51]);
    let read = nd::parse(&frame[..], 54, 32, &address("2001:db8::f9"), &nd::ALL_NODES)
        .expect("its own checksum is right");
    assert_eq!((read.kind, read.target), (nd::Kind::Advertisement, address("2001:db8::f9")));
}

#[test]
fn invalid_neighbour_discovery_is_refused() {
    let frame = nd::announcement([2, 0, 0, 0, 0, 1], &address("fe80::f9"));
    let parse = |frame: &[u8], len| nd::parse(frame, 54, len, &address("fe80::f9"), &nd::ALL_NODES);
    for at in 54..frame.len() {
        let mut damaged = frame;
        damaged[at] ^= 0x10;
        assert_eq!(parse(&damaged, 32), None, "byte {at}");
    }
    for len in [0, 8, 16, 31, 33, 40, 136] {
        assert_eq!(parse(&frame, len), None, "length {len}");
    }
}
