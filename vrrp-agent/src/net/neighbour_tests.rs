use crate::net::Netlink;
use crate::net::testing::{RIGHT, VIP, in_pair, interface, mac, soon};
use crate::net::watch::Watcher;

#[test]
#[ignore = "needs root: network namespaces"]
fn a_neighbour_is_resolved_without_traffic_to_it() {
    in_pair(async |pair| {
        let netlink = Netlink::connect().expect("a connection");
        let index = interface("left").index;
        let (watcher, view) = Watcher::start().await.expect("a view");
        let _watcher = tokio::spawn(watcher.run());
        pair.enter_right();
        let right_mac = mac("right");
        pair.enter_left();

        assert_eq!(view.borrow().neighbours.get(&(index, RIGHT.into())), None);
        for _ in 0..2 {
            netlink.resolve_neighbour(index, RIGHT.into()).await.expect("asked");
            netlink.resolve_neighbour(index, VIP.into()).await.expect("asked");
            let found = soon(|| view.borrow().neighbours.get(&(index, RIGHT.into())).copied()).await;
            assert_eq!(found, Some(right_mac));
        }
        assert_eq!(view.borrow().neighbours.get(&(index, VIP.into())), None, "nobody has that address");
        assert!(netlink.resolve_neighbour(4_000, RIGHT.into()).await.is_err());
    });
}
