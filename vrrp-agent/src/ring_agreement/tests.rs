use super::*;

#[test]
fn what_was_said_counts_for_a_while() {
    let (vip, node): (IpAddr, IpAddr) = ([192, 0, 2, 9].into(), [192, 0, 2, 6].into());
    let mut heard = Heard::default();
    let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
    let ring = |digest| Ring { address: vip, port: 80, protocol: 6, digest };
    heard.note(node, &[ring(1)], at(10));
    heard.note(node, &[ring(2)], at(12));
    assert_eq!(heard.of(vip, 80, 6).collect::<Vec<_>>(), [(node, 2)]);
    assert_eq!(heard.of(vip, 81, 6).count(), 0);
    heard.forget(at(18));
    assert_eq!(heard.of(vip, 80, 6).count(), 1);
    heard.forget(at(20));
    assert_eq!(heard.of(vip, 80, 6).count(), 0);
}

#[test]
fn no_number_of_nodes_makes_it_grow_without_bound() {
    let mut heard = Heard::default();
    let ring = Ring { address: [192, 0, 2, 9].into(), port: 80, protocol: 6, digest: 1 };
    for number in 0..1_000_u32 {
        heard.note(std::net::Ipv4Addr::from_bits(number).into(), &[ring], Instant::from_micros(1));
    }
    assert_eq!(heard.0.len(), MOST_NODES);
}
