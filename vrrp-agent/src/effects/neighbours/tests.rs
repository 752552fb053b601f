use std::collections::BTreeSet;
use std::time::Duration;

use super::Neighbours;
use crate::clock;
use crate::net::Netlink;
use crate::net::testing::{RIGHT, in_pair, interface, ip, mac};
use crate::net::watch::Watcher;
use vrrp_steering::desired::Desired;

/// The kernel's delay (one second here), three questions to the old address, and the next
/// confirmation.
const LIMIT: Duration = Duration::from_secs(20);
const NEW_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x77];

#[test]
#[ignore = "needs root: network namespaces"]
fn a_next_hop_is_found_and_followed_to_another_mac_address_without_an_announcement() {
    in_pair(async |pair| {
        let netlink = Netlink::connect().expect("a connection");
        let ifindex = interface("left").index;
        std::fs::write("/proc/sys/net/ipv4/neigh/left/delay_first_probe_time", "1")
            .expect("written");
        let (watcher, view) = Watcher::start().await.expect("a view");
        let _watcher = tokio::spawn(watcher.run());
        pair.enter_right();
        let old_mac = mac("right");
        pair.enter_left();
        let key = (ifindex, RIGHT.into());
        let desired = Desired { next_hops: BTreeSet::from([key]), ..Desired::default() };
        let mut neighbours = Neighbours::default();
        let until = async |neighbours: &mut Neighbours, wanted: [u8; 6]| {
            let begin = clock::now();
            while view.borrow().neighbours.get(&key) != Some(&wanted) {
                assert!(
                    clock::now().saturating_since(begin) < LIMIT,
                    "{:?}",
                    view.borrow().neighbours
                );
                let host = view.borrow().clone();
                neighbours.resolve(clock::now(), &netlink, &desired, &host).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        until(&mut neighbours, old_mac).await;

        pair.enter_right();
        ip("link set right address 02:00:00:00:00:77");
        pair.enter_left();
        // As after half a minute without a word that the kernel saw.
        ip(&format!("neigh change {RIGHT} dev left nud stale"));
        until(&mut neighbours, NEW_MAC).await;
    });
}
