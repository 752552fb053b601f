//! Sync groups: the group's inputs in every state, timetables of two nodes, then random schedules.

use super::groups_net::{INTERVAL, Net};
use super::*;
use crate::{Reason, Resume, group, timing};
use Output::{Announce, Lapse, Lease, Mastership, Send, Transition};

const MINUTE: Duration = Duration::from_secs(60);

fn same_instant(events: &[(Instant, usize, Reason)]) -> bool {
    events.iter().all(|event| event.0 == events[0].0)
}

fn change(from: Role, to: Role, reason: Reason) -> Output {
    Transition { from, to, reason }
}

#[test]
fn a_master_hands_over_with_its_group_and_is_a_backup_without_a_successor() {
    let (mut router, now) = master(settings());
    for deaf in [Input::TakeOver, Input::Wait] {
        assert_eq!(give(&mut router, now, deaf), []);
    }
    let handed_over = change(Role::Master, Role::Releasing, Reason::GroupHandedOver);
    assert_eq!(give(&mut router, now, Input::HandOver), [Lapse, Send { priority: 0 }, handed_over]);
    assert_eq!(give(&mut router, now, STARTUP), []);
    let (at, outputs) = expire(&mut router);
    assert_eq!(at, now + timing::release_bound(SECOND));
    assert_eq!(
        outputs,
        [Mastership(None), change(Role::Releasing, Role::Backup, Reason::NoSuccessor)]
    );
}

#[test]
fn a_master_releases_to_fault_with_its_group() {
    let (mut router, now) = master(settings());
    let fault = change(Role::Master, Role::Releasing, Reason::GroupFault);
    assert_eq!(give(&mut router, now, Input::GroupFault), [Lapse, Send { priority: 0 }, fault]);
    for deaf in [Input::TakeOver, Input::HandOver, Input::Wait, Input::GroupFault] {
        assert_eq!(give(&mut router, now, deaf), []);
    }
    let (_, outputs) = expire(&mut router);
    assert_eq!(
        outputs,
        [Mastership(None), change(Role::Releasing, Role::Fault, Reason::NoSuccessor)]
    );
    for deaf in [Input::TakeOver, Input::HandOver, Input::Wait, Input::GroupFault] {
        assert_eq!(give(&mut router, now, deaf), []);
    }
}

#[test]
fn a_backup_takes_over_with_its_group_or_waits_or_is_at_fault_with_it() {
    let now = ms(50);
    let mut router = backup(settings());
    assert_eq!(give(&mut router, now, Input::HandOver), []);
    assert_eq!(give(&mut router, now, Input::Wait), []);
    assert_eq!(router.next_deadline(), Some(now + router.master_down_interval()));
    let took_over = [
        Send { priority: 100 },
        Lease { until: now + SECOND * 3, priority: 100 },
        Mastership(Some(50_000)),
        change(Role::Backup, Role::Master, Reason::GroupTookOver),
        Announce,
    ];
    assert_eq!(give(&mut router, now, Input::TakeOver), took_over);
    let fault = change(Role::Backup, Role::Fault, Reason::GroupFault);
    assert_eq!(give(&mut backup(settings()), now, Input::GroupFault), [fault]);
}

#[test]
fn in_init_the_inputs_of_the_group_have_no_effect() {
    let mut router = VirtualRouter::new(settings());
    for deaf in [Input::TakeOver, Input::HandOver, Input::Wait, Input::GroupFault] {
        assert_eq!(give(&mut router, ms(1), deaf), []);
    }
    assert_eq!(router.role(), Role::Init);
}

#[test]
fn a_releasing_member_takes_over_again_with_its_group_unless_it_leaves() {
    let (mut router, now) = releasing(settings());
    assert_eq!(give(&mut router, now, Input::TakeOver), []);
    let (mut router, now) = master(settings());
    give(&mut router, now, Input::HandOver);
    give(&mut router, now, Input::TakeOver);
    assert_eq!(router.role(), Role::Master);
}

#[test]
fn a_group_of_one_takes_over_when_its_timer_runs_out() {
    let mut alone = backup(settings());
    let mut grouped = backup(settings());
    grouped.set_grouped(true);
    let (at, outputs) = expire(&mut alone);
    grouped.handle_timeout(at);
    assert_eq!(drain(&mut grouped), []);
    group::settle(at, &mut [&mut grouped], true);
    assert_eq!(drain(&mut grouped), outputs);
}

