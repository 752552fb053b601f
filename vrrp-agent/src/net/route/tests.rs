use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::timeout;

use super::Route;
use crate::net::testing::{RIGHT, SOON, in_pair, interface, ip};
use crate::net::watch::Watcher;
use vrrp_model::host::HostView;

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Waits until the view has this route to a destination; panics with the view's route.
async fn until(
    view: &mut watch::Receiver<Arc<HostView>>,
    destination: IpAddr,
    wanted: Option<Option<Route>>,
) {
    let seen =
        timeout(SOON, view.wait_for(|view| view.routes.get(&destination).copied() == wanted)).await;
    let told = seen.map(|seen| seen.map(|_| ()));
    assert!(
        matches!(told, Ok(Ok(()))),
        "{destination}: {:?}, not {wanted:?}",
        view.borrow().routes.get(&destination)
    );
}

#[test]
#[ignore = "needs root: network namespaces"]
fn routes_are_followed_as_they_change() {
    in_pair(async |_| {
        let (near, far) = (IpAddr::from(RIGHT), address("198.51.100.7"));
        let (near6, far6) = (address("2001:db8:1::2"), address("2001:db8:2::7"));
        ip("addr add 2001:db8:1::1/64 dev left nodad");
        let ifindex = interface("left").index;
        let (mut watcher, mut view) = Watcher::start().await.expect("a view");
        let destinations = watcher
            .follow_routes_to(BTreeSet::from([near, far, near6, far6]))
            .await
            .expect("looked up");
        let on_link = Route { ifindex, gateway: None, mtu: None };
        assert_eq!(
            view.borrow_and_update().routes,
            [(near, Some(on_link)), (near6, Some(on_link)), (far, None), (far6, None)].into()
        );
        let _watcher = tokio::spawn(watcher.run());

        ip("route add 198.51.100.0/24 via 192.0.2.2 mtu 1400");
        let by_gateway = |gateway: &str, mtu| {
            Some(Some(Route { ifindex, gateway: Some(address(gateway)), mtu }))
        };
        until(&mut view, far, by_gateway("192.0.2.2", Some(1_400))).await;
        ip("-6 route add default via 2001:db8:1::2");
        until(&mut view, far6, by_gateway("2001:db8:1::2", None)).await;
        ip("route replace 198.51.100.0/24 via inet6 fe80::2 dev left");
        until(&mut view, far, by_gateway("fe80::2", None)).await;
        for kind in ["unreachable", "blackhole", "prohibit"] {
            ip(&format!("route replace {kind} 198.51.100.0/24"));
            until(&mut view, far, Some(None)).await;
            ip("route replace 198.51.100.0/24 via 192.0.2.2");
            until(&mut view, far, by_gateway("192.0.2.2", None)).await;
        }
        ip("rule add to 198.51.100.7 unreachable");
        until(&mut view, far, Some(None)).await;
        ip("rule del to 198.51.100.7 unreachable");
        until(&mut view, far, by_gateway("192.0.2.2", None)).await;

        // A local address is no route to other hosts.
        ip("addr add 198.51.100.7/32 dev lo");
        until(&mut view, far, Some(None)).await;
        ip("addr del 198.51.100.7/32 dev lo");
        ip("link set left down");
        until(&mut view, near, Some(None)).await;
        ip("link set left up");
        until(&mut view, near, Some(Some(on_link))).await;

        destinations.send_replace(BTreeSet::from([near]));
        until(&mut view, far, None).await;
        destinations.send_replace(BTreeSet::new());
        until(&mut view, near, None).await;
    });
}
