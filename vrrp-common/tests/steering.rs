//! Flow hash and Maglev rings: even, weighted, stable, equal on both nodes.

use vrrp_common::flow::{FlowKey, RING_SLOTS, slot};
use vrrp_common::maglev::{MAX_MEMBERS, Member, TooManyMembers, digest, fill};
use vrrp_common::maps::NO_BACKEND;

fn member(number: u16, weight: u16) -> Member {
    let [high, low] = number.to_be_bytes();
    Member { address: [10, 0, high, low], weight, index: number }
}

fn members(count: u16) -> Vec<Member> {
    (0..count).map(|number| member(number, 1)).collect()
}

fn ring(members: &[Member]) -> Box<[u16; RING_SLOTS]> {
    let mut ring = Box::new([7; RING_SLOTS]);
    fill(&mut ring, members).expect("few enough");
    ring
}

fn share(ring: &[u16; RING_SLOTS], index: u16) -> f64 {
    ring.iter().filter(|&&slot| slot == index).count() as f64 / RING_SLOTS as f64
}

fn address_of(index: u16) -> [u8; 4] {
    member(index, 1).address
}

#[test]
fn slots_are_shared_evenly() {
    for count in [1, 2, 3, 10, 100, 256] {
        let ring = ring(&members(count));
        let even = 1.0 / f64::from(count);
        for index in 0..count {
            let share = share(&ring, index);
            // Everybody takes its turn, so shares differ by one slot.
            assert!((share - even).abs() * RING_SLOTS as f64 <= 1.0, "{index} of {count} has {share}");
        }
    }
}

#[test]
fn slots_are_shared_by_weight() {
    let weighted = [member(0, 1), member(1, 3), member(2, 0), member(3, 100), member(4, 1_000)];
    let ring = ring(&weighted);
    for member in &weighted {
        let (share, wanted) = (share(&ring, member.index), f64::from(member.weight) / 1_104.0);
        assert!((share - wanted).abs() < 0.001, "{member:?} has {share}, not {wanted}");
    }
    assert!(!ring.contains(&2), "weight 0 has no slot");
}

#[test]
fn the_order_in_the_file_has_no_say() {
    let forward = members(9);
    let mut backward = forward.clone();
    backward.reverse();
    assert_eq!(ring(&forward), ring(&backward));
}

#[test]
fn one_member_less_moves_little_but_its_own() {
    for count in [2, 3, 4, 5, 10, 32, 100, 256] {
        let all = members(count);
        let before = ring(&all);
        let after = ring(&all[..all.len() - 1]);
        let moved = before.iter().zip(&after[..]).filter(|(old, new)| old != new).count() as f64 / RING_SLOTS as f64;
        let own = 1.0 / f64::from(count);
        assert!(moved >= own - 0.001, "its own slots move");
        let slack = if count <= 32 { 0.01 } else { 0.02 };
        assert!(moved <= own + slack, "{count} members: {moved} moved");
    }
}

#[test]
fn nodes_with_other_numbers_for_the_backends_have_the_same_digest() {
    let ours = members(5);
    let theirs: Vec<Member> = ours.iter().map(|member| Member { index: 100 - member.index, ..*member }).collect();
    let (our_ring, their_ring) = (ring(&ours), ring(&theirs));
    assert_ne!(our_ring, their_ring);
    let their_digest = digest(&their_ring, |index| address_of(100 - index));
    assert_eq!(digest(&our_ring, address_of), their_digest);
    assert_ne!(digest(&ring(&ours[..4]), address_of), their_digest);
}

#[test]
fn nobody_with_weight_means_an_empty_ring() {
    for nobody in [vec![], vec![member(0, 0), member(1, 0)]] {
        assert!(ring(&nobody).iter().all(|&slot| slot == NO_BACKEND));
    }
}

#[test]
fn more_members_than_a_ring_holds_leave_it_untouched() {
    let mut ring = Box::new([7; RING_SLOTS]);
    assert_eq!(fill(&mut ring, &members(MAX_MEMBERS as u16 + 1)), Err(TooManyMembers));
    assert!(ring.iter().all(|&slot| slot == 7));
    assert_eq!(fill(&mut ring, &members(MAX_MEMBERS as u16)), Ok(()));
}

#[test]
fn flows_spread_over_the_slots() {
    const FLOWS: u32 = 200_000;
    const BUCKETS: usize = 16;
    let mut clients = [0_u32; BUCKETS];
    let mut ports = [0_u32; BUCKETS];
    let bucket = |key: &FlowKey| slot(key.hash()) * BUCKETS / RING_SLOTS;
    let key =
        FlowKey { source: [10, 0, 0, 1], destination: [192, 168, 1, 249], source_port: 0, destination_port: 80, protocol: 6 };
    for number in 0..FLOWS {
        clients[bucket(&FlowKey { source: number.to_be_bytes(), ..key })] += 1;
        ports[bucket(&FlowKey { source_port: number as u16, destination_port: (number >> 16) as u16, ..key })] += 1;
    }
    let even = FLOWS as f64 / BUCKETS as f64;
    for count in clients.iter().chain(&ports) {
        assert!((f64::from(*count) - even).abs() < even * 0.04, "{clients:?} {ports:?}");
    }
}

#[test]
fn each_field_of_a_flow_counts_and_no_slot_is_out_of_range() {
    let key = FlowKey { source: [1, 2, 3, 4], destination: [5, 6, 7, 8], source_port: 9, destination_port: 10, protocol: 6 };
    let others = [
        FlowKey { source: [1, 2, 3, 5], ..key },
        FlowKey { destination: [5, 6, 7, 9], ..key },
        FlowKey { source_port: 10, ..key },
        FlowKey { destination_port: 11, ..key },
        FlowKey { protocol: 17, ..key },
        FlowKey { source: key.destination, destination: key.source, ..key },
    ];
    assert!(others.iter().all(|other| other.hash() != key.hash()));
    assert_eq!((slot(0), slot(u32::MAX)), (0, RING_SLOTS - 1));
}
