use super::*;
use crate::frames::Frame;

#[test]
fn a_good_header_sums_to_zero() {
    assert_eq!(checksum(&ipv4(Ipv4Addr::new(10, 9, 0, 1), GROUP, VRRP, 255, 20)), 0);
}

#[test]
fn each_kind_breaks_its_one_rule() {
    let settings = Settings::default();
    let mut random = SplitMix(1);
    let good = advert(2, 51, Ipv4Addr::LOCALHOST, Vip::Vip1.address(), &settings, BadAdvert::Ttl);
    assert_eq!(checksum(&good), 0);
    let parse =
        |bytes: &[u8]| Frame::parse(bytes).and_then(|f| f.ipv4().cloned()).expect("an IPv4 frame");
    let ttl = frame(BadAdvert::Ttl, &settings, &mut random);
    assert_eq!(parse(&ttl).ttl, 64);
    assert_eq!(&ttl[34..], &good);
    let wrong = frame(BadAdvert::Checksum, &settings, &mut random);
    assert_ne!(checksum(&wrong[34..]), 0);
    assert_eq!(
        parse(&frame(BadAdvert::Vrid, &settings, &mut random)).advert.map(|a| a.vrid),
        Some(99)
    );
    assert_eq!(
        parse(&frame(BadAdvert::OwnSource(Node::Node2), &settings, &mut random)).src,
        Node::Node2.front()
    );
}

#[test]
fn a_stranger_and_a_question_sum_up() {
    let client = Ipv4Addr::new(192, 168, 1, 10);
    let frame =
        Frame::parse(&stranger(client, Node::Node1, 51, 64, Vip::Vip1.address())).expect("a frame");
    assert_eq!(
        frame.advert().map(|advert| (advert.priority, advert.checksum)),
        Some((254, crate::frames::Checksum::Pseudo))
    );
    let sender = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let question = neighbor_solicitation(
        Mac::of(client),
        sender,
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x249),
    );
    let length = question.len() - 54;
    assert_eq!(question[..6], [0x33, 0x33, 0xff, 0, 2, 0x49]);
    assert_eq!(
        checksum(
            &[&question[22..54], &[0, 0, 0, length as u8, 0, 0, 0, 58], &question[54..]].concat()
        ),
        0
    );
}
