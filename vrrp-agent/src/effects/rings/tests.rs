use std::path::Path;
use std::time::Duration;

use vrrp_common::maglev::Member;
use vrrp_common::maps::{
    AddressConf, AddressKey, BackendConf, FORWARD_DR, FORWARD_NONE, RING_CHANGED, Ring, RingsInUse,
};
use vrrp_common::wire::ipv4::PROTO_TCP;

use super::*;
use crate::effects::kernel::Kernel;
use crate::plane::loader::Plane;
use vrrp_steering::desired::{Desired, ServiceConf};
use vrrp_steering::ring::{Candidate, RingTable};

const SERVICE: u32 = 3;
const DRAIN: Duration = Duration::from_secs(60);
/// The aim is 100 us, in a release build, on a machine that does nothing else.
const BOUND: Duration = Duration::from_millis(50);

fn member(number: u16) -> Member {
    Member {
        address: std::net::Ipv4Addr::new(10, 0, 0, number as u8).into(),
        port: 80,
        weight: 1,
        index: number,
    }
}

/// A service of backends 1 to 4, of which these are up.
fn desired(up: &[u16]) -> Desired {
    let mut desired = Desired::default();
    let key =
        AddressKey { address: std::net::Ipv4Addr::new(192, 0, 2, 1).into(), ifindex: 1, vlan: 0 };
    desired.addresses.insert(key, AddressConf::default());
    desired
        .services
        .insert(SERVICE, ServiceConf { address: key, port: 80, protocol: PROTO_TCP, flags: 0 });
    let mut candidates = Vec::new();
    for number in 1..=4 {
        let member = member(number);
        let forward = if up.contains(&number) { FORWARD_DR } else { FORWARD_NONE };
        let conf = BackendConf {
            address: member.address,
            port: 80,
            service: SERVICE as u16,
            forward,
            ..BackendConf::default()
        };
        desired.backends.insert(u32::from(number), conf);
        candidates.push(Candidate { member, usable: up.contains(&number), precomputed: true });
    }
    desired.rosters.insert(SERVICE, Membership::new(&candidates, 1, None, DRAIN));
    desired
}

fn is_of(ring: &Ring, numbers: &[u16]) -> bool {
    let members: Vec<Member> = numbers.iter().map(|&number| member(number)).collect();
    let plan = RingTable::new(&members).expect("few enough");
    plan.ring.0.iter().zip(&ring.0).all(|(wanted, held)| *wanted == held & !RING_CHANGED)
}

/// Applies until nothing is left to be made ahead.
fn settle(kernel: &mut Kernel, desired: &Desired, problems: &mut Problems) {
    while kernel
        .apply(clock::now(), desired, &desired.interfaces, problems)
        .is_some_and(|again| again <= clock::now())
    {}
}

/// Maps of this test alone: where nothing can be pinned, none are.
fn plane() -> Plane {
    Plane::open(Path::new("/proc/no-bpffs"), false)
        .expect("a kernel program; `cargo xtask build-ebpf` makes it")
}

#[test]
#[ignore = "needs root: loads the kernel program"]
fn a_failure_reaches_the_ring_at_once_and_the_dead_backend_follows() {
    let mut problems = Problems::default();
    let mut kernel = Kernel::new(plane(), clock::now()).expect("maps");
    let all = desired(&[1, 2, 3, 4]);
    settle(&mut kernel, &all, &mut problems);
    let mut least = Duration::MAX;
    let mut flips = 0;
    for down in [1, 2, 3, 4] {
        let up: Vec<u16> = (1..=4).filter(|number| *number != down).collect();
        for (now, up) in [(desired(&up), &up[..]), (desired(&[1, 2, 3, 4]), &[1, 2, 3, 4][..])] {
            std::thread::sleep(vrrp_steering::ring::GRACE);
            let decided = clock::now();
            kernel.steer(decided, &now, &mut problems);
            let took = clock::now().saturating_since(decided);
            (least, flips) = (least.min(took), flips + 1);
            let rings = kernel.tables.rings_of(SERVICE).expect("rings");
            assert!(is_of(&rings.live, up), "{up:?} serve");
            assert!(is_of(&rings.base, &[1, 2, 3, 4]), "what began before is drained");
            let written =
                Tables::open(&kernel.plane.maps).expect("maps").takes_packets(u32::from(down));
            assert_eq!(written, up.contains(&down), "{down} when {up:?} serve");
            settle(&mut kernel, &now, &mut problems);
        }
    }
    let counted: u64 = kernel.rings.flips().buckets().map(|(_, count)| count).sum();
    println!(
        "from decision to flip, and back from the calls: {:?} {least:?}",
        kernel.rings.flips()
    );
    assert_eq!(counted, flips);
    assert!(least < BOUND, "{least:?}");
}

#[test]
#[ignore = "needs root: loads the kernel program"]
fn the_next_agent_finds_the_numbers_and_the_rings_and_leaves_both_alone() {
    let mut problems = Problems::default();
    let plane = plane();
    let first = Tables::open(&plane.maps).expect("maps");
    assert_eq!(first.services().count(), 0);
    let mut kernel = Kernel::new(plane, clock::now()).expect("maps");
    settle(&mut kernel, &desired(&[1, 2, 3]), &mut problems);
    std::thread::sleep(vrrp_steering::ring::GRACE);
    settle(&mut kernel, &desired(&[1, 2, 3, 4]), &mut problems);
    let left = kernel.tables.rings_of(SERVICE).expect("rings");

    let mut tables = Tables::open(&kernel.plane.maps).expect("maps");
    let key = (std::net::Ipv4Addr::new(192, 0, 2, 1).into(), 80, vrrp_model::Protocol::Tcp);
    let backends =
        (1..=4).map(|number| ((key, member(number).address.ip(), 80), u32::from(number)));
    assert_eq!(tables.found(), vrrp_steering::map_ids::MapIds::adopted([(key, SERVICE)], backends));
    let mut rings = Rings::adopt(&tables, clock::now()).expect("rings");
    let again =
        rings.publish(clock::now(), &desired(&[1, 2, 3, 4]).rosters, &mut tables, &mut problems);
    assert!(again.is_some(), "the drain goes on");
    let after = tables.rings_of(SERVICE).expect("rings");
    assert_eq!((left.in_use, left.live.0), (after.in_use, after.live.0));
    assert!(rings.need(4) && rings.need(1) && !rings.need(5));
    assert_ne!(
        left.in_use,
        RingsInUse { live: left.in_use.live, base: left.in_use.live, ..left.in_use }
    );
    assert_eq!(rings.published(SERVICE).map(|published| published.course.generation()), Some(1));
}
