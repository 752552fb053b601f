//! Neighbour discovery: vectors whose checksums were computed independently, and every way to
//! damage a message.

use vrrp_common::ip::Address;
use vrrp_common::wire::nd::{self, Advertisement, Kind, Nd};
use vrrp_common::wire::{checksum, ipv6};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 5];
/// 2001:db8::100
const VIP: [u8; 16] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
/// fe80::9
const ASKER: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
const UNSPECIFIED: [u8; 16] = [0; 16];
/// The VIP's solicited-node group, ff02::1:ff00:100.
const ASKED: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 1, 0];

/// Type, code, checksum, flags and reserved bytes, the VIP, options.
fn message(head: [u8; 8], options: &[u8]) -> Vec<u8> {
    [&head[..], &VIP, options].concat()
}

/// From [`ASKER`], with its MAC 02:00:00:00:00:09.
fn solicitation() -> Vec<u8> {
    message([0x87, 0, 0x49, 0x53, 0, 0, 0, 0], &[1, 1, 2, 0, 0, 0, 0, 9])
}

/// From [`UNSPECIFIED`]: duplicate address detection.
fn detection() -> Vec<u8> {
    message([0x87, 0, 0x4a, 0xef, 0, 0, 0, 0], &[])
}

fn parse(message: &[u8], source: [u8; 16], destination: [u8; 16]) -> Option<Nd> {
    nd::parse(message, 0, message.len(), &Address::v6(source), &Address::v6(destination))
}

/// The message with a correct checksum, from [`ASKER`] to [`ASKED`].
fn summed(mut message: Vec<u8>) -> Vec<u8> {
    message[2..4].fill(0);
    let pseudo = checksum::pseudo_header_v6(
        &Address::v6(ASKER),
        &Address::v6(ASKED),
        ipv6::NEXT_ICMPV6,
        message.len() as u32,
    );
    let sum = checksum::compute(pseudo, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

#[test]
fn an_announcement_is_an_unsolicited_advertisement_of_a_router_to_all_nodes() {
    let frame = nd::announcement(MAC, &Address::v6(VIP));
    let ethernet = [0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 5, 0x86, 0xdd];
    let header = [0x6c, 0, 0, 0, 0, 32, 58, 255];
    let icmp = message([0x88, 0, 0x77, 0x28, 0xa0, 0, 0, 0], &[2, 1, 2, 0, 0, 0, 0, 5]);
    assert_eq!(frame[..], [&ethernet[..], &header, &VIP, &nd::ALL_NODES.octets(), &icmp].concat());
    let read = nd::parse(&frame[..], 54, 32, &Address::v6(VIP), &nd::ALL_NODES);
    assert_eq!(read, Some(Nd { kind: Kind::Advertisement, target: Address::v6(VIP) }));
}

#[test]
fn a_solicitation_is_read_and_answered() {
    let asked = parse(&solicitation(), ASKER, ASKED).expect("valid");
    assert_eq!(asked, Nd { kind: Kind::Solicitation, target: Address::v6(VIP) });
    let answer = Advertisement::new(MAC, &asked.target, &Address::v6(ASKER));
    assert_eq!(answer.destination, Address::v6(ASKER));
    let whole = message(answer.message, &answer.option);
    assert_eq!(whole, message([0x88, 0, 0x37, 0xa2, 0xe0, 0, 0, 0], &[2, 1, 2, 0, 0, 0, 0, 5]));
    assert_eq!(parse(&whole, VIP, ASKER).map(|nd| nd.kind), Some(Kind::Advertisement));
}

#[test]
fn duplicate_address_detection_is_answered_to_everybody() {
    assert!(parse(&detection(), UNSPECIFIED, ASKED).is_some());
    let answer = Advertisement::new(MAC, &Address::v6(VIP), &Address::v6(UNSPECIFIED));
    assert_eq!(answer.destination, nd::ALL_NODES);
    let unasked = nd::announcement(MAC, &Address::v6(VIP));
    assert_eq!(message(answer.message, &answer.option), unasked[54..]);
}

#[test]
fn any_changed_byte_is_rejected() {
    let golden = solicitation();
    for at in 0..golden.len() {
        for value in (0..=u8::MAX).filter(|&value| value != golden[at]) {
            let mut damaged = golden.clone();
            damaged[at] = value;
            assert_eq!(parse(&damaged, ASKER, ASKED), None, "byte {at} as {value:#04x}");
        }
    }
    assert_eq!(parse(&golden, VIP, ASKED), None, "another source");
    assert_eq!(parse(&golden, ASKER, nd::ALL_NODES.octets()), None, "another destination");
}

#[test]
fn what_must_be_dropped_is_dropped_though_its_checksum_is_right() {
    assert!(parse(&summed(solicitation()), ASKER, ASKED).is_some());
    let with = |at: usize, value: u8| {
        let mut message = solicitation();
        message[at] = value;
        parse(&summed(message), ASKER, ASKED)
    };
    assert_eq!(with(0, 128), None, "an echo request");
    assert_eq!(with(0, 134), None, "a router advertisement");
    assert_eq!(with(0, 136).map(|nd| nd.kind), Some(Kind::Advertisement));
    assert_eq!(with(1, 1), None, "a code");
    assert_eq!(with(8, 0xff), None, "a multicast target");
    assert!(with(4, 0xff).is_some(), "reserved bits mean nothing");
}

#[test]
fn a_message_is_of_whole_options_and_bounded() {
    for len in 0..=200 {
        let mut long = solicitation();
        long.resize(len, 0);
        let read =
            if len < 4 { parse(&long, ASKER, ASKED) } else { parse(&summed(long), ASKER, ASKED) };
        assert_eq!(read.is_some(), (24..=128).contains(&len) && len % 8 == 0, "{len} bytes");
    }
    // The header announces more than the frame holds.
    let short = summed(solicitation());
    assert!((0..short.len()).all(|end| {
        nd::parse(&short[..end], 0, 32, &Address::v6(ASKER), &Address::v6(ASKED)).is_none()
    }));
}

#[test]
fn no_input_panics() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random() % 160).map(|_| random() as u8).collect();
        assert_eq!(
            nd::parse(
                &bytes[..],
                random() % 200,
                random() % 200,
                &Address::v6(VIP),
                &Address::v6(ASKER)
            ),
            None
        );
    }
    assert_eq!(
        nd::parse(&[0; 64][..], usize::MAX - 7, 32, &Address::v6(VIP), &Address::v6(ASKER)),
        None
    );
}
