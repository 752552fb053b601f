use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vrrp_common::flow::{Changed, RING_SLOTS};
use vrrp_common::maps::RingsInUse;

use super::rollout::GRACE;
use super::*;
use vrrp_model::time::Instant;

const DRAIN: Duration = Duration::from_secs(60);

fn member(number: u16) -> Member {
    Member {
        address: std::net::Ipv4Addr::new(10, 0, 0, number as u8).into(),
        port: 80,
        weight: 1,
        index: number,
    }
}

fn plan(numbers: &[u16]) -> Arc<RingTable> {
    let members: Vec<Member> = numbers.iter().map(|&number| member(number)).collect();
    Arc::new(RingTable::new(&members).expect("few enough"))
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(1_000_000 + millis * 1_000)
}

fn marks(ring: &Ring) -> Vec<usize> {
    (0..RING_SLOTS).filter(|&slot| ring.0[slot] & RING_CHANGED != 0).collect()
}

fn differing(a: &RingTable, b: &RingTable) -> Vec<usize> {
    (0..RING_SLOTS).filter(|&slot| a.ring.0[slot] != b.ring.0[slot]).collect()
}

/// A service that has long been settled with a ring of these backends.
fn settled(numbers: &[u16]) -> RingRollout {
    RingRollout::begun(
        RingRollout::begin(plan(numbers), RingsInUse { live: 0, base: 0, epoch: 0 }),
        at(0) - GRACE,
    )
}

fn expect_publication(next: Next) -> RingUpdate {
    match next {
        Next::Publish(publication) => publication,
        Next::At(at) => panic!("to wait until {at:?}"),
        Next::Nothing => panic!("nothing to do"),
    }
}

fn expect_wait(next: &Next) -> Instant {
    match next {
        Next::At(at) => *at,
        Next::Publish(_) => panic!("a ring too early"),
        Next::Nothing => panic!("nothing to wait for"),
    }
}

fn change(course: &mut RingRollout, now: Instant, wanted: &Arc<RingTable>) -> RingUpdate {
    let publication = expect_publication(course.next(now, Some(wanted), DRAIN));
    course.published(publication.clone(), now);
    publication
}

#[test]
fn a_change_marks_the_slots_that_moved_and_the_base_is_what_was_live() {
    let mut course = settled(&[1, 2, 3]);
    let before = RingsInUse { live: 1, base: 1, epoch: 0 };
    let wanted = plan(&[1, 3]);
    let publication = change(&mut course, at(0), &wanted);
    assert_eq!((publication.in_use.base, publication.in_use.epoch), (before.live, 1));
    assert_eq!(publication.in_use.live, publication.place);
    assert_eq!(marks(&publication.ring), differing(&plan(&[1, 2, 3]), &wanted));
    assert_eq!(
        (course.generation(), course.drain().expect("a drain").until(DRAIN)),
        (2, at(60_000))
    );
    assert!(course.needs(2), "its flows are drained");
    assert!(
        matches!(course.next(at(1), Some(&wanted), DRAIN), Next::At(until) if until == at(60_000))
    );
}

#[test]
fn a_drain_ends_with_the_same_ring_without_marks_and_counts_from_the_last_change() {
    let mut course = settled(&[1, 2, 3]);
    change(&mut course, at(0), &plan(&[1, 3]));
    let last = plan(&[1, 3, 4]);
    let second = change(&mut course, at(30_000), &last);
    assert_eq!(second.in_use.epoch, 1, "the same drain");
    assert_eq!(expect_wait(&course.next(at(60_000), Some(&last), DRAIN)), at(90_000));
    let end = expect_publication(course.next(at(90_000), None, DRAIN));
    assert_eq!((end.in_use.live, end.in_use.base), (end.place, end.place));
    assert!(end.ring.0 == last.ring.0, "without marks");
    course.published(end, at(90_000));
    assert_eq!(course.generation(), 3, "nothing changed for new flows");
    assert!(course.drain().is_none() && !course.needs(2));
    assert!(matches!(course.next(at(90_001), Some(&last), DRAIN), Next::Nothing));
}

#[test]
fn a_backend_that_flaps_leaves_its_slots_marked() {
    let mut course = settled(&[1, 2, 3]);
    let down = change(&mut course, at(0), &plan(&[1, 3]));
    let up = change(&mut course, at(20), &plan(&[1, 2, 3]));
    assert_eq!(up.in_use.base, down.in_use.base);
    assert_eq!(
        marks(&up.ring),
        marks(&down.ring),
        "flows that began elsewhere meanwhile are looked up"
    );
    let plain = RingTable::found(up.ring, &[]);
    assert!(plain.ring.0 == plan(&[1, 2, 3]).ring.0);
}

