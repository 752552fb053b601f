#![allow(clippy::disallowed_methods, reason = "a test measures")]

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch::Receiver;
use tokio::time::timeout;

use super::Watcher;
use crate::net::Netlink;
use crate::net::testing::{
    DETECTION, LEFT, SOON, VIP, VIP6, in_pair, interface, ip, link_local, mac,
};
use vrrp_model::Family;
use vrrp_model::host::ADDRESS_PROTOCOL;
use vrrp_model::host::{Address, HostView, Link};

/// Waits until the link of that name (or its absence) is as wanted; panics when that takes too
/// long.
async fn see(
    view: &mut Receiver<Arc<HostView>>,
    what: &str,
    wanted: impl Fn(Option<&Link>) -> bool,
) {
    let begin = Instant::now();
    let seen = timeout(SOON, view.wait_for(|view| wanted(view.link_by_name("left")))).await;
    assert!(seen.is_ok_and(|seen| seen.is_ok()), "{what}");
    println!("{what}: {:?}", begin.elapsed());
}

fn has_vip(link: Option<&Link>) -> bool {
    link.is_some_and(|link| link.addresses.iter().any(|a| a.address == IpAddr::V4(VIP)))
}

/// The address in the view.
fn held(view: &Receiver<Arc<HostView>>, index: u32, address: IpAddr) -> Option<Address> {
    view.borrow().links[&index].addresses.iter().find(|held| held.address == address).cloned()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_first_view_is_whole() {
    in_pair(async |_| {
        let (_watcher, view) = Watcher::start().await.expect("a view");
        let view = view.borrow().clone();
        let left = view.link_by_name("left").expect("the link");
        assert_eq!(left.interface(), interface("left"));
        assert_eq!(left.mac, mac("left"));
        assert_eq!((left.up, left.mtu, left.kind.as_deref()), (true, 1500, Some("veth")));
        assert_eq!(left.xdp, None);
        assert_eq!(view.primary_address(left.index, Family::V4, &[]), Some(LEFT.into()));
        assert!(view.link_by_name("lo").is_some_and(|lo| lo.up && lo.kind.is_none()));
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn changes_are_seen_at_once() {
    in_pair(async |pair| {
        let (watcher, mut view) = Watcher::start().await.expect("a view");
        let task = tokio::spawn(watcher.run());
        let netlink = Netlink::connect().expect("a connection");
        let index = interface("left").index;

        netlink.ensure_address(index, VIP.into(), 24, Some("left:v")).await.expect("installed");
        see(&mut view, "address added", has_vip).await;
        let vip = held(&view, index, VIP.into()).expect("the address");
        assert_eq!((vip.protocol, vip.secondary, vip.scope), (ADDRESS_PROTOCOL, true, 0));
        assert_eq!(vip.label.as_deref(), Some("left:v"));
        netlink.remove_address(index, VIP.into(), 24).await.expect("removed");
        see(&mut view, "address removed", |link| link.is_some() && !has_vip(link)).await;

        // Several times: from the second time on the kernel delays its notification.
        pair.enter_right();
        for _ in 0..3 {
            ip("link set right down");
            see(&mut view, "carrier lost", |link| link.is_some_and(|l| !l.up)).await;
            ip("link set right up");
            see(&mut view, "carrier back", |link| link.is_some_and(|l| l.up)).await;
        }
        pair.enter_left();
        ip("link set left down");
        see(&mut view, "link down", |link| link.is_some_and(|l| !l.up)).await;
        ip("link set left up");
        see(&mut view, "link up", |link| link.is_some_and(|l| l.up)).await;
        ip("link set left mtu 1400");
        see(&mut view, "MTU", |link| link.is_some_and(|l| l.mtu == 1400)).await;
        ip("link del left");
        see(&mut view, "link gone", |link| link.is_none()).await;

        drop(view);
        assert!(timeout(SOON, task).await.is_ok(), "it ends without receivers");
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_flood_of_notifications_ends_in_the_right_view() {
    in_pair(async |_| {
        let (watcher, mut view) = Watcher::start().await.expect("a view");
        let _task = tokio::spawn(watcher.run());
        // The runtime's one thread is busy here, so that the socket overruns.
        let mut batch = String::new();
        for n in 0..20_000 {
            batch += &format!("addr add 192.0.2.{}/32 dev left\n", 100 + n % 100);
            batch += &format!("addr del 192.0.2.{}/32 dev left\n", 100 + n % 100);
        }
        batch += &format!("addr add {VIP}/32 dev left\n");
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), batch).expect("a file");
        ip(&format!("-batch {}", file.path().display()));
        let wanted = |link: Option<&Link>| {
            has_vip(link)
                && link.is_some_and(|l| {
                    l.addresses.iter().filter(|a| a.address.is_ipv4()).count() == 2
                })
        };
        see(&mut view, "the last state", wanted).await;
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_ipv6_address_and_the_link_local_one_are_seen() {
    in_pair(async |_| {
        let (watcher, mut view) = Watcher::start().await.expect("a view");
        let _task = tokio::spawn(watcher.run());
        let netlink = Netlink::connect().expect("a connection");
        let index = interface("left").index;
        let primary = link_local("left");
        // Tentative for a second or two after the link came up.
        let usable = timeout(
            DETECTION,
            view.wait_for(|view| view.primary_address(index, Family::V6, &[]).is_some()),
        )
        .await;
        assert!(usable.is_ok_and(|seen| seen.is_ok()), "the link-local address becomes usable");
        assert_eq!(view.borrow().primary_address(index, Family::V6, &[]), Some(primary.into()));

        for vip in [VIP6, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)] {
            netlink
                .ensure_address(index, vip.into(), 64, Some("ignored"))
                .await
                .expect("installed");
            let has = |link: Option<&Link>| {
                link.is_some_and(|l| l.addresses.iter().any(|a| a.address == vip))
            };
            see(&mut view, "IPv6 address added", has).await;
            let seen = held(&view, index, vip.into()).expect("the address");
            assert_eq!(
                (seen.protocol, seen.prefix_len, seen.usable, seen.secondary),
                (ADDRESS_PROTOCOL, 64, true, false)
            );
            assert_eq!(
                view.borrow().primary_address(index, Family::V6, &[]),
                Some(primary.into()),
                "an agent's own address does not count"
            );
            netlink.remove_address(index, vip.into(), 64).await.expect("removed");
            see(&mut view, "IPv6 address removed", |link| !has(link)).await;
        }
        assert_eq!(view.borrow().primary_address(index, Family::V6, &[primary.into()]), None);
    });
}
