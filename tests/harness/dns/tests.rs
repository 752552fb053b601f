use super::*;

#[test]
fn both_addresses_of_an_answer_are_found() {
    let mut packet = question("www.example.test");
    packet[2..4].copy_from_slice(&[0x81, 0x80]);
    packet[7] = 2;
    for last in [249, 250] {
        packet.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 168, 1, last]);
    }
    let found = addresses(&packet).expect("a good answer");
    assert_eq!(found, [Ipv4Addr::new(192, 168, 1, 249), Ipv4Addr::new(192, 168, 1, 250)]);
    assert!(addresses(&packet[..packet.len() - 1]).is_err(), "a cut answer is refused");
}
