use super::*;

fn frame(kind: [u8; 2], rest: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend(kind);
    frame.extend(rest);
    frame
}

fn tcp(flags: u8, fragment: [u8; 2]) -> Vec<u8> {
    let mut packet = vec![
        0x45,
        0,
        0,
        40,
        0,
        0,
        fragment[0],
        fragment[1],
        64,
        6,
        0,
        0,
        192,
        0,
        2,
        1,
        198,
        51,
        100,
        9,
    ];
    packet.extend([0x9c, 0x40, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
    frame([8, 0], &packet)
}

#[test]
fn packets_are_described_in_the_fields_terms() {
    assert_eq!(describe(&tcp(0x02, [0x40, 0])), "192.0.2.1:40000 > 198.51.100.9:80 TCP SYN");
    assert_eq!(describe(&tcp(0x10, [0x40, 0])), "192.0.2.1:40000 > 198.51.100.9:80 TCP");
    assert_eq!(
        describe(&tcp(0x10, [0x20, 0])),
        "192.0.2.1:40000 > 198.51.100.9:80 TCP, first fragment"
    );
    assert_eq!(describe(&tcp(0x10, [0, 9])), "192.0.2.1 > 198.51.100.9 TCP, later fragment");
    let arp =
        [0, 1, 8, 0, 6, 4, 0, 1, 2, 2, 2, 2, 2, 2, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 9];
    assert_eq!(describe(&frame([8, 6], &arp)), "ARP 192.0.2.1 queries 192.0.2.9");
    assert_eq!(describe(&[0; 5]), "not IP");
    assert_eq!(describe(&tcp(0x10, [0x40, 0])[..36]), "192.0.2.1 > 198.51.100.9 TCP");
}
