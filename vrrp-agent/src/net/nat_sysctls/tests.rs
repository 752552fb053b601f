use std::fs;
use std::path::Path;

use super::*;

fn set(root: &Path, key: &str, value: u32) {
    let path = root.join(key);
    fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    fs::write(path, format!("{value}\n")).expect("written");
}

/// The sysctls of a freshly installed host.
fn fresh(root: &Path) {
    for interface in ["all", "eth2"] {
        for key in ["accept_local", "rp_filter", "forwarding"] {
            set(root, &format!("ipv4/conf/{interface}/{key}"), 0);
        }
        for (key, value) in [("forwarding", 0), ("force_forwarding", 0), ("accept_ra", 1)] {
            set(root, &format!("ipv6/conf/{interface}/{key}"), value);
        }
    }
}

fn said(root: &Path, side: NatSide) -> Vec<String> {
    let lacking = lacking(&Sysctl::below(root), "eth2", side).expect("readable");
    lacking.iter().map(|lack| format!("{} {} -> {}", lack.key(), lack.found, lack.wanted)).collect()
}

#[test]
fn the_back_side_takes_packets_in_its_own_name_and_alone_forwards() {
    let dir = tempfile::tempdir().expect("a directory");
    fresh(dir.path());
    let front = NatSide { v4: true, ..NatSide::default() };
    assert_eq!(said(dir.path(), front), [""; 0]);
    assert_eq!(said(dir.path(), NatSide { v6: true, ..front }), [""; 0]);
    let back = NatSide { back: true, ..front };
    assert_eq!(
        said(dir.path(), back),
        ["net.ipv4.conf.eth2.accept_local 0 -> 1", "net.ipv4.conf.eth2.forwarding 0 -> 1"]
    );
    set(dir.path(), "ipv4/conf/all/rp_filter", 1);
    assert!(said(dir.path(), back).contains(&"net.ipv4.conf.eth2.rp_filter 0 -> 2".to_owned()));
    set(dir.path(), "ipv4/conf/eth2/rp_filter", 2);
    assert!(
        said(dir.path(), back).iter().all(|line| !line.contains("rp_filter")),
        "the larger value counts"
    );
}

#[test]
fn a_host_that_forwards_anyway_is_not_kept_from_it() {
    let dir = tempfile::tempdir().expect("a directory");
    fresh(dir.path());
    let only = || answers_only(&Sysctl::below(dir.path())).expect("readable");
    assert_eq!(only(), NAT_ONLY_V4 | NAT_ONLY_V6);
    set(dir.path(), "ipv4/conf/all/forwarding", 1);
    assert_eq!(only(), NAT_ONLY_V6);
    set(dir.path(), "ipv6/conf/all/forwarding", 1);
    assert_eq!(only(), 0);
}

#[test]
fn ipv6_keeps_its_router_advertisements() {
    let dir = tempfile::tempdir().expect("a directory");
    fresh(dir.path());
    let side = NatSide { back: true, v4: false, v6: true };
    let expected = ["accept_ra 1 -> 2", "forwarding 0 -> 1", "force_forwarding 0 -> 1"];
    assert_eq!(said(dir.path(), side), expected.map(|text| format!("net.ipv6.conf.eth2.{text}")));
    // An older kernel.
    fs::remove_file(dir.path().join("ipv6/conf/eth2/force_forwarding")).expect("removed");
    set(dir.path(), "ipv6/conf/eth2/forwarding", 1);
    assert_eq!(said(dir.path(), side), ["net.ipv6.conf.all.forwarding 0 -> 1"]);
    assert!(lacking(&Sysctl::below(dir.path()), "eth2", side).expect("readable")[0].is_for_all());
    set(dir.path(), "ipv6/conf/all/forwarding", 1);
    assert_eq!(said(dir.path(), side), [""; 0]);
}
