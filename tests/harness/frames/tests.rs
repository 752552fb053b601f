use super::*;

#[test]
fn a_gratuitous_arp_is_read() {
    let mut bytes = [[0xff; 6], [2, 0, 192, 168, 1, 205]].concat();
    bytes.extend_from_slice(&[
        8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 192, 168, 1, 205, 192, 168, 1, 249,
    ]);
    bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 192, 168, 1, 249]);
    let frame = Frame::parse(&bytes).expect("an Ethernet frame");
    assert_eq!(frame.dst, Mac::BROADCAST);
    let arp = frame.arp().expect("ARP");
    assert!(!arp.reply && arp.sender == arp.target && arp.sender.octets()[3] == 249);
    assert!(
        Frame::parse(&bytes[..20]).is_some_and(|frame| frame.content == Content::Other(0x0806))
    );
}
#[test]
fn the_checksum_form_of_an_advert_is_detected() {
    let message = [0x31, 0x33, 100, 1, 0, 100, 0x75, 0x73, 10, 0, 0, 100];
    let read =
        |message: &[u8]| advert(message, &[10, 0, 0, 1], &[224, 0, 0, 18]).expect("an advert");
    let pseudo = read(&message);
    assert_eq!((pseudo.version, pseudo.vrid, pseudo.priority, pseudo.interval), (3, 51, 100, 100));
    assert_eq!(
        (pseudo.checksum, pseudo.addresses),
        (Checksum::Pseudo, vec![IpAddr::from([10, 0, 0, 100])])
    );
    let with_sum = |sum: [u8; 2]| [&message[..6], &sum, &message[8..]].concat();
    assert_eq!(read(&with_sum([0x60, 0x03])).checksum, Checksum::Message);
    assert_eq!(read(&with_sum([0x60, 0x04])).checksum, Checksum::Wrong);
}
