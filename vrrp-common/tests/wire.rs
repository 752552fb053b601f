//! The wire formats: vectors captured from other implementations, round trips, and every way to
//! damage an advert.

use vrrp_common::classify::{Class, classify};
use vrrp_common::packet::Packet;
use vrrp_common::reason::Reason;
use vrrp_common::wire::vrrp::{self, Advert, Carrier, Centis, Coverage};
use vrrp_common::wire::{arp, checksum, eth, ipv4, l4};

const SOURCE: [u8; 4] = [10, 0, 0, 1];
const CARRIER: Carrier = Carrier::V4 { source: SOURCE, destination: vrrp::GROUP };
const PSEUDO: Coverage = Coverage::PseudoHeader(CARRIER);

fn parse(message: &[u8]) -> Result<Advert, Reason> {
    vrrp::parse(message, 0, message.len(), &CARRIER)
}

/// Emits into a buffer that is not empty.
fn emitted(emit: impl FnOnce(&mut [u8]) -> Option<usize>) -> Vec<u8> {
    let mut buffer = [0xa5; vrrp::MAX_LEN + 16];
    let len = emit(&mut buffer).expect("fits");
    assert!(
        buffer[len..].iter().all(|&byte| byte == 0xa5),
        "nothing is written behind the message"
    );
    buffer[..len].to_vec()
}

fn pass(password: &[u8]) -> [u8; 8] {
    let mut data = [0; 8];
    data[..password.len()].copy_from_slice(password);
    data
}

/// VRID 51, priority 100, 1 s, PASS "secret", 10.9.0.100: as keepalived 2.2.7 sent it.
const KEEPALIVED_V2: [u8; 20] = [
    0x21, 0x33, 0x64, 0x01, 0x01, 0x01, 0x33, 0x11, 0x0a, 0x09, 0x00, 0x64, 0x73, 0x65, 0x63, 0x72,
    0x65, 0x74, 0x00, 0x00,
];

#[test]
fn version_2_is_what_keepalived_sends() {
    let message = emitted(|buffer| {
        vrrp::emit_v2(buffer, 51, 100, 1, Some(pass(b"secret")), &[[10, 9, 0, 100]])
    });
    assert_eq!(message, KEEPALIVED_V2);
    let advert = Advert {
        version: 2,
        vrid: 51,
        priority: 100,
        count: 1,
        interval: Centis(100),
        auth_type: vrrp::AUTH_PASS,
        auth_data: pass(b"secret"),
        message_only: false,
        trailer: false,
    };
    assert_eq!(parse(&KEEPALIVED_V2), Ok(advert));
    assert_eq!(vrrp::address(&KEEPALIVED_V2[..], 0, 0), Some([10, 9, 0, 100]));
}

#[test]
fn version_3_has_the_captured_sums() {
    for (coverage, sum) in [(PSEUDO, [0x75, 0x73]), (Coverage::MessageOnly, [0x60, 0x03])] {
        let message = emitted(|buffer| {
            vrrp::emit_v3(buffer, 51, 100, Centis(100), coverage, &[[10, 0, 0, 100]])
        });
        assert_eq!(message, [0x31, 0x33, 0x64, 0x01, 0x00, 0x64, sum[0], sum[1], 10, 0, 0, 100]);
        let advert = parse(&message).expect("valid");
        assert_eq!((advert.version, advert.vrid, advert.priority, advert.count), (3, 51, 100, 1));
        assert_eq!(advert.interval, Centis(100));
        assert_eq!(advert.message_only, coverage == Coverage::MessageOnly);
    }
}