#[test]
fn no_group_takes_over_without_a_member_that_is_not_known_yet() {
    let mut grouped = backup(settings());
    grouped.set_grouped(true);
    let at = grouped.next_deadline().unwrap();
    group::settle(at, &mut [&mut grouped], false);
    assert_eq!(drain(&mut grouped), []);
    assert_eq!(grouped.next_deadline(), Some(at + grouped.master_down_interval()));
}

#[test]
fn a_member_whose_group_is_dissolved_forgets_the_groups_fault() {
    let (mut well, mut ill) = (backup(settings()), backup(settings()));
    well.set_grouped(true);
    ill.set_grouped(true);
    ill.handle(ms(10), Input::Fault);
    group::settle(ms(10), &mut [&mut well, &mut ill], true);
    assert_eq!((well.role(), ill.role()), (Role::Fault, Role::Fault));
    for router in [&mut well, &mut ill] {
        router.set_grouped(false);
        group::settle(ms(20), &mut [router], true);
    }
    assert_eq!((well.role(), ill.role()), (Role::Backup, Role::Fault));
}

#[test]
fn a_group_takes_over_in_one_instant_and_the_other_node_follows() {
    for members in [2, 3] {
        let (high, low) = (vec![200; members], vec![100; members]);
        let mut net = Net::started([&high, &low], true);
        net.run(MINUTE);
        net.expect(0, Role::Master);
        net.expect(1, Role::Backup);
        let taken = net.transitions_to(0, Role::Master);
        assert!(taken.len() == members && same_instant(&taken));
        assert!(net.transitions_to(1, Role::Master).is_empty());
    }
}

#[test]
fn a_dead_node_is_replaced_as_one() {
    let mut net = Net::started([&[200, 200, 200], &[100, 100, 100]], true);
    net.run(MINUTE);
    net.nodes[0].dead = true;
    let (died, down) = (net.now, net.nodes[1].members[0].master_down_interval());
    net.run(MINUTE);
    net.expect(1, Role::Master);
    let taken = net.transitions_to(1, Role::Master);
    assert!(taken.len() == 3 && same_instant(&taken) && taken[0].0 <= died + down);
}

#[test]
fn a_better_group_preempts_as_one_and_the_other_hands_over_as_one() {
    let mut net = Net::new([&[200, 200], &[100, 100]], true);
    net.start(1);
    net.run(MINUTE);
    net.expect(1, Role::Master);
    net.start(0);
    net.run(MINUTE);
    net.expect(0, Role::Master);
    net.expect(1, Role::Backup);
    let taken = net.transitions_to(0, Role::Master);
    assert!(taken.len() == 2 && same_instant(&taken));
    let handed = net.transitions_to(1, Role::Releasing);
    assert_eq!(handed.iter().map(|event| event.2).collect::<Vec<_>>(), [Reason::GroupHandedOver]);
    assert_eq!(net.log.iter().filter(|event| event.3 == Role::Master).count(), 4);
}

#[test]
fn without_preemption_a_better_group_stays_below() {
    let mut net = Net::new([&[200, 200], &[100, 100]], false);
    net.start(1);
    net.run(MINUTE);
    net.start(0);
    net.run(MINUTE);
    net.expect(1, Role::Master);
    net.expect(0, Role::Backup);
}

#[test]
fn equal_priorities_that_rise_together_are_decided_by_address_on_all_segments() {
    let mut net = Net::new([&[100, 100], &[100, 100]], true);
    net.cut = vec![true, true];
    net.start(0);
    net.start(1);
    net.run(MINUTE);
    net.expect(0, Role::Master);
    net.expect(1, Role::Master);
    net.cut = vec![false, false];
    net.run(MINUTE);
    net.expect(0, Role::Backup);
    net.expect(1, Role::Master);
}

#[test]
fn one_faulty_member_is_the_groups_fault_until_all_are_well() {
    for fault in [Input::Fault, Input::InterfaceDown] {
        let mut net = Net::started([&[200, 200, 200], &[100, 100, 100]], true);
        net.run(MINUTE);
        net.give(0, 1, fault);
        net.run(MINUTE);
        net.expect(0, Role::Fault);
        net.expect(1, Role::Master);
        // A second one, and only one of them recovers.
        net.give(0, 2, Input::Fault);
        net.start_member(0, 1, None);
        net.run(MINUTE);
        net.expect(0, Role::Fault);
        net.start_member(0, 2, None);
        net.expect(0, Role::Backup);
        net.run(MINUTE);
        net.expect(0, Role::Master);
        net.expect(1, Role::Backup);
    }
}

