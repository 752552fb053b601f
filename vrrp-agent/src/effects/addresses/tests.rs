#![allow(clippy::disallowed_methods, reason = "a test measures")]

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Instant;

use tokio::time::timeout;

use super::{Installed, Owner, install, is_installed, uninstall};
use crate::effects::Problems;
use crate::effects::record::Record;
use crate::net::Netlink;
use crate::net::addresses::OwnAddress;
use crate::net::testing::{DETECTION, SOON, VIP6, in_pair, interface, ip};
use crate::net::watch::Watcher;
use vrrp_config::{self, Language, Mode, Source};
use vrrp_model::Config;
use vrrp_model::host::{Address, HostView, Link};
use vrrp_steering::desired::Desired;

fn view_of(prefix_len: u8, address: &str, usable: bool) -> HostView {
    let address: std::net::IpAddr = address.parse().expect("an address");
    let deprecated = address.is_ipv6();
    let held = Address {
        address,
        prefix_len,
        protocol: 0,
        label: None,
        scope: 0,
        secondary: false,
        usable,
        deprecated,
    };
    let mut view = HostView::default();
    view.links.insert(2, Link { index: 2, addresses: vec![held], ..Link::default() });
    view
}

#[test]
fn an_ipv6_address_is_installed_whatever_its_prefix_if_it_can_be_used() {
    let wanted = |address: &str, prefix_len| Installed {
        ifindex: 2,
        address: address.parse().expect("an address"),
        prefix_len,
        label: None,
    };
    let (v4, v6) = ("192.0.2.100", "2001:db8::100");
    assert!(is_installed(&view_of(32, v4, true), &wanted(v4, 32)));
    assert!(
        !is_installed(&view_of(24, v4, true), &wanted(v4, 32)),
        "beside it there is room for another one"
    );
    assert!(is_installed(&view_of(128, v6, true), &wanted(v6, 128)));
    assert!(is_installed(&view_of(64, v6, true), &wanted(v6, 128)));
    assert!(!is_installed(&view_of(128, v6, false), &wanted(v6, 128)));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_ipv6_address_that_detection_gave_up_is_replaced() {
    in_pair(async |pair| {
        pair.enter_right();
        ip(&format!("addr add {VIP6}/64 dev right nodad"));
        pair.enter_left();
        ip(&format!("addr add {VIP6}/128 dev left"));
        let (watcher, mut view) = Watcher::start().await.expect("a view");
        let _watcher = tokio::spawn(watcher.run());
        let ifindex = interface("left").index;
        let wanted = Installed { ifindex, address: VIP6.into(), prefix_len: 128, label: None };
        let desired = Desired { installed: BTreeSet::from([wanted.clone()]), ..Desired::default() };
        let unusable = |view: &HostView| {
            view.links[&ifindex].addresses.iter().any(|a| a.address == wanted.address && !a.usable)
        };
        let seen = timeout(SOON, view.wait_for(|view| unusable(view))).await;
        assert!(seen.is_ok_and(|seen| seen.is_ok()), "held, and not usable");
        let begin = Instant::now();
        while !ip(&format!("addr show dev left to {VIP6}")).contains("dadfailed") {
            assert!(begin.elapsed() < DETECTION, "the other holder was not found");
            tokio::time::sleep(SOON / 10).await;
        }

        let host = view.borrow().clone();
        let netlink = Netlink::connect().expect("a connection");
        let config = config("");
        // Ours by the record: the address was added by ip(8), without our mark, so that detection
        // could give it up.
        let mut record = Record::without_marks();
        record.edit(|kept| {
            kept.addresses.insert(OwnAddress {
                index: ifindex,
                address: VIP6.into(),
                prefix_len: 128,
            });
        });
        install(
            &netlink,
            &mut Owner { record: &mut record, config: &config },
            &desired,
            &host,
            &mut Problems::default(),
        )
        .await;
        UdpSocket::bind((VIP6, 0)).expect("usable at once");
        let seen = timeout(SOON, view.wait_for(|view| is_installed(view, &wanted))).await;
        assert!(seen.is_ok_and(|seen| seen.is_ok()), "and seen so");
        let shown = ip(&format!("-o addr show dev left to {VIP6}"));
        assert!(shown.contains(&format!("{VIP6}/128 scope global nodad deprecated")), "{shown}");
    });
}

/// One router on the interface `left`, with these lines more.
pub(crate) fn config(more: &str) -> Config {
    let text = format!(
        "[[virtual_router]]\nname = \"VI\"\ninterface = \"left\"\nvrid = 51\n{}{more}\n",
        if more.contains("addresses =") { "" } else { "addresses = [\"192.0.2.200\"]\n" }
    );
    let outcome = vrrp_config::parse(
        &Source::new("test.toml", text.as_bytes()),
        Language::Toml,
        Mode::Lenient,
        "node",
    );
    outcome.config.expect("a configuration")
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_the_host_has_itself_is_neither_changed_nor_removed_though_the_configuration_names_it() {
    in_pair(async |_| {
        let v4 = config(
            "addresses = [\"192.0.2.200\"]\nexcluded_addresses = [\"192.0.2.1\", \"192.0.2.50\", \"2001:db8::1\", \"2001:db8::2\"]",
        );
        for own in ["192.0.2.50/32", "2001:db8::1/64", "2001:db8::2/128"] {
            ip(&format!(
                "addr add {own} dev left{}",
                if own.contains(':') { " nodad" } else { "" }
            ));
        }
        let before = ip("-o addr show dev left scope global");
        let (watcher, view) = Watcher::start().await.expect("a view");
        let _watcher = tokio::spawn(watcher.run());
        let netlink = Netlink::connect().expect("a connection");
        let ifindex = interface("left").index;
        let installed =
            v4.routers[0].addresses.iter().chain(&v4.routers[0].excluded_addresses).map(|named| {
                Installed {
                    ifindex,
                    address: named.address,
                    prefix_len: named.prefix_len,
                    label: None,
                }
            });
        let desired = Desired { installed: installed.collect(), ..Desired::default() };
        let (mut record, mut problems) = (Record::default(), Problems::default());
        for _ in 0..2 {
            let host = view.borrow().clone();
            let mut owner = Owner { record: &mut record, config: &v4 };
            install(&netlink, &mut owner, &desired, &host, &mut problems).await;
            tokio::time::sleep(SOON / 2).await;
        }
        let shown = ip("-o addr show dev left scope global");
        assert!(
            shown.contains("192.0.2.200/32") && shown.contains("192.0.2.1/32"),
            "ours are beside the host's: {shown}"
        );
        for line in before.lines() {
            assert!(shown.contains(line), "{line} is not as before: {shown}");
        }
        for _ in 0..2 {
            let host = view.borrow().clone();
            let mut owner = Owner { record: &mut record, config: &v4 };
            uninstall(&netlink, &mut owner, &Desired::default(), &host, &mut problems).await;
            tokio::time::sleep(SOON / 2).await;
        }
        assert_eq!(ip("-o addr show dev left scope global"), before);
        assert!(record.kept().addresses.is_empty());
    });
}
