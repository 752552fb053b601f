//! Frames, compared with the bytes of another program.

use std::net::IpAddr;

use super::*;

fn address(text: &str) -> Address {
    text.parse::<IpAddr>().expect("an address").into()
}

fn v4() -> Path {
    Path {
        ifindex: 2,
        source_mac: [2, 0, 0, 0, 0, 5],
        mac: [2, 0, 0, 0, 0, 6],
        outer: None,
        service: address("192.168.1.249"),
        port: 80,
        own: address("192.168.1.205"),
    }
}

fn v6() -> Path {
    Path { service: address("2001:db8::100"), port: 443, own: address("2001:db8::5"), ..v4() }
}

fn behind(path: Path, source: &str, entropy: u32, destination: &str) -> Path {
    Path {
        outer: Some(Outer { source: address(source), entropy, destination: address(destination) }),
        ..path
    }
}

fn attempt(path: Path, sequence: u32) -> Attempt {
    Attempt { path, own_port: 50_000, sequence }
}

fn hex(frame: &[u8]) -> String {
    frame.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_first_segment_and_its_reset_are_as_on_the_wire() {
    let attempt = attempt(v4(), u32::MAX);
    assert_eq!(
        hex(&attempt.syn()),
        "0200000000060200000000050800\
         4500002c000040000406f1b5c0a801cdc0a801f9\
         c3500050ffffffff00000000600204004f0b000002040218"
    );
    assert_eq!(
        hex(&attempt.reset()),
        "0200000000060200000000050800\
         45000028000040000406f1b9c0a801cdc0a801f9\
         c350005000000000000000005004040063290000"
    );
}

#[test]
fn ipv6_likewise() {
    assert_eq!(
        hex(&attempt(v6(), 7).syn()),
        "02000000000602000000000586dd\
         600000000018060420010db800000000000000000000000520010db8000000000000000000000100\
         c35001bb0000000700000000600204007639000002040218"
    );
}

#[test]
fn behind_a_tunnel_the_packet_goes_inside_another() {
    let path = behind(v4(), "10.255.0.0", 0xff, "10.0.0.22");
    assert_eq!(
        hex(&attempt(path, 7).syn()),
        "0200000000060200000000050800\
         45000040000040004004259f0aff00070a000016\
         4500002c000040004006b5b5c0a801cdc0a801f9\
         c35000500000000700000000600204004f04000002040218"
    );
    let path = behind(v4(), "fd00::", u32::MAX, "fd00:1::22");
    assert_eq!(
        hex(&attempt(path, 7).syn()),
        "02000000000602000000000586dd\
         60000000002c0440fd000000000000000000000000000007fd000001000000000000000000000022\
         4500002c000040004006b5b5c0a801cdc0a801f9\
         c35000500000000700000000600204004f04000002040218"
    );
    let path = behind(v6(), "10.255.0.0", 0, "10.0.0.22");
    assert_eq!(
        hex(&attempt(path, 6).reset()),
        "0200000000060200000000050800\
         4500005000004000402925710aff00000a000016\
         600000000014064020010db800000000000000000000000520010db8000000000000000000000100\
         c35001bb0000000700000000500404008a570000"
    );
}

/// The answer to `attempt`, from the IP header on.
fn answer(attempt: &Attempt, flags: u8, acknowledged: u32) -> Vec<u8> {
    let Path { service, own, port, .. } = attempt.path;
    let mirrored = Attempt {
        path: Path {
            service: own,
            own: service,
            port: attempt.own_port,
            outer: None,
            ..attempt.path
        },
        own_port: port,
        sequence: 99,
    };
    let mut segment = mirrored.segment(flags, 99, &MSS);
    segment[l4::TCP_ACKNOWLEDGED..][..4].copy_from_slice(&acknowledged.to_be_bytes());
    packet(&service, &own, PROTO_TCP, &segment)
}

#[test]
fn an_answer_is_recognised_by_its_flags_and_acknowledgement_number() {
    for path in [v4(), v6(), behind(v4(), "fd00::", 0, "fd00:1::22")] {
        let attempt = attempt(path, u32::MAX);
        let said = |flags, acknowledged| attempt.answered(&answer(&attempt, flags, acknowledged));
        assert_eq!(said(l4::SYN | l4::ACK, 0), Some(Answer::Accepted));
        assert_eq!(said(l4::RST | l4::ACK, 0), Some(Answer::Refused));
        assert_eq!(said(l4::SYN | l4::ACK, 1), None, "another attempt's");
        assert_eq!(said(l4::RST, 0), None, "acknowledges nothing");
        assert_eq!(said(l4::SYN, 0), None);
        assert_eq!(said(l4::ACK, 0), None, "no handshake");
    }
}

#[test]
fn packets_of_others_are_no_answers() {
    let attempt = attempt(v4(), 1);
    let good = answer(&attempt, l4::SYN | l4::ACK, 2);
    assert_eq!(attempt.answered(&good), Some(Answer::Accepted));
    // Each byte of both addresses and both ports; version, protocol, a fragment.
    for at in (12..24).chain([0, 9, 7]) {
        let mut other = good.clone();
        other[at] ^= 0x11;
        assert_eq!(attempt.answered(&other), None, "byte {at}");
    }
    for len in 0..good.len() - 10 {
        assert_eq!(attempt.answered(&good[..len]), None, "cut off after {len} bytes");
    }
    let from_port = Attempt { own_port: 50_001, ..attempt };
    assert_eq!(from_port.answered(&good), None);
}
