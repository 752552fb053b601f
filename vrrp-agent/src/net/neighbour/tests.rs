use crate::net::Netlink;
use crate::net::testing::{RIGHT, VIP, in_pair, interface, ip, mac, soon};
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
            let found =
                soon(|| view.borrow().neighbours.get(&(index, RIGHT.into())).copied()).await;
            assert_eq!(found, Some(right_mac));
        }
        assert_eq!(
            view.borrow().neighbours.get(&(index, VIP.into())),
            None,
            "no host has that address"
        );
        assert!(netlink.resolve_neighbour(4_000, RIGHT.into()).await.is_err());
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_entry_that_others_set_is_left_as_it_is_and_used() {
    in_pair(async |_| {
        let netlink = Netlink::connect().expect("a connection");
        let index = interface("left").index;
        let (watcher, view) = Watcher::start().await.expect("a view");
        let _watcher = tokio::spawn(watcher.run());
        // No host answers for it.
        let lladdr = "02:00:00:00:00:09";
        for kind in
            ["nud permanent", "nud noarp", "nud reachable extern_learn", "nud stale extern_learn"]
        {
            ip(&format!("neigh replace {VIP} lladdr {lladdr} dev left {kind}"));
            let before = ip(&format!("neigh show {VIP} dev left"));
            let found = soon(|| view.borrow().neighbours.get(&(index, VIP.into())).copied()).await;
            assert_eq!(found, Some([2, 0, 0, 0, 0, 9]), "{kind}: the data plane uses it");
            for _ in 0..3 {
                netlink.resolve_neighbour(index, VIP.into()).await.expect("left alone");
            }
            tokio::time::sleep(crate::net::testing::SOON).await;
            assert_eq!(ip(&format!("neigh show {VIP} dev left")), before, "{kind}");
            ip(&format!("neigh del {VIP} dev left"));
            soon(|| (!view.borrow().neighbours.contains_key(&(index, VIP.into()))).then_some(()))
                .await;
        }
    });
}
