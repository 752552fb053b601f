use std::net::{IpAddr, UdpSocket};

use super::OwnAddress;
use crate::net::Netlink;
use crate::net::testing::{Pair, RIGHT, VIP, VIP6, in_pair, interface, ip, mac, soon};

#[test]
#[ignore = "needs root: network namespaces"]
fn an_address_is_installed_once_and_marked_as_ours() {
    in_pair(async |_| {
        let netlink = Netlink::connect().expect("a connection");
        let index = interface("left").index;
        for _ in 0..2 {
            netlink.ensure_address(index, VIP.into(), 32, Some("left:1")).await.expect("installed");
        }
        let shown = ip("-o addr show dev left to 192.0.2.100");
        assert_eq!(shown.lines().count(), 1, "{shown}");
        assert!(
            shown.contains("192.0.2.100/32 scope global") && shown.contains("left:1"),
            "{shown}"
        );
        let own = OwnAddress { index, address: VIP.into(), prefix_len: 32 };
        assert_eq!(netlink.own_addresses().await.expect("a list"), [own]);

        assert!(netlink.remove_address(index, VIP.into(), 32).await.expect("removed"));
        assert!(!netlink.remove_address(index, VIP.into(), 32).await.expect("absent is no error"));
        assert!(
            !netlink
                .remove_address(4_000, VIP.into(), 32)
                .await
                .expect("nor is an interface that is gone")
        );
        assert!(netlink.own_addresses().await.expect("a list").is_empty());
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_address_added_manually_is_adopted() {
    in_pair(async |_| {
        let netlink = Netlink::connect().expect("a connection");
        let index = interface("left").index;
        ip("addr add 192.0.2.100/24 dev left");
        assert!(netlink.own_addresses().await.expect("a list").is_empty());
        netlink.ensure_address(index, VIP.into(), 24, None).await.expect("installed");
        let own = OwnAddress { index, address: VIP.into(), prefix_len: 24 };
        assert_eq!(netlink.own_addresses().await.expect("a list"), [own]);
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_refusal_names_the_request() {
    in_pair(async |_| {
        let netlink = Netlink::connect().expect("a connection");
        let error = netlink
            .ensure_address(4_000, VIP.into(), 32, None)
            .await
            .expect_err("no such interface");
        assert_eq!(
            error.to_string(),
            "add 192.0.2.100/32 on interface 4000: No such device (os error 19)"
        );
    });
}

/// Whether a datagram from the right to the VIP reaches a socket on the left.
async fn accepts_vip(pair: &Pair, receiver: &UdpSocket) -> bool {
    pair.enter_right();
    let sender = UdpSocket::bind((RIGHT, 0)).expect("a socket");
    pair.enter_left();
    let port = receiver.local_addr().expect("an address").port();
    sender.send_to(b"x", (VIP, port)).expect("sent");
    soon(|| receiver.recv(&mut [0; 8]).ok()).await.is_some()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_local_route_accepts_the_vip_and_outlives_its_address() {
    in_pair(async |pair| {
        let netlink = Netlink::connect().expect("a connection");
        let index = interface("left").index;
        let left_mac = mac("left").map(|byte| format!("{byte:02x}")).join(":");
        pair.enter_right();
        ip(&format!("neigh replace {VIP} lladdr {left_mac} dev right"));
        pair.enter_left();
        let receiver = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        receiver.set_nonblocking(true).expect("non-blocking");

        assert!(!accepts_vip(pair, &receiver).await, "nothing is there yet");
        assert!(netlink.ensure_local_route(VIP.into()).await.expect("added"));
        assert!(!netlink.ensure_local_route(VIP.into()).await.expect("there already"));
        assert!(accepts_vip(pair, &receiver).await, "the route alone is enough");
        for _ in 0..2 {
            netlink.ensure_address(index, VIP.into(), 32, None).await.expect("installed");
            assert!(accepts_vip(pair, &receiver).await, "both");
            assert!(!netlink.ensure_local_route(VIP.into()).await.expect("there already"));
            assert!(netlink.remove_address(index, VIP.into(), 32).await.expect("removed"));
            assert_eq!(netlink.own_local_routes().await.expect("a list"), [IpAddr::from(VIP)]);
            assert!(accepts_vip(pair, &receiver).await, "the route has stayed");
        }
        assert!(netlink.remove_local_route(VIP.into()).await.expect("removed"));
        assert!(!netlink.remove_local_route(VIP.into()).await.expect("absent is no error"));
        assert!(!accepts_vip(pair, &receiver).await, "and it is gone");
        assert!(netlink.own_local_routes().await.expect("a list").is_empty());
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_ipv6_local_route_accepts_the_vip_unadvertised_and_outlives_its_address() {
    in_pair(async |pair| {
        let netlink = Netlink::connect().expect("a connection");
        let index = interface("left").index;
        ip("addr add 2001:db8::1/64 dev left nodad");
        let left_mac = mac("left").map(|byte| format!("{byte:02x}")).join(":");
        pair.enter_right();
        ip("addr add 2001:db8::2/64 dev right nodad");
        let sender = UdpSocket::bind("[2001:db8::2]:0").expect("a socket");
        pair.enter_left();
        let receiver = UdpSocket::bind("[::]:0").expect("a socket");
        receiver.set_nonblocking(true).expect("non-blocking");
        let port = receiver.local_addr().expect("an address").port();
        let arrives = async || {
            sender.send_to(b"x", (VIP6, port)).expect("sent");
            soon(|| receiver.recv(&mut [0; 8]).ok()).await.is_some()
        };

        assert!(netlink.ensure_local_route(VIP6.into()).await.expect("added"));
        assert!(!netlink.ensure_local_route(VIP6.into()).await.expect("there already"));
        assert!(!arrives().await, "neighbour discovery does not answer for it");
        pair.enter_right();
        ip(&format!("neigh replace {VIP6} lladdr {left_mac} dev right"));
        pair.enter_left();
        assert!(arrives().await, "the route alone is enough");
        for _ in 0..2 {
            netlink.ensure_address(index, VIP6.into(), 128, None).await.expect("installed");
            assert!(arrives().await, "both");
            assert!(!netlink.ensure_local_route(VIP6.into()).await.expect("there already"));
            assert!(netlink.remove_address(index, VIP6.into(), 128).await.expect("removed"));
            assert_eq!(netlink.own_local_routes().await.expect("a list"), [IpAddr::from(VIP6)]);
            assert!(arrives().await, "the route has stayed");
        }
        assert!(netlink.remove_local_route(VIP6.into()).await.expect("removed"));
        assert!(!netlink.remove_local_route(VIP6.into()).await.expect("absent is no error"));
        assert!(netlink.own_local_routes().await.expect("a list").is_empty());
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_local_route_coexists_with_an_address_and_only_ours_is_removed() {
    in_pair(async |_| {
        let netlink = Netlink::connect().expect("a connection");
        let index = interface("left").index;
        netlink.ensure_address(index, VIP.into(), 24, None).await.expect("installed");
        assert!(
            !netlink
                .remove_local_route(VIP.into())
                .await
                .expect("the kernel's own route is not ours")
        );
        assert!(netlink.ensure_local_route(VIP.into()).await.expect("added"));
        assert!(netlink.remove_local_route(VIP.into()).await.expect("removed"));
        let shown = ip("route show table local 192.0.2.100");
        assert!(shown.contains("local 192.0.2.100 dev left proto kernel"), "{shown}");

        ip("route add local 192.0.2.101 dev lo table local proto static");
        assert!(netlink.own_local_routes().await.expect("a list").is_empty());
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_ipv6_address_is_usable_at_once() {
    in_pair(async |pair| {
        // The last master still holds it.
        pair.enter_right();
        ip(&format!("addr add {VIP6}/64 dev right nodad"));
        pair.enter_left();
        let netlink = Netlink::connect().expect("a connection");
        let index = interface("left").index;
        for _ in 0..2 {
            netlink
                .ensure_address(index, VIP6.into(), 128, Some("left:1"))
                .await
                .expect("installed");
            UdpSocket::bind((VIP6, 0)).expect("usable");
        }
        let shown = ip(&format!("-o addr show dev left to {VIP6}"));
        assert_eq!(shown.lines().count(), 1, "{shown}");
        assert!(shown.contains(&format!("{VIP6}/128 scope global nodad deprecated")), "{shown}");
        assert!(!["tentative", "dadfailed"].iter().any(|word| shown.contains(word)), "{shown}");
        let own = OwnAddress { index, address: VIP6.into(), prefix_len: 128 };
        assert_eq!(netlink.own_addresses().await.expect("a list"), [own]);

        assert!(netlink.remove_address(index, VIP6.into(), 128).await.expect("removed"));
        assert!(
            !netlink.remove_address(index, VIP6.into(), 128).await.expect("absent is no error")
        );
        assert!(
            !netlink
                .remove_address(4_000, VIP6.into(), 128)
                .await
                .expect("nor is an interface that is gone")
        );
        assert!(netlink.own_addresses().await.expect("a list").is_empty());
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_ipv6_address_added_manually_is_adopted() {
    in_pair(async |_| {
        let netlink = Netlink::connect().expect("a connection");
        let index = interface("left").index;
        ip(&format!("addr add {VIP6}/64 dev left nodad"));
        assert!(netlink.own_addresses().await.expect("a list").is_empty());
        netlink.ensure_address(index, VIP6.into(), 64, None).await.expect("installed");
        let own = OwnAddress { index, address: VIP6.into(), prefix_len: 64 };
        assert_eq!(netlink.own_addresses().await.expect("a list"), [own]);
    });
}
