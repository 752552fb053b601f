use super::*;

fn rings(count: u16) -> Vec<Ring> {
    let address = |port: u16| {
        if port.is_multiple_of(2) {
            [192, 0, 2, 9].into()
        } else {
            IpAddr::from([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9])
        }
    };
    (0..count)
        .map(|port| Ring {
            address: address(port),
            port,
            protocol: 6,
            digest: u64::from(port) << 40 | 7,
        })
        .collect()
}

#[test]
fn what_is_sent_is_read() {
    for count in [0, 1, 40, 41, 64] {
        let messages = Message::of(&rings(count), count % 2 == 0);
        let read: Vec<Message> =
            messages.iter().filter_map(|message| Message::parse(&message.to_bytes())).collect();
        assert_eq!(read, messages);
        assert_eq!(
            read.iter().flat_map(|message| message.rings.clone()).collect::<Vec<_>>(),
            rings(count)
        );
        assert!(messages.iter().all(|message| message.to_bytes().len() <= MAX_LEN));
    }
}

#[test]
fn anything_else_is_not() {
    let good = Message { wants_answer: true, rings: rings(3) }.to_bytes();
    for len in 0..good.len() {
        assert_eq!(Message::parse(&good[..len]), None, "{len} bytes");
    }
    for at in (0..HEADER).chain([HEADER + 19]) {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        assert_eq!(Message::parse(&bad), None, "byte {at}");
    }
    assert_eq!(Message::parse(&[good.as_slice(), &[0]].concat()), None);
}
