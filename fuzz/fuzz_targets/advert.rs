//! An advert of either family and version: a parsed advert is written back byte for byte, and a
//! written one is parsed with the same fields.
//!
//! The first byte selects the family (bit 0) and whether the checksum is corrected first (bits 1
//! and 2), because a fuzzer finds none by chance; then follow source, destination and the message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_common::ip::Address;
use vrrp_common::wire::checksum;
use vrrp_common::wire::ipv4::PROTO_VRRP;
use vrrp_common::wire::vrrp::{self, Advert, CHECKSUM_AT, Carrier, Coverage};

const OVER_V6: u8 = 1;
const RIGHT_CHECKSUM: u8 = 2;
const MESSAGE_ONLY: u8 = 4;
/// Room for any message without a trailer.
const ROOM: usize = 2_048;

fuzz_target!(|bytes: &[u8]| {
    let Some((&flags, rest)) = bytes.split_first() else { return };
    let Some((carrier, message)) = carrier(flags, rest) else { return };
    let mut message = message.to_vec();
    if flags & RIGHT_CHECKSUM != 0 {
        make_right(&mut message, &carrier, flags & MESSAGE_ONLY != 0);
    }
    // At any offset.
    let shifted = [&[0xff; 3], message.as_slice()].concat();
    let read = vrrp::parse(message.as_slice(), 0, message.len(), &carrier);
    assert_eq!(vrrp::parse(shifted.as_slice(), 3, message.len(), &carrier), read);
    if let Ok(advert) = read {
        match carrier {
            Carrier::V4 { .. } => write_again::<4>(&message, &advert, carrier),
            Carrier::V6 { .. } => write_again::<16>(&message, &advert, carrier),
        }
    }
});

fn carrier(flags: u8, bytes: &[u8]) -> Option<(Carrier, &[u8])> {
    if flags & OVER_V6 == 0 {
        let (source, rest) = bytes.split_first_chunk()?;
        let (destination, message) = rest.split_first_chunk()?;
        return Some((Carrier::V4 { source: *source, destination: *destination }, message));
    }
    let (source, rest) = bytes.split_first_chunk()?;
    let (destination, message) = rest.split_first_chunk()?;
    Some((
        Carrier::V6 { source: Address::v6(*source), destination: Address::v6(*destination) },
        message,
    ))
}

/// Over IPv4 the checksum covers the addresses but no trailer; over IPv6 the whole payload.
fn make_right(message: &mut [u8], carrier: &Carrier, message_only: bool) {
    let [first, _, _, count, ..] = *message else { return };
    let Some(field) = message.get_mut(CHECKSUM_AT..CHECKSUM_AT + 2) else { return };
    field.fill(0);
    let of_v2 = if first >> 4 == 2 { 8 } else { 0 };
    let (initial, covered) = match carrier {
        Carrier::V4 { source, destination } => {
            let covered = message.len().min(8 + usize::from(count) * 4 + of_v2);
            let initial =
                checksum::pseudo_header(*source, *destination, PROTO_VRRP, covered as u16);
            (if message_only || of_v2 != 0 { 0 } else { initial }, covered)
        }
        Carrier::V6 { source, destination } => (
            checksum::pseudo_header_v6(source, destination, PROTO_VRRP, message.len() as u32),
            message.len(),
        ),
    };
    let sum = checksum::compute(initial, &message[..covered]);
    message[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&sum.to_be_bytes());
}

fn write_again<const N: usize>(message: &[u8], advert: &Advert, carrier: Carrier) {
    let list: Vec<[u8; N]> =
        (0..advert.count).map(|at| vrrp::address(message, 0, at).expect("counted")).collect();
    let mut written = [0; ROOM];
    let coverage =
        if advert.message_only { Coverage::MessageOnly } else { Coverage::PseudoHeader(carrier) };
    let len = if advert.version == 2 {
        let list: Vec<[u8; 4]> =
            list.iter().filter_map(|address| address.first_chunk().copied()).collect();
        let seconds = u8::try_from(advert.interval.0 / 100).expect("one byte of seconds");
        // The writer emits a password or none; any other parsed type is kept.
        let auth = (advert.auth_type == vrrp::AUTH_PASS).then_some(advert.auth_data);
        vrrp::emit_v2(&mut written, advert.vrid, advert.priority, seconds, auth, &list)
    } else {
        vrrp::emit_v3(&mut written, advert.vrid, advert.priority, advert.interval, coverage, &list)
    };
    let written = &written[..len.expect("it fits")];
    let mut meant = Advert { trailer: false, ..*advert };
    if advert.version == 2 && advert.auth_type != vrrp::AUTH_PASS {
        meant = Advert { auth_type: vrrp::AUTH_NONE, auth_data: [0; 8], ..meant };
    }
    let read = vrrp::parse(written, 0, written.len(), &carrier).expect("what we write is valid");
    // A message can be valid with and without the pseudo-header.
    assert_eq!(Advert { message_only: meant.message_only, ..read }, meant);
    assert!(
        list.iter()
            .enumerate()
            .all(|(at, address)| vrrp::address(written, 0, at as u8) == Some(*address))
    );
}
