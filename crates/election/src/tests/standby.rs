//! Standby: a master hands over by order, and does not preempt its successor until the order is
//! withdrawn.

use super::groups_net::{INTERVAL, Net};
use super::*;
use crate::{Reason, timing};
use Output::{Announce, Lapse, Lease, Mastership, Send, Transition};

/// Master down interval at priority 100 and 1 s.
const DOWN: Duration = Duration::from_micros(3_609_375);
const MINUTE: Duration = Duration::from_secs(60);

fn change(from: Role, to: Role, reason: Reason) -> Output {
    Transition { from, to, reason }
}

/// A node that has handed over to a master of lower priority half a second after the order. Returns
/// the time of that master's first advert.
fn standby(settings: Settings) -> (VirtualRouter, Instant) {
    let (mut router, since) = master(settings);
    give(&mut router, since, Input::Standby);
    let heard = since + SECOND / 2;
    give(&mut router, heard, advert(heard, 99));
    assert_eq!((router.role(), router.standby_since()), (Role::Backup, Some(since)));
    (router, heard)
}

/// The successor sends adverts for a while, one each second; returns the time of the last one.
fn hear_on(router: &mut VirtualRouter, mut at: Instant) -> Instant {
    for _ in 0..30 {
        at = at + SECOND;
        router.handle_timeout(at);
        give(router, at, advert(at, 99));
    }
    at
}

#[test]
fn it_is_active_until_its_successor_advertises_and_then_does_not_preempt() {
    let (mut router, since) = master(settings());
    let releasing = change(Role::Master, Role::Releasing, Reason::Standby);
    assert_eq!(give(&mut router, since, Input::Standby), [Lapse, Send { priority: 0 }, releasing]);
    assert_eq!(router.epoch(), Some(since.as_micros()), "it acts");
    let at = since + SECOND / 2;
    let outputs = give(&mut router, at, advert(at, 99));
    assert_eq!(
        outputs,
        [Mastership(None), change(Role::Releasing, Role::Backup, Reason::SuccessorHeard)]
    );

    let at = hear_on(&mut router, at);
    assert_eq!(
        (router.role(), router.next_deadline()),
        (Role::Backup, Some(at + DOWN)),
        "it follows a lower master"
    );
}

#[test]
fn without_a_successor_it_is_master_again_without_a_gap_and_standby_ends() {
    for preempt in [true, false] {
        let (mut router, since) = master(Settings { preempt, ..settings() });
        give(&mut router, since, Input::Standby);
        let (now, outputs) = expire(&mut router);
        assert_eq!(now, since + timing::release_bound(SECOND));
        let again = [
            Send { priority: 100 },
            Lease { until: now + SECOND * 3, priority: 100 },
            Mastership(Some(now.as_micros())),
            change(Role::Releasing, Role::Master, Reason::NoSuccessor),
            Announce,
        ];
        assert_eq!(outputs, again);
        assert_eq!(router.standby_since(), None);
    }
}

#[test]
fn after_standby_it_outwaits_the_lower_master() {
    let (mut router, at) = standby(settings());
    let last = hear_on(&mut router, at);
    assert_eq!(give(&mut router, last, Input::EndStandby), []);
    assert_eq!(router.standby_since(), None);
    for nth in 1..=3 {
        give(&mut router, last + SECOND * nth, advert(last + SECOND * nth, 99));
    }
    let (now, outputs) = expire(&mut router);
    assert_eq!(now, last + DOWN, "no later than one that has just come");
    assert!(outputs.contains(&change(Role::Backup, Role::Master, Reason::Preempted)));
}

#[test]
fn a_preempt_delay_begins_when_standby_ends() {
    let (mut router, at) = standby(Settings { preempt_delay: SECOND * 10, ..settings() });
    let last = hear_on(&mut router, at);
    give(&mut router, last, Input::EndStandby);
    let mut at = last;
    while router.next_deadline().unwrap() > at + SECOND {
        at = at + SECOND;
        give(&mut router, at, advert(at, 99));
    }
    let (now, _) = expire(&mut router);
    // Its first advert after that begins the delay; the last one within it starts the timer.
    assert_eq!(now, last + SECOND * 10 + DOWN);
}

#[test]
fn it_is_master_again_when_its_successor_leaves_or_dies_and_standby_ends() {
    let (mut router, at) = standby(settings());
    give(&mut router, at + SECOND, advert(at + SECOND, 0));
    let (_, outputs) = expire(&mut router);
    assert!(outputs.contains(&change(Role::Backup, Role::Master, Reason::Released)));
    assert_eq!(router.standby_since(), None);

    let (mut router, at) = standby(settings());
    assert_eq!(expire(&mut router).0, at + DOWN);
    assert_eq!((router.role(), router.standby_since()), (Role::Master, None));
}