/// Its fault is reported once, and its end once.
#[test]
fn a_member_that_is_well_stays_at_fault_in_silence_until_its_group_is_well() {
    let mut member = backup(settings());
    member.set_grouped(true);
    give(&mut member, ms(10), Input::InterfaceDown);
    assert_eq!(give(&mut member, ms(20), STARTUP), []);
    assert_eq!(member.role(), Role::Fault);
    group::settle(ms(20), &mut [&mut member], true);
    let outputs: Vec<Output> = std::iter::from_fn(|| member.poll()).collect();
    assert_eq!(outputs, [change(Role::Fault, Role::Backup, Reason::Startup)]);
}

#[test]
fn a_group_without_a_peer_is_master_again_after_a_short_fault() {
    let mut net = Net::new([&[200, 200], &[100, 100]], true);
    net.start(0);
    net.run(MINUTE);
    net.give(0, 0, Input::Fault);
    net.run(INTERVAL / 2);
    net.expect(0, Role::Releasing);
    net.start_member(0, 0, None);
    net.run(INTERVAL * 2);
    net.expect(0, Role::Master);
}

#[test]
fn no_member_is_master_while_another_has_not_started() {
    let mut net = Net::new([&[255, 200], &[100, 100]], true);
    net.start_member(0, 0, None);
    net.run(MINUTE);
    assert_eq!(net.roles(0), [Role::Backup, Role::Init]);
    net.start_member(0, 1, None);
    net.run(INTERVAL * 4);
    net.expect(0, Role::Master);
}

#[test]
fn a_group_of_owners_is_master_as_soon_as_the_last_has_started() {
    let mut net = Net::new([&[255, 255], &[100, 100]], true);
    net.start(0);
    net.expect(0, Role::Master);
    assert_eq!(
        net.transitions_to(0, Role::Master).iter().map(|event| event.0).collect::<Vec<_>>(),
        [ms(1), ms(1)]
    );
}

#[test]
fn a_cut_segment_moves_no_mastership() {
    for low in [[100, 100], [200, 200]] {
        let mut net = Net::new([&[200, 200], &low], true);
        net.start(0);
        net.run(MINUTE);
        net.start(1);
        net.run(MINUTE);
        net.cut[0] = true;
        let before = net.log.len();
        net.run(INTERVAL * 30);
        net.expect(0, Role::Master);
        net.expect(1, Role::Backup);
        assert_eq!(net.log.len(), before, "{:?}", net.log);
        net.cut[0] = false;
        net.run(MINUTE);
        assert_eq!(net.log.len(), before, "{:?}", net.log);
    }
}

#[test]
fn a_better_group_preempts_over_one_segment_when_the_other_is_cut() {
    let mut net = Net::new([&[200, 200], &[100, 100]], true);
    net.cut[0] = true;
    net.start(1);
    net.run(MINUTE);
    net.start(0);
    net.run(MINUTE);
    net.expect(0, Role::Master);
    net.expect(1, Role::Backup);
    assert!(net.longest_half <= timing::release_bound(INTERVAL));
}

#[test]
fn a_new_agent_takes_up_the_whole_groups_mastership() {
    let mut net = Net::started([&[200, 200], &[100, 100]], true);
    net.run(MINUTE);
    net.restart(0);
    net.expect(0, Role::Master);
    net.run(MINUTE);
    net.expect(0, Role::Master);
    assert!(net.transitions_to(1, Role::Master).is_empty());
    assert_eq!(
        net.transitions_to(0, Role::Master)[2..].iter().map(|event| event.2).collect::<Vec<_>>(),
        [Reason::Resumed; 2]
    );
}

#[test]
fn a_new_agent_that_finds_half_a_mastership_takes_up_the_other_half() {
    let mut net = Net::new([&[200, 200], &[100, 100]], true);
    net.start_member(0, 0, Some(Resume { epoch: 7 }));
    assert_eq!(net.roles(0), [Role::Master, Role::Init]);
    net.start_member(0, 1, None);
    net.expect(0, Role::Master);
    assert_eq!(net.transitions_to(0, Role::Master)[1].2, Reason::GroupTookOver);
}

