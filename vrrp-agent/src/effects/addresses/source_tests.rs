use std::collections::BTreeSet;
use std::net::IpAddr;

use tokio::sync::watch;
use tokio::time::timeout;

use super::tests::config;
use super::{Owner, install, is_installed};
use crate::effects::Problems;
use crate::effects::record::Record;
use crate::net::Netlink;
use crate::net::testing::{
    LEFT, SOON, add_preferred, in_pair, interface, ip, link_local, wait_detected,
};
use crate::net::watch::Watcher;
use vrrp_model::host::HostView;
use vrrp_steering::desired::{Desired, Installed};

/// The address from which the host opens connections to a destination by the interface `left`.
fn source(destination: &str) -> IpAddr {
    let shown = ip(&format!("route get {destination} oif left"));
    let text = shown.split_whitespace().skip_while(|word| *word != "src").nth(1).expect("a source");
    text.parse().expect("an address")
}

fn wanted(address: &str, prefix_len: u8) -> Installed {
    Installed {
        ifindex: interface("left").index,
        address: address.parse().expect("an address"),
        prefix_len,
        label: None,
    }
}

/// Installs until the host's view shows all of it so.
async fn settle(
    record: &mut Record,
    desired: &Desired,
    view: &mut watch::Receiver<std::sync::Arc<HostView>>,
) {
    let netlink = Netlink::connect().expect("a connection");
    let config = config("");
    for _ in 0..3 {
        let host = view.borrow_and_update().clone();
        install(
            &netlink,
            &mut Owner { record, config: &config },
            desired,
            &host,
            &mut Problems::default(),
        )
        .await;
        let all = |view: &std::sync::Arc<HostView>| {
            desired.installed.iter().all(|wanted| is_installed(view, wanted))
        };
        assert!(
            timeout(SOON, view.wait_for(all)).await.is_ok(),
            "installed: {}",
            ip("addr show dev left")
        );
        tokio::time::sleep(SOON / 4).await;
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_ipv6_address_that_moves_is_never_chosen_as_a_source_however_it_came_there() {
    in_pair(async |_| {
        wait_detected("left");
        ip("addr add 2001:db8::1/64 dev left nodad");
        let own = "2001:db8::1".parse::<IpAddr>().expect("an address");
        let own_link_local = IpAddr::from(link_local("left"));
        let (watcher, mut view) = Watcher::start().await.expect("a view");
        let _watcher = tokio::spawn(watcher.run());
        let mut record = Record::default();
        let check = |what: &str| {
            assert_eq!(source("2001:db8::2"), own, "{what}: {}", ip("-6 addr show dev left"));
            assert_eq!(
                source("fe80::2"),
                own_link_local,
                "{what}: {}",
                ip("-6 addr show dev left")
            );
        };
        for prefix_len in [128, 64] {
            // 2 and 3 differ in their last bit: rule 8 of RFC 6724 would take the virtual ones.
            let addresses = [wanted("2001:db8::3", prefix_len), wanted("fe80::3", prefix_len)];
            let desired = Desired { installed: BTreeSet::from(addresses), ..Desired::default() };
            settle(&mut record, &desired, &mut view).await;
            check("fresh");
            for Installed { address, .. } in &desired.installed {
                ip(&format!("addr del {address}/{prefix_len} dev left"));
            }
            settle(&mut record, &desired, &mut view).await;
            check("put back");
            let netlink = Netlink::connect().expect("a connection");
            for Installed { ifindex, address, .. } in &desired.installed {
                ip(&format!("addr del {address}/{prefix_len} dev left"));
                add_preferred(&netlink, *ifindex, *address, prefix_len).await;
            }
            assert_ne!(
                (source("2001:db8::2"), source("fe80::2")),
                (own, own_link_local),
                "preferred, one is chosen"
            );
            tokio::time::sleep(SOON / 4).await;
            settle(&mut record, &desired, &mut view).await;
            check("adopted from an agent that installed it as a preferred one");
            for Installed { address, .. } in &desired.installed {
                ip(&format!("addr del {address}/{prefix_len} dev left"));
            }
            tokio::time::sleep(SOON / 4).await;
        }
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_ipv4_address_that_moves_is_not_chosen_as_a_source_after_the_hosts_own_was_exchanged() {
    in_pair(async |_| {
        let (watcher, mut view) = Watcher::start().await.expect("a view");
        let _watcher = tokio::spawn(watcher.run());
        let mut record = Record::default();
        let group = "224.0.0.251";
        for prefix_len in [32, 24] {
            let vip = wanted("192.0.2.100", prefix_len);
            let desired =
                Desired { installed: BTreeSet::from([vip.clone()]), ..Desired::default() };
            settle(&mut record, &desired, &mut view).await;
            assert_eq!(source(group), IpAddr::from(LEFT), "the host's own comes first");
            // As DHCP or a restart of the network does.
            std::fs::write("/proc/sys/net/ipv4/conf/left/promote_secondaries", "1")
                .expect("written");
            ip(&format!("addr del {LEFT}/24 dev left"));
            ip(&format!("addr add {LEFT}/24 dev left"));
            std::fs::write("/proc/sys/net/ipv4/conf/left/promote_secondaries", "0")
                .expect("written");
            assert_eq!(
                source(group),
                vip.address,
                "/{prefix_len}: the virtual address comes first"
            );
            tokio::time::sleep(SOON / 4).await;
            settle(&mut record, &desired, &mut view).await;
            assert_eq!(
                source(group),
                IpAddr::from(LEFT),
                "/{prefix_len}: {}",
                ip("addr show dev left")
            );
            assert_eq!(
                source("192.0.2.2"),
                IpAddr::from(LEFT),
                "/{prefix_len}: {}",
                ip("addr show dev left")
            );
            let promoted =
                std::fs::read_to_string("/proc/sys/net/ipv4/conf/left/promote_secondaries")
                    .expect("read");
            assert_eq!(promoted.trim(), "0", "given back");
            ip(&format!("addr del {}/{prefix_len} dev left", vip.address));
            tokio::time::sleep(SOON / 4).await;
        }
    });
}
