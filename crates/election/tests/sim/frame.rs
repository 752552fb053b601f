//! Adverts as the bytes on the simulated wire, written by the project's own codec.

use std::net::Ipv4Addr;
use std::time::Duration;

use vrrp_common::wire::vrrp::{self, Carrier, Centis, Coverage};
use vrrp_common::wire::{checksum, eth, ipv4};
use vrrp_model::Version;

use super::rng::Rng;

pub const VRID: u8 = 51;
const ADDRESS: [u8; 4] = [192, 168, 1, 249];
const MESSAGE_AT: usize = eth::HEADER_LEN + ipv4::MIN_HEADER_LEN;
const TTL_AT: usize = eth::HEADER_LEN + 8;

/// An Ethernet frame with an advert.
pub fn encode(
    version: Version,
    vrid: u8,
    source: Ipv4Addr,
    priority: u8,
    interval: Duration,
) -> Vec<u8> {
    let source = source.octets();
    let mut message = [0; vrrp::MAX_LEN];
    let micros = interval.as_micros() as u64;
    let len = match version {
        Version::V2 => vrrp::emit_v2(
            &mut message,
            vrid,
            priority,
            (micros / 1_000_000) as u8,
            None,
            &[ADDRESS],
        ),
        Version::V3 => {
            let coverage = Coverage::PseudoHeader(Carrier::V4 { source, destination: vrrp::GROUP });
            vrrp::emit_v3(
                &mut message,
                vrid,
                priority,
                Centis::from_micros(micros),
                coverage,
                &[ADDRESS],
            )
        }
    }
    .expect("one address fits");
    let mut frame =
        vec![0x01, 0x00, 0x5e, 0x00, 0x00, 0x12, 0x02, 0, 0, 0, 0, source[3], 0x08, 0x00];
    let total = (ipv4::MIN_HEADER_LEN + len) as u16;
    frame.extend([0x45, 0xc0]);
    frame.extend(total.to_be_bytes());
    frame.extend([0, 0, 0, 0, vrrp::TTL, ipv4::PROTO_VRRP, 0, 0]);
    frame.extend(source);
    frame.extend(vrrp::GROUP);
    frame.extend(&message[..len]);
    sum_header(&mut frame);
    frame
}

/// Writes the checksum of the IP header.
fn sum_header(frame: &mut [u8]) {
    let at = eth::HEADER_LEN + ipv4::at::CHECKSUM;
    frame[at..at + 2].fill(0);
    let sum = checksum::compute(0, &frame[eth::HEADER_LEN..MESSAGE_AT]);
    frame[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// Damages one byte of the message, like a bad cable.
pub fn corrupt(frame: &mut [u8], rng: &mut Rng) {
    let at = MESSAGE_AT + rng.index(frame.len() - MESSAGE_AT);
    frame[at] ^= rng.range(1, 255) as u8;
}

/// An advert of priority 255, sent by an attacker off the link or by a misconfigured neighbour.
pub fn forge(version: Version, interval: Duration, rng: &mut Rng) -> Vec<u8> {
    let source = Ipv4Addr::new(10, 0, 0, 250);
    let mut frame = encode(version, VRID, source, 255, interval);
    match rng.range(0, 6) {
        0 => {
            frame[TTL_AT] = rng.pick(&[0, 1, 64, 254]);
            sum_header(&mut frame);
        }
        1 => corrupt(&mut frame, rng),
        2 => frame = encode(version, VRID + 1, source, 255, interval),
        3 => frame.truncate(MESSAGE_AT + rng.range(0, 11) as usize),
        4 => frame = encode(version, VRID, source, 255, Duration::ZERO),
        // Any bytes, from the start of the frame or of the advert.
        kind => {
            let from = if kind == 5 { 0 } else { MESSAGE_AT };
            frame[from..].iter_mut().for_each(|byte| *byte = rng.next() as u8);
        }
    }
    frame
}

/// Sets the four reserved bits of a version 3 advert, which a sender leaves 0 and a receiver must
/// ignore (RFC 9568 section 5.2.6), and corrects the checksum (RFC 1624).
pub fn set_reserved(frame: &mut [u8], bits: u8) {
    let word = |frame: &[u8], at: usize| {
        u16::from_be_bytes([frame[MESSAGE_AT + at], frame[MESSAGE_AT + at + 1]])
    };
    let before = word(frame, 4);
    frame[MESSAGE_AT + 4] |= bits << 4;
    let sum = u32::from(!word(frame, 6)) + u32::from(!before) + u32::from(word(frame, 4));
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    frame[MESSAGE_AT + 6..MESSAGE_AT + 8].copy_from_slice(&(!(folded as u16)).to_be_bytes());
}

/// The interval of a version 3 advert, read with the reserved bits.
pub fn unmasked_interval(frame: &[u8]) -> Duration {
    let centis = u16::from_be_bytes([frame[MESSAGE_AT + 4], frame[MESSAGE_AT + 5]]);
    Duration::from_millis(u64::from(centis) * 10)
}
