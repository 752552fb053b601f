//! Tests the lab with keepalived on both nodes, without any of our programs.

use std::time::{Duration, Instant};

use vrrp_tests::names::{SITE_NAME, Vip};
use vrrp_tests::{Lab, LabOptions, Node, Router, rundir};

fn keepalived_pair() -> Lab {
    Lab::up(LabOptions::new(Router::Keepalived, Router::Keepalived)).expect("the lab comes up")
}

#[test]
#[ignore = "needs root: network namespaces and the lab's daemons"]
fn a_pair_of_keepalived_serves_the_whole_site() {
    let lab = keepalived_pair();
    let capture = lab.capture().expect("a capture");
    let mut cookie: Option<String> = None;
    for (visit, vip) in [Vip::Vip1, Vip::Vip2, Vip::Vip1, Vip::Vip2].into_iter().enumerate() {
        let page = lab.get(vip.address(), "/", None).expect("the page");
        assert_eq!(
            page.header("x-node"),
            Some(vip.home().host().name()),
            "{vip} is served by its home"
        );
        assert!(
            page.body.contains(vip.home().host().name()),
            "the page names its node: {}",
            page.body
        );

        let page = lab.get(vip.address(), "/index.php", cookie.as_deref()).expect("the PHP page");
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(
            page.body.contains(&format!("\"visits\":{}", visit + 1)),
            "the session goes on: {}",
            page.body
        );
        if let Some(new) = page.cookie() {
            cookie = Some(new.to_owned());
        }
    }
    let mut addresses = lab.resolve(SITE_NAME).expect("an answer of the name server");
    addresses.sort();
    assert_eq!(addresses, Vip::BOTH.map(Vip::address));
    let probe = lab.probe(Vip::Vip1.address(), Duration::from_millis(10)).expect("a probe");
    std::thread::sleep(Duration::from_millis(1200));
    let summary = probe.stop().expect("the probe's report").summary();
    assert!(summary.ok > 50 && summary.failed == 0, "{}", summary.sentence());
    assert_eq!(capture.last_advertiser(Vip::Vip1.vrid()), Some(Node::Node1));
    assert_eq!(capture.last_advertiser(Vip::Vip2.vrid()), Some(Node::Node2));
    assert_eq!(capture.stop().expect("the recording").lost, 0);
}

#[test]
#[ignore = "needs root: network namespaces and the lab's daemons"]
fn a_pulled_cable_moves_the_address_and_a_plugged_one_brings_it_back() {
    let mut lab = keepalived_pair();
    let capture = lab.capture().expect("a capture");
    let probe = lab.probe(Vip::Vip1.address(), Duration::from_millis(10)).expect("a probe");
    let cut = Instant::now();
    lab.cut(Node::Node1).expect("cut");
    std::thread::sleep(Duration::from_secs(5));
    assert!(
        capture.so_far().first_advert(cut, Node::Node2, Vip::Vip1.vrid()).is_some(),
        "node2 takes over"
    );
    assert!(
        !capture.so_far().arp_claims(cut, Node::Node2, Vip::Vip1.address()).is_empty(),
        "node2 announces it"
    );
    let healed = Instant::now();
    lab.heal(Node::Node1).expect("heal");
    lab.wait_for_service(Duration::from_secs(10)).expect("node1 takes it back");
    let report = probe.stop().expect("the probe's report");
    let outage = report.summary().outage_ms;
    assert!(
        (2500.0..3700.0).contains(&outage),
        "the outage is the master down interval: {outage} ms"
    );
    let recording = capture.stop().expect("the recording");
    assert!(recording.first_advert(healed, Node::Node1, Vip::Vip1.vrid()).is_some());
}

#[test]
#[ignore = "needs root: network namespaces and the lab's daemons"]
fn two_labs_live_side_by_side_and_leave_no_trace() {
    let mounts = || std::fs::read_to_string("/proc/mounts").expect("the mount table");
    let one =
        Lab::without_routers(LabOptions::new(Router::Nothing, Router::Nothing)).expect("one lab");
    let two = Lab::without_routers(LabOptions::new(Router::Nothing, Router::Nothing))
        .expect("another lab");
    let (first, second) = (one.id().to_owned(), two.id().to_owned());
    one.down().expect("the first goes");
    let page = two.get(Node::Node2.front(), "/index.php", None).expect("the second lives on");
    assert_eq!(page.status, 200);
    let path = two.run_dir().to_owned();
    two.down().expect("the second goes");
    assert!(!path.exists(), "no run directory stays");
    for id in [first, second] {
        let names = std::fs::read_dir("/run/netns").expect("the namespaces").flatten();
        assert!(
            !names.into_iter().any(|entry| entry.file_name().to_string_lossy().contains(&id)),
            "no namespace"
        );
        assert!(!mounts().contains(&id), "no mount");
        assert!(rundir::list().expect("the labs").iter().all(|lab| lab.id != id), "no manifest");
    }
}