#[test]
fn without_a_drain_time_nothing_is_marked() {
    let mut course = settled(&[1, 2]);
    let publication = expect_publication(course.next(at(0), Some(&plan(&[1])), Duration::ZERO));
    assert!(marks(&publication.ring).is_empty());
    assert_eq!(publication.in_use.live, publication.in_use.base);
}

#[test]
fn two_changes_follow_each_other_at_once_and_a_third_waits() {
    let mut course = settled(&[1, 2, 3, 4]);
    let first = change(&mut course, at(0), &plan(&[1, 2, 3]));
    let second = change(&mut course, at(1), &plan(&[1, 2]));
    let third = plan(&[1]);
    assert_eq!(expect_wait(&course.next(at(2), Some(&third), DRAIN)), at(1) + GRACE);
    let third = change(&mut course, at(1) + GRACE, &third);
    assert_eq!(third.place, first.place, "the one that has been out of use");
    assert_ne!(third.in_use.base, second.in_use.live);
}

#[test]
fn a_change_after_an_unfinished_drain_begins_a_new_one() {
    let mut course = settled(&[1, 2, 3]);
    change(&mut course, at(0), &plan(&[1, 2]));
    let late = change(&mut course, at(60_000), &plan(&[1, 2, 4]));
    assert_eq!(late.in_use.epoch, 2);
    assert_eq!(marks(&late.ring), differing(&plan(&[1, 2]), &plan(&[1, 2, 4])));
    assert!(!course.needs(3), "its time is over");
}

#[test]
fn other_weights_that_make_the_same_ring_change_nothing() {
    let mut course = settled(&[1, 2]);
    let heavier = [member(1), member(2)].map(|member| Member { weight: 7, ..member });
    let wanted = Arc::new(RingTable::new(&heavier).expect("few enough"));
    assert!(matches!(course.next(at(0), Some(&wanted), DRAIN), Next::Nothing));
    assert!(course.plan().is_of(&heavier));
}

#[test]
fn an_adopted_ring_of_the_same_members_is_left_alone_and_another_is_drained() {
    let (live, in_use) = (plan(&[1, 2]), RingsInUse { live: 2, base: 2, epoch: 9 });
    let found = || Found { in_use, live: live.ring.clone(), base: live.ring.clone() };
    let mut course = RingRollout::adopt(found(), at(0));
    assert!(
        matches!(course.next(at(1), None, DRAIN), Next::Nothing),
        "before the checks have ended"
    );
    assert!(matches!(course.next(at(1), Some(&live), DRAIN), Next::Nothing));
    assert!(course.plan().is_of(live.members()), "now it is known whose it is");

    let mut course = RingRollout::adopt(found(), at(0));
    let wanted = plan(&[1]);
    assert_eq!(
        expect_wait(&course.next(at(0), Some(&wanted), DRAIN)),
        at(0) + GRACE,
        "the last change of its agent is unknown"
    );
    let publication = change(&mut course, at(0) + GRACE, &wanted);
    assert_eq!((publication.in_use.base, publication.in_use.epoch), (2, 10));
    assert_eq!(marks(&publication.ring), differing(&live, &wanted));
}

#[test]
fn an_adopted_drain_goes_on_for_its_whole_time() {
    let mut before = settled(&[1, 2, 3]);
    let left = change(&mut before, at(0), &plan(&[1, 3]));
    let found =
        Found { in_use: left.in_use, live: left.ring.clone(), base: plan(&[1, 2, 3]).ring.clone() };
    let mut course = RingRollout::adopt(found, at(40_000));
    let live = plan(&[1, 3]);
    assert_eq!(expect_wait(&course.next(at(40_000), Some(&live), DRAIN)), at(100_000));
    assert!(course.needs(2));
    let next = change(&mut course, at(50_000), &plan(&[1]));
    assert_eq!((next.in_use.base, next.in_use.epoch), (left.in_use.base, left.in_use.epoch));
    assert!(marks(&left.ring).iter().all(|slot| next.ring.0[*slot] & RING_CHANGED != 0));
}

fn candidate(number: u16, weight: u16, usable: bool) -> Candidate {
    Candidate { member: Member { weight, ..member(number) }, usable, precomputed: true }
}

fn numbers(roster: &Membership) -> Vec<u16> {
    roster.members.iter().flatten().map(|member| member.index).collect()
}

