use super::*;
use crate::net::testing::{in_pair, ip};
use crate::net::watch::Watcher;
use vrrp_model::Config;
use vrrp_steering::desired;

/// One router whose routes and rules are those of OpenStack's amphora, and the routes of a file.
fn config() -> Config {
    let text = "vrrp_instance A {\ninterface left\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.100\n}\n\
                virtual_routes {\n10.9.0.0/24 dev left src 192.0.2.1 scope link table 7\n\
                default via 192.0.2.2 dev left onlink table 7\n\
                10.8.0.0/16 via 192.0.2.2\nblackhole 10.7.0.0/16\n}\n\
                virtual_rules {\nfrom 192.0.2.100/32 table 7 priority 100\n}\n}\n\
                static_routes {\n10.6.0.0/16 dev left\n}\n";
    let source = vrrp_config::Source::new("F", text.as_bytes());
    let (language, mode) = (vrrp_config::Language::Keepalived, vrrp_config::Mode::Strict);
    let outcome = vrrp_config::parse(&source, language, mode, "node1");
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

#[test]
#[ignore = "needs root: network namespaces"]
fn routes_and_rules_come_and_go_with_the_role_and_the_hosts_own_stay() {
    in_pair(async |_| {
        ip("route add 10.1.0.0/16 dev left proto static");
        // The host has this one itself: it is not replaced, and not removed.
        ip("route add 10.8.0.0/16 dev left");
        ip("rule add from 192.0.2.7/32 table 9 priority 99");
        ip("route add 10.5.0.0/16 dev left table 7");
        // The agent's number shows no owner.
        ip("route add unreachable 10.4.0.0/16 table 7 proto 112");
        ip("rule add from 192.0.2.8/32 table 9 priority 98 protocol 112");
        let shown =
            || format!("{}{}{}", ip("route show"), ip("route show table 7"), ip("rule show"));
        let before = shown();
        let (watcher, view) = Watcher::start().await.expect("a view");
        let _watcher = tokio::spawn(watcher.run());
        let netlink = Netlink::connect().expect("a connection");
        let config = config();
        let wanted = |active: bool, stopping: bool| {
            let running = vrrp_steering::running_config::RunningConfig::new(
                config.clone(),
                vec![vrrp_model::RouterIdx::new(0)],
                Default::default(),
            );
            let health = vrrp_steering::health_table::HealthTable::of_services(&config);
            let host = view.borrow().clone();
            desired::desired(&desired::Facts {
                config: &running.config,
                host: &host,
                active: &[active],
                indices: &running.indices,
                slots: &running.slots,
                stopping,
                health: health.results(),
                paths: health.results(),
                drained: &running.drained,
            })
        };
        let (mut routing, mut problems) = (Routing::default(), Problems::default());
        let mut record = Record::default();
        let mut apply = async |routing: &mut Routing, desired: &Desired| {
            routing.add(&netlink, &mut record, desired, &mut problems).await;
            routing.remove(&netlink, &mut record, desired, &mut problems).await;
        };
        let master = wanted(true, false);
        apply(&mut routing, &master).await;
        let full = shown();
        for line in [
            "10.9.0.0/24 dev left proto 112 scope link src 192.0.2.1",
            "default via 192.0.2.2 dev left proto 112 onlink",
            "blackhole 10.7.0.0/16 proto 112",
            "10.6.0.0/16 dev left proto 112 scope link",
            "100:\tfrom 192.0.2.100 lookup 7 proto 112",
        ] {
            assert!(full.contains(line), "{line}\n{full}");
        }
        assert!(!full.contains("10.8.0.0/16 via"), "the host's own route stays: {full}");
        // Another program removes a route and a rule.
        ip("route del 10.9.0.0/24 table 7");
        ip("rule del priority 100");
        apply(&mut routing, &master).await;
        assert_eq!(shown(), full);
        // A killed agent's successor finds them, and takes them back when it is a backup.
        let mut successor = Routing::default();
        let backup = wanted(false, false);
        apply(&mut successor, &backup).await;
        let left = shown();
        assert!(left.contains("10.6.0.0/16 dev left proto 112"), "static ones stay: {left}");
        for gone in ["10.9.0.0", "default via", "10.7.0.0", "lookup 7"] {
            assert!(!left.contains(gone), "{gone} is left: {left}");
        }
        apply(&mut successor, &wanted(false, true)).await;
        assert_eq!(shown(), before, "everything is given back");
    });
}