#[test]
fn version_3_is_what_keepalived_sends() {
    let source = [10, 9, 0, 1];
    let to = |destination| Coverage::PseudoHeader(Carrier::V4 { source, destination });
    let forms = [
        (to(vrrp::GROUP), vrrp::GROUP, [0x43, 0x61]),
        (Coverage::MessageOnly, vrrp::GROUP, [0x2d, 0xfa]),
        (to([10, 9, 0, 2]), [10, 9, 0, 2], [0x19, 0x69]),
    ];
    for (coverage, destination, sum) in forms {
        let message = emitted(|buffer| {
            vrrp::emit_v3(buffer, 51, 150, Centis(100), coverage, &[[10, 9, 0, 100]])
        });
        assert_eq!(message, [0x31, 0x33, 0x96, 0x01, 0x00, 0x64, sum[0], sum[1], 10, 9, 0, 100]);
        assert!(
            vrrp::parse(&message[..], 0, message.len(), &Carrier::V4 { source, destination })
                .is_ok()
        );
        let elsewhere = vrrp::parse(
            &message[..],
            0,
            message.len(),
            &Carrier::V4 { source, destination: [10, 9, 0, 3] },
        );
        assert_eq!(elsewhere.is_ok(), coverage == Coverage::MessageOnly);
    }
}

#[test]
fn what_is_emitted_parses_to_the_same_for_any_count() {
    let addresses = [[192, 168, 1, 249]; 255];
    for count in [0, 1, 2, 7, 20, 254, 255] {
        let list = &addresses[..count];
        let v2 = emitted(|buffer| vrrp::emit_v2(buffer, 1, 255, 255, None, list));
        let advert = parse(&v2).expect("valid");
        assert_eq!((usize::from(advert.count), advert.interval), (count, Centis(25_500)));
        assert_eq!((advert.auth_type, advert.auth_data), (vrrp::AUTH_NONE, [0; 8]));
        for coverage in [PSEUDO, Coverage::MessageOnly] {
            let v3 = emitted(|buffer| vrrp::emit_v3(buffer, 255, 0, Centis(4_095), coverage, list));
            let advert = parse(&v3).expect("valid");
            assert_eq!(
                (usize::from(advert.count), advert.interval, advert.priority),
                (count, Centis(4_095), 0)
            );
        }
    }
}

#[test]
fn an_advert_that_does_not_fit_is_not_emitted() {
    let addresses = [[10, 0, 0, 1]; 256];
    assert_eq!(vrrp::emit_v2(&mut [0; 2_048], 1, 1, 1, None, &addresses), None);
    assert_eq!(vrrp::emit_v3(&mut [0; 2_048], 1, 1, Centis(1), PSEUDO, &addresses), None);
    assert_eq!(vrrp::emit_v2(&mut [0; 19], 1, 1, 1, None, &addresses[..1]), None);
    assert_eq!(vrrp::emit_v3(&mut [0; 11], 1, 1, Centis(1), PSEUDO, &addresses[..1]), None);
    assert_eq!(vrrp::emit_v3(&mut [0; 12], 1, 1, Centis(1), PSEUDO, &addresses[..1]), Some(12));
}

#[test]
fn an_interval_too_long_for_the_field_is_capped_and_never_spills_into_the_reserved_bits() {
    let message =
        emitted(|buffer| vrrp::emit_v3(buffer, 1, 1, Centis(u16::MAX), PSEUDO, &[SOURCE]));
    assert_eq!(message[4..6], [0x0f, 0xff]);
    assert_eq!(Centis::from_micros(u64::MAX), Centis(u16::MAX));
    assert_eq!(Centis::from_micros(1_009_999), Centis(100));
    assert_eq!(Centis(100).as_nanos(), 1_000_000_000);
}

#[test]
fn any_changed_byte_is_rejected() {
    let v3 = |coverage| {
        emitted(|buffer| {
            vrrp::emit_v3(
                buffer,
                51,
                100,
                Centis(100),
                coverage,
                &[[10, 0, 0, 100], [10, 0, 0, 101]],
            )
        })
    };
    for golden in [KEEPALIVED_V2.to_vec(), v3(PSEUDO), v3(Coverage::MessageOnly)] {
        let advert = parse(&golden).expect("valid");
        for at in 0..golden.len() {
            for value in 0..=u8::MAX {
                let mut damaged = golden.clone();
                damaged[at] = value;
                match parse(&damaged) {
                    Ok(parsed) => assert_eq!(
                        (parsed, &damaged),
                        (advert, &golden),
                        "byte {at} as {value:#04x}"
                    ),
                    Err(_) => assert_ne!(damaged, golden),
                }
            }
        }
    }
}