#[test]
fn the_sorry_server_serves_alone_while_the_usable_backends_weigh_too_little() {
    let sorry = Some(Member { weight: 0, ..member(9) });
    let of = |up: [bool; 3], quorum, sorry| {
        let [a, b, c] = up;
        let candidates = [candidate(3, 1, a), candidate(1, 2, b), candidate(2, 0, c)];
        let roster = Membership::new(&candidates, quorum, sorry, DRAIN);
        (numbers(&roster), roster.serving, roster.quorum_met)
    };
    assert_eq!(
        of([true, true, true], 3, sorry),
        (vec![1, 3], Serving::Backends, true),
        "weight 0 takes nothing"
    );
    assert_eq!(of([true, false, true], 3, sorry), (vec![9], Serving::Sorry, false));
    assert_eq!(
        of([true, false, true], 3, None),
        (vec![3], Serving::Backends, false),
        "without a sorry server it changes nothing"
    );
    assert_eq!(of([true, false, true], 1, sorry), (vec![3], Serving::Backends, true));
    assert_eq!(of([false, false, true], 1, sorry), (vec![9], Serving::Sorry, false));
    assert_eq!(of([false, false, true], 1, None), (vec![], Serving::Backends, false));
    let ring = plan(&[]);
    assert_eq!(ring.named().count(), 0);
}

#[test]
fn a_roster_is_ordered_and_before_all_checks_have_ended_it_has_no_members() {
    let candidates = [candidate(5, 1, true), candidate(2, 1, true), candidate(7, 1, false)];
    let roster = Membership::new(&candidates, 1, None, DRAIN);
    assert_eq!(numbers(&roster), [2, 5]);
    assert_eq!(roster.spare, [member(7)]);
    assert_eq!(roster.undecided().members, None);
}

#[test]
fn the_rings_of_one_failure_and_one_return_are_made_ahead() {
    let roster = |up: &[u16], down: &[u16]| {
        let up = up.iter().map(|&number| candidate(number, 1, true));
        let candidates: Vec<_> =
            up.chain(down.iter().map(|&number| candidate(number, 1, false))).collect();
        Membership::new(&candidates, 1, None, DRAIN)
    };
    let is_ready = |precomputed: &Likely, numbers: &[u16]| {
        let members: Vec<Member> = numbers.iter().map(|&number| member(number)).collect();
        let (one, other) = (
            precomputed.plan(&members).expect("a plan"),
            precomputed.plan(&members).expect("a plan"),
        );
        Arc::ptr_eq(&one, &other)
    };
    let mut precomputed = Likely::default();
    let rosters = [roster(&[1, 2, 4], &[3]), roster(&[8], &[])];
    assert!(precomputed.prepare(rosters.iter(), 3), "two are left to be made");
    assert!(!precomputed.prepare(rosters.iter(), 3));
    for ready in [&[1, 2][..], &[1, 4], &[2, 4], &[1, 2, 3, 4], &[]] {
        assert!(is_ready(&precomputed, ready), "{ready:?}");
    }
    assert!(!is_ready(&precomputed, &[1, 2, 4]), "what is in force is not made again");
    let later = [roster(&[1, 2], &[3, 4])];
    while precomputed.prepare(later.iter(), 1) {}
    assert!(
        is_ready(&precomputed, &[1, 2, 4]) && !is_ready(&precomputed, &[2, 4]),
        "what is no longer precomputed is forgotten"
    );
    let many = [roster(&(1..=200).collect::<Vec<_>>(), &[])];
    assert!(!precomputed.prepare(many.iter(), 64), "no more than there is room for");
}

/// The kernel program's state and rules for one service.
struct Kernel {
    rings: [Arc<Ring>; 3],
    in_use: RingsInUse,
    alive: BTreeMap<u16, bool>,
    /// Key -> backend, drain.
    flows: BTreeMap<usize, (u16, u16)>,
    /// When each place was last in use.
    used: [Instant; 3],
    /// Whether it compares the drain in which a flow was recorded.
    heeds_epoch: bool,
}

impl Kernel {
    fn publish(&mut self, publication: &RingUpdate, now: Instant) {
        let place = publication.place;
        assert!(place != self.in_use.live && place != self.in_use.base, "a ring in use is written");
        assert!(
            now >= self.used[place as usize] + GRACE,
            "a ring that may still be read is written"
        );
        self.rings[place as usize] = publication.ring.clone();
        for used in [self.in_use.live, self.in_use.base] {
            self.used[used as usize] = now;
        }
        self.in_use = publication.in_use;
    }

