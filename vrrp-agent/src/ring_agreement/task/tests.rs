use std::net::IpAddr;

use super::super::Ring;
use super::*;

#[tokio::test]
async fn two_nodes_hear_each_others_rings() {
    let vip: IpAddr = [192, 0, 2, 9].into();
    let ring = |digest| Ring { address: vip, port: 80, protocol: 6, digest };
    // One node queries the other, whose configured peer it is.
    let (one, other) = (start(47_166).expect("free"), start(47_167).expect("free"));
    let there = [127, 0, 0, 1];
    other.set_own(Own { rings: vec![ring(2)], peers: vec![there.into()], ..Own::default() });
    one.set_own(Own {
        rings: vec![ring(1)],
        masters: vec![(there, 47_167).into()],
        ..Own::default()
    });
    let mut both = Vec::new();
    for _ in 0..100 {
        sleep(Duration::from_millis(100)).await;
        both = [&one, &other]
            .map(|node| node.heard().of(vip, 80, 6).map(|(_, digest)| digest).collect::<Vec<_>>())
            .to_vec();
        if both == [[2], [1]] {
            break;
        }
    }
    assert_eq!(both, [[2], [1]]);
}