#[test]
fn the_owner_goes_on_standby_too_and_without_preemption_nothing_else_changes() {
    let owner = Settings { priority: 255, ..settings() };
    let mut router = VirtualRouter::new(owner);
    give(&mut router, ms(0), STARTUP);
    give(&mut router, ms(100), Input::Standby);
    give(&mut router, ms(110), advert(ms(110), 99));
    assert_eq!(hear_on(&mut router, ms(110)), ms(30_110));
    assert_eq!(router.role(), Role::Backup);
    // Not even a fault that ends makes it master: an owner that is on standby starts as a backup.
    give(&mut router, ms(30_200), Input::Fault);
    give(&mut router, ms(30_300), STARTUP);
    assert_eq!((router.role(), router.standby_since()), (Role::Backup, Some(ms(100))));
    give(&mut router, ms(30_400), Input::EndStandby);
    give(&mut router, ms(30_500), advert(ms(30_500), 99));
    assert!(expire(&mut router).1.contains(&change(Role::Backup, Role::Master, Reason::Preempted)));

    let (mut router, at) = standby(Settings { preempt: false, ..settings() });
    let last = hear_on(&mut router, at);
    give(&mut router, last, Input::EndStandby);
    hear_on(&mut router, last);
    assert_eq!(router.role(), Role::Backup, "it does not preempt, now as before");
}

#[test]
fn faults_and_reloads_do_not_end_it_but_a_shutdown_does() {
    let change_of = Settings { preempt_delay: SECOND, priority: 120, ..settings() };
    let inputs: [&[Input]; 4] = [
        &[Input::Settings(change_of), Input::Priority(120)],
        &[Input::Fault, STARTUP],
        &[Input::InterfaceDown, STARTUP],
        &[Input::Source(LOWER), Input::Fenced],
    ];
    for inputs in inputs {
        let (mut router, at) = standby(settings());
        for &input in inputs {
            give(&mut router, at, input);
        }
        assert!(router.standby_since().is_some(), "{inputs:?}");
        hear_on(&mut router, at);
        assert_eq!(router.role(), Role::Backup, "{inputs:?}");
    }
    let (mut router, at) = standby(settings());
    give(&mut router, at, Input::Shutdown);
    give(&mut router, at, STARTUP);
    assert_eq!(router.standby_since(), None);
}

#[test]
fn a_fault_while_it_hands_over_outranks_that() {
    let (mut router, since) = master(settings());
    give(&mut router, since, Input::Standby);
    give(&mut router, since, Input::Fault);
    expire(&mut router);
    assert_eq!(router.role(), Role::Fault);
}

/// Two nodes whose group is master on node 0, which gets the order of standby for the whole group.
fn asked(priorities: [&[u8]; 2], cut: &[usize]) -> Net {
    let mut net = Net::new(priorities, true);
    net.start(0);
    net.run(MINUTE);
    net.start(1);
    net.run(MINUTE);
    net.expect(0, Role::Master);
    for &segment in cut {
        net.cut[segment] = true;
    }
    net.give_together(0, Input::Standby);
    net.expect(0, Role::Releasing);
    net
}

#[test]
fn a_group_goes_on_standby_and_returns_as_a_whole() {
    let mut net = asked([&[200, 200], &[100, 100]], &[]);
    net.run(MINUTE);
    net.expect(0, Role::Backup);
    net.expect(1, Role::Master);
    net.give_together(0, Input::EndStandby);
    net.run(MINUTE);
    net.expect(0, Role::Master);
    net.expect(1, Role::Backup);
    assert!(net.longest_half <= timing::release_bound(INTERVAL));
}

#[test]
fn a_group_without_a_successor_is_master_again_in_one_instant() {
    let mut net = asked([&[200, 200], &[100, 100]], &[0, 1]);
    net.nodes[1].dead = true;
    let begun = net.now;
    net.run(MINUTE);
    net.expect(0, Role::Master);
    let again = net.transitions_to(0, Role::Master);
    assert!(
        again[2..].iter().all(|event| event.0 == begun + timing::release_bound(INTERVAL)),
        "{again:?}"
    );
}

#[test]
fn over_one_segment_a_group_hands_over_or_is_master_again_as_a_whole() {
    let mut net = asked([&[200, 200], &[100, 100]], &[1]);
    net.run(MINUTE);
    let masters =
        |node: usize| net.roles(node).iter().filter(|&&role| role == Role::Master).count();
    assert_eq!(masters(0) * masters(1), 0, "{:?}", net.log);
    assert_eq!(masters(0) + masters(1), 2, "{:?}", net.log);
}