    /// As `choose` and `choose_changed` of the kernel program.
    fn packet(&mut self, key: usize, slot: usize, begins: bool) -> u16 {
        let live = self.rings[self.in_use.live as usize].0[slot];
        if live & RING_CHANGED == 0 {
            return live;
        }
        let alive =
            |backend: u16| self.alive.get(&backend).copied().unwrap_or(false).then_some(backend);
        let base = alive(self.rings[self.in_use.base as usize].0[slot] & !RING_CHANGED);
        let recorded = self
            .flows
            .get(&key)
            .filter(|record| record.1 == self.in_use.epoch || !self.heeds_epoch)
            .and_then(|record| alive(record.0));
        let choice = Changed { live: live & !RING_CHANGED, base, recorded, begins }.choose();
        if choice.record {
            self.flows.insert(key, (choice.backend, self.in_use.epoch));
        }
        choice.backend
    }
}

/// Random backends fail, return, are drained and added, at any pace. Meanwhile clients open
/// connections, with ports that earlier connections had. Returns how many connections with a live
/// backend a change moved, and how many outlived their drain.
fn play(heeds_epoch: bool) -> (usize, usize) {
    const KEYS: usize = 60;
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 11) % below
    };
    let plans: Vec<Arc<RingTable>> = (0..16_u16)
        .map(|set| plan(&(0..4).filter(|bit| set >> bit & 1 == 1).collect::<Vec<_>>()))
        .collect();
    let slots: Vec<usize> = (0..KEYS).map(|_| random(RING_SLOTS as u64) as usize).collect();
    let mut now = at(0);
    let mut kernel = Kernel {
        rings: std::array::from_fn(|_| Arc::new(Ring::EMPTY)),
        in_use: RingsInUse { live: 0, base: 0, epoch: 0 },
        alive: (0..4).map(|number| (number, true)).collect(),
        flows: BTreeMap::new(),
        used: [at(0) - GRACE * 2; 3],
        heeds_epoch,
    };
    let first = RingRollout::begin(Arc::clone(&plans[15]), kernel.in_use);
    kernel.publish(&first, now);
    let mut course = RingRollout::begun(first, now);
    let (mut chosen, mut changed) = (15_u16, now);
    let mut flows: BTreeMap<usize, u16> = BTreeMap::new();
    let (mut drained, mut moved, mut outlived) = (0, 0, 0);
    for _ in 0..4_000 {
        now = now
            + Duration::from_millis(if random(6) == 0 {
                20_000 + random(60_000)
            } else {
                random(30)
            });
        if random(3) == 0 {
            chosen ^= 1 << random(4);
        }
        // Alive before the ring contains it; dead, if it is and not only drained, after.
        for number in (0..4).filter(|number| chosen >> number & 1 == 1) {
            kernel.alive.insert(number, true);
        }
        if let Next::Publish(publication) =
            course.next(now, Some(&plans[usize::from(chosen)]), DRAIN)
        {
            let ends = publication.in_use.live == publication.in_use.base;
            // A change that finds an ended drain whose end is not published ends it too.
            let over = now >= changed + DRAIN;
            assert!(!ends || over, "drained for too short a time");
            kernel.publish(&publication, now);
            course.published(publication, now);
            if ends {
                drained += 1;
            } else {
                changed = now;
            }
            for (&key, backend) in &mut flows {
                let gets = kernel.packet(key, slots[key], false);
                if gets != *backend {
                    *(if over { &mut outlived } else { &mut moved }) += 1;
                    *backend = u16::MAX;
                }
            }
            flows.retain(|_, backend| *backend != u16::MAX);
        }
        let settled_on_it = Arc::ptr_eq(course.plan(), &plans[usize::from(chosen)]);
        let gone = (0..4)
            .find(|number| chosen >> number & 1 == 0)
            .filter(|_| settled_on_it && random(4) == 0);
        if let Some(gone) = gone {
            kernel.alive.insert(gone, false);
            flows.retain(|_, backend| *backend != gone);
        }
        for (&key, &backend) in &flows {
            moved += usize::from(kernel.packet(key, slots[key], false) != backend);
        }
        for _ in 0..5 {
            let key = random(KEYS as u64) as usize;
            let backend = kernel.packet(key, slots[key], true);
            flows.retain(|&held, _| held != key);
            if kernel.alive.get(&backend) == Some(&true) {
                flows.insert(key, backend);
            }
        }
    }
    assert!(drained > 100, "{drained} drains came to their end");
    (moved, outlived)
}

#[test]
fn no_change_moves_a_connection_whose_backend_lives() {
    let (moved, outlived) = play(true);
    assert_eq!(moved, 0);
    assert!(outlived > 100, "{outlived} connections outlived their drain");
}

#[test]
fn what_an_earlier_drain_remembered_would_move_connections() {
    let (moved, _) = play(false);
    assert!(moved > 0, "the number of the drain is there for nothing");
}
