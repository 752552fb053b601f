use std::path::Path;

use aya::maps::lpm_trie::{Key, LpmTrie};
use vrrp_common::ip::Address;
use vrrp_common::maps::{
    FORWARD_NAT, GUARD_SERVICE_BITS, GuardConf, GuardedSource, ReverseConf, ReverseEntry,
    ReverseKey, SOURCE_ALLOWED, SOURCE_DENIED, reverse_hint,
};

use super::*;
use crate::plane::loader::Plane;

/// The loaded program with maps that are not pinned. `None` in a build without it.
fn plane() -> Option<Plane> {
    match Plane::open(Path::new("/proc/no-bpffs-can-be-here"), false) {
        Err(PlaneError::NoObject) => None,
        outcome => Some(outcome.expect("the program is loaded")),
    }
}

fn address(text: &str) -> Address {
    text.parse::<std::net::IpAddr>().expect("an address").into()
}

fn source(service: u32, text: &str) -> GuardedSource {
    GuardedSource { service: service.to_be_bytes(), source: address(text).octets() }
}

#[test]
#[ignore = "needs root: BPF maps"]
fn guards_are_written_changed_and_adopted_by_the_next_agent() {
    let Some(plane) = plane() else { return };
    let trie: LpmTrie<MapData, GuardedSource, u32> =
        plane.maps.lpm_trie(name::GUARD_SOURCES).expect("a map");
    let limits: Array<MapData, GuardConf> = plane.maps.array(name::GUARDS).expect("a map");
    let verdict = |service, text| {
        trie.get(&Key::new(GUARD_SERVICE_BITS + 128, source(service, text)), 0).ok()
    };
    let v4 = |length: u32| GUARD_SERVICE_BITS + 96 + length;
    let closed =
        GuardConf { closed: 1, listed: 1, total_rate: 5, total_burst: 9, ..GuardConf::default() };
    let sources: guards::Sources = [
        ((v4(24), source(3, "192.0.2.0")), SOURCE_ALLOWED),
        ((v4(25), source(3, "192.0.2.128")), SOURCE_DENIED),
        ((GUARD_SERVICE_BITS + 32, source(4, "2001:db8::")), SOURCE_DENIED),
    ]
    .into();

    let mut tables = Tables::open(&plane.maps).expect("tables");
    tables.guards.set(&[(3, closed)].into(), &sources).expect("written");
    assert_eq!(verdict(3, "192.0.2.1"), Some(SOURCE_ALLOWED));
    assert_eq!(verdict(3, "192.0.2.200"), Some(SOURCE_DENIED), "the longer prefix counts");
    assert_eq!(verdict(4, "192.0.2.1"), None, "another service's list");
    assert_eq!((verdict(4, "2001:db8::7"), verdict(3, "2001:db8::7")), (Some(SOURCE_DENIED), None));
    assert_eq!(limits.get(&3, 0).expect("read"), closed);

    // The next agent knows only the program's maps.
    let mut next = Tables::open(&plane.maps).expect("tables");
    let fewer: guards::Sources = [((v4(24), source(3, "192.0.2.0")), SOURCE_DENIED)].into();
    next.guards.set(&[].into(), &fewer).expect("written");
    assert_eq!((verdict(3, "192.0.2.200"), verdict(4, "2001:db8::7")), (Some(SOURCE_DENIED), None));
    assert_eq!(limits.get(&3, 0).expect("read"), GuardConf::default());
    assert_eq!(trie.keys().count(), 1);
}

#[test]
#[ignore = "needs root: BPF maps"]
fn sources_of_answers_are_added_and_removed_with_their_hints() {
    let Some(plane) = plane() else { return };
    let array: Array<MapData, ReverseEntry> = plane.maps.array(name::REVERSE).expect("a map");
    let found = || {
        Arrays::<ReverseEntry>::open(&plane.maps, name::REVERSE_BUCKETS, name::REVERSE)
            .expect("maps")
            .1
    };
    let source =
        |key| found().index(&key).map(|index| array.get(&index, 0).expect("read").conf.port);
    let hints: Array<MapData, u32> = plane.maps.array(name::REVERSE_HINTS).expect("a map");
    let hint = |text| hints.get(&reverse_hint(&address(text)), 0).expect("read");
    let key = |text, port| ReverseKey { address: address(text), port, protocol: 6 };
    let conf = |port| ReverseConf { address: address("192.0.2.100"), port, pad: 0, router: 1 };

    let mut tables = Tables::open(&plane.maps).expect("tables");
    let both = [
        (key("10.0.0.21", 8_080), conf(80)),
        (key("fd00::22", 8_080), conf(80)),
        (key("10.0.0.21", 8_443), conf(443)),
    ];
    tables.reverse.set(&both.into()).expect("written");
    assert_eq!(source(key("10.0.0.21", 8_443)), Some(443));
    assert_eq!((hint("10.0.0.21"), hint("fd00::22"), hint("10.0.0.23")), (1, 1, 0));

    let mut next = Tables::open(&plane.maps).expect("tables");
    next.reverse.set(&[(key("10.0.0.21", 8_080), conf(81))].into()).expect("written");
    assert_eq!(source(key("10.0.0.21", 8_080)), Some(81));
    assert_eq!(found().indexes().len(), 1);
    assert_eq!(
        (hint("10.0.0.21"), hint("fd00::22")),
        (1, 0),
        "another port of the address still has its entry"
    );
    next.reverse.set(&BTreeMap::new()).expect("written");
    assert_eq!((hint("10.0.0.21"), found().indexes().len()), (0, 0));
}

#[test]
#[ignore = "needs root: BPF maps"]
fn a_former_backend_takes_no_more_packets_once_it_is_forgotten() {
    let Some(plane) = plane() else { return };
    let backends: Array<MapData, BackendConf> = plane.maps.array(name::BACKENDS).expect("a map");
    let conf = |port| BackendConf {
        address: address("10.0.0.21"),
        port,
        forward: FORWARD_NAT,
        ..BackendConf::default()
    };
    let mut tables = Tables::open(&plane.maps).expect("tables");
    tables.raise_backends(&[(1, conf(80)), (2, conf(81))].into()).expect("written");
    let mut next = Tables::open(&plane.maps).expect("tables");
    let wanted = [(1, conf(82))].into();
    next.raise_backends(&wanted).expect("written");
    assert_eq!(
        (backends.get(&1, 0).expect("read").port, backends.get(&2, 0).expect("read").port),
        (82, 81)
    );
    next.forget_backends(&wanted, |_| false).expect("written");
    assert_eq!(backends.get(&2, 0).expect("read"), BackendConf::default());
    assert_eq!(backends.get(&1, 0).expect("read"), conf(82));
}