#[test]
fn a_group_shuts_down_in_good_order() {
    let mut net = Net::started([&[200, 200], &[100, 100]], true);
    net.run(MINUTE);
    net.give_all(0, Input::Shutdown);
    net.expect(0, Role::Releasing);
    net.run(INTERVAL);
    net.expect(0, Role::Init);
    net.expect(1, Role::Master);
    assert!(
        net.transitions_to(0, Role::Init).iter().all(|event| event.2 == Reason::SuccessorHeard)
    );
}

#[test]
fn a_fenced_member_makes_its_group_hand_over() {
    let mut net = Net::started([&[200, 200], &[100, 100]], false);
    net.run(MINUTE);
    net.give(0, 1, Input::Fenced);
    assert_eq!(net.roles(0), [Role::Releasing, Role::Backup]);
    net.run(MINUTE);
    assert!(net.longest_half <= timing::release_bound(INTERVAL));
    let masters =
        |node: usize| net.roles(node).iter().filter(|&&role| role == Role::Master).count();
    assert_eq!((masters(0) + masters(1), masters(0) * masters(1)), (2, 0));
}

#[test]
fn nodes_that_each_are_better_on_one_segment_settle_on_one_of_them() {
    let mut net = Net::new([&[200, 100], &[100, 200]], true);
    net.start(0);
    net.run(INTERVAL);
    net.start(1);
    net.run(MINUTE);
    net.expect(0, Role::Master);
    net.expect(1, Role::Backup);
    assert_eq!(net.transitions_to(0, Role::Master).len(), 2);
}

/// Xorshift, so that a seed is a schedule for ever.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn pick(&mut self, bound: usize) -> usize {
        self.below(bound as u64) as usize
    }
}

/// One random event: a fault, its end, a cut, a fence, a restart, a group that is on standby or
/// again, a changed priority.
fn disturb(net: &mut Net, random: &mut Random, priorities: [u8; 2]) {
    let (node, member) = (random.pick(2), random.pick(net.cut.len()));
    match random.below(11) {
        0 => net.give(node, member, Input::Fault),
        1 => net.give(node, member, Input::InterfaceDown),
        2..=4 => net.start_member(node, member, None),
        5 => net.cut[member] = !net.cut[member],
        6 if net.nodes[node].members[member].epoch().is_some() => {
            net.give(node, member, Input::Fenced)
        }
        6 => {}
        7 => net.restart(node),
        8 => net.give_together(node, Input::Standby),
        9 => net.give_together(node, Input::EndStandby),
        _ => {
            let lowered = random.below(2) == 0;
            net.give_all(node, Input::Priority(if lowered { 50 } else { priorities[node] }));
        }
    }
}

#[test]
fn in_every_schedule_a_group_is_whole_except_in_a_release_and_ends_on_one_node() {
    for seed in 1..=3_000u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let members = 2 + random.pick(2);
        let priorities = [200, [200, 100][random.pick(2)]];
        let mut net = Net::new(
            [&vec![priorities[0]; members], &vec![priorities[1]; members]],
            random.below(4) != 0,
        );
        net.start(0);
        net.run(Duration::from_micros(random.below(1_000_000)));
        net.start(1);
        for _ in 0..20 {
            net.run(Duration::from_micros(random.below(600_000)));
            disturb(&mut net, &mut random, priorities);
        }
        net.cut.fill(false);
        for (node, &priority) in priorities.iter().enumerate() {
            net.give_all(node, Input::Priority(priority));
            net.give_together(node, Input::EndStandby);
            net.start(node);
        }
        net.run(INTERVAL * 30);
        assert!(
            net.longest_half <= timing::release_bound(INTERVAL),
            "seed {seed}: {:?} {:?}",
            net.longest_half,
            net.log
        );
        let masters =
            |node: usize| net.roles(node).iter().filter(|&&role| role == Role::Master).count();
        assert_eq!(
            (masters(0) + masters(1), masters(0) * masters(1)),
            (members, 0),
            "seed {seed}: {:?}",
            net.log
        );
        let settled = net.log.len();
        net.run(INTERVAL * 30);
        assert_eq!(net.log.len(), settled, "seed {seed} does not rest: {:?}", net.log);
    }
}
