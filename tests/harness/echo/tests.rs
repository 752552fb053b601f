use super::*;

#[test]
fn a_reply_identifies_its_request() {
    let mut packet = vec![0x45; 20];
    packet.extend_from_slice(&request(70_000));
    assert_eq!(checksum(&packet[20..]), 0);
    assert_eq!(answered(&packet), None, "a question is no answer");
    packet[20] = ECHO_REPLY;
    assert_eq!(answered(&packet), Some(70_000));
    packet[24] ^= 1;
    assert_eq!(answered(&packet), None, "another program's");
    assert_eq!(answered(&packet[..22]), None);
}