#[test]
fn any_other_length_is_rejected() {
    // 48 bytes would be an advert with an authentication trailer.
    for len in (0..KEEPALIVED_V2.len()).chain(21..48).chain(49..64) {
        let mut message = KEEPALIVED_V2.to_vec();
        message.resize(len, 0);
        assert_eq!(parse(&message), Err(Reason::Length), "{len} bytes");
    }
    // The IP header announces more than the frame holds.
    assert_eq!(vrrp::parse(&KEEPALIVED_V2[..19], 0, 20, &CARRIER), Err(Reason::Length));
}

#[test]
fn both_forms_of_zero_are_one_number() {
    let mut message = emitted(|buffer| vrrp::emit_v2(buffer, 51, 100, 1, None, &[[0; 4]]));
    let (sum, address) = (message[6..8].to_vec(), 8..10);
    message[address].copy_from_slice(&sum);
    for zero in [[0, 0], [0xff, 0xff]] {
        message[6..8].copy_from_slice(&zero);
        assert!(parse(&message).is_ok(), "{zero:?}");
    }
}

#[test]
fn the_sum_is_rfc_1071s() {
    // RFC 1071 section 3: these words sum to ddf2.
    let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(checksum::compute(0, &data), !0xddf2);
    assert_eq!(vrrp_common::packet::sum_words(&data[..], 0, 8).map(checksum::fold), Some(0xddf2));
    assert_eq!(checksum::compute(0, &[0x12, 0x34, 0x56]), !(0x1234 + 0x5600));
    assert_eq!(vrrp_common::packet::sum_words(&data[..], 0, 12), None);
}

#[test]
fn an_arp_announcement_reads_back() {
    let (mac, address) = ([2, 0, 0, 0, 0, 5], [192, 168, 1, 249]);
    let frame = arp::announcement(mac, address);
    let Class::Arp { ethernet, arp } = classify(&frame[..]) else {
        panic!("not ARP");
    };
    assert_eq!((ethernet.source, ethernet.vlan, ethernet.network), (mac, 0, 14));
    assert_eq!(
        (arp.operation, arp.sender_mac, arp.sender, arp.target),
        (arp::OP_REQUEST, mac, address, address)
    );
    assert!(arp.is_gratuitous());
    assert_eq!(frame[..6], eth::BROADCAST);
}

#[test]
fn truncated_headers_are_refused() {
    let frame = arp::announcement([2; 6], SOURCE);
    assert!((0..frame.len()).all(|len| classify(&frame[..len]) == Class::Other));
    assert_eq!(ipv4::parse(&[0x45; 19][..], 0), None);
    assert_eq!(ipv4::parse(&[0x65; 20][..], 0), None);
    assert_eq!(l4::ports(&[0, 80, 1][..], 0), None);
    assert_eq!([1_u8, 2][..].be16(usize::MAX), None);
}

#[test]
fn an_impossible_source_is_rejected() {
    for address in
        [[0, 0, 0, 0], [0, 1, 2, 3], [127, 0, 0, 1], [224, 0, 0, 18], [239, 0, 0, 1], [255; 4]]
    {
        assert!(ipv4::is_impossible_source(address), "{address:?}");
    }
    for address in
        [[1, 0, 0, 1], [10, 0, 0, 1], [126, 0, 0, 1], [128, 0, 0, 1], [223, 255, 255, 255]]
    {
        assert!(!ipv4::is_impossible_source(address), "{address:?}");
    }
}
