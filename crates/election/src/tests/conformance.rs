//! Rules that the table of transitions also covers, each by its number and with its effect on the
//! timers.

use super::*;
use crate::{Reason, Resume};
use Output::{Announce, Lapse, Lease, Mastership, Send, Transition};

/// Master down interval at priority 100 and 1 s.
const DOWN: Duration = Duration::from_micros(3_609_375);

/// A master, a moment after its first advert; and the time then.
fn active() -> (VirtualRouter, Instant) {
    let (router, since) = master(settings());
    (router, since + Duration::from_millis(100))
}

/// The adverts among `outputs`.
fn adverts(outputs: &[Output]) -> Vec<&Output> {
    outputs.iter().filter(|output| matches!(output, Send { .. })).collect()
}

#[test]
fn vc063_before_startup_no_advert_does_anything() {
    for priority in [0, 1, 100, 254, 255] {
        for source in [HIGHER, LOWER, OWN] {
            let mut router = VirtualRouter::new(settings());
            let outputs = give(&mut router, ms(10), Input::Advert(heard(ms(10), priority, source)));
            assert_eq!(
                (router.role(), router.next_deadline(), outputs),
                (Role::Init, None, vec![])
            );
        }
    }
}

#[test]
fn vc064_without_a_source_address_the_router_stays_in_init() {
    let mut router = VirtualRouter::new(Settings { priority: 255, ..settings() });
    let outputs = give(&mut router, ms(0), Input::InterfaceDown);
    assert_eq!(adverts(&outputs), Vec::<&Output>::new());
    assert_eq!((router.role(), router.next_deadline()), (Role::Fault, None));
    give(&mut router, ms(10), STARTUP);
    assert_eq!(router.role(), Role::Master, "the owner takes part as soon as there is an address");
}

#[test]
fn vc071_a_backup_stops_without_an_advert() {
    let mut router = backup(settings());
    let outputs = give(&mut router, ms(10), Input::Shutdown);
    assert_eq!(
        outputs,
        [Transition { from: Role::Backup, to: Role::Init, reason: Reason::Shutdown }]
    );
    assert_eq!(router.next_deadline(), None);
}

#[test]
fn vc072_a_takeover_sends_the_advert_first_and_the_announcement_last() {
    let mut router = backup(Settings { interval: SECOND / 2, ..settings() });
    give(&mut router, ms(0), advert(ms(0), 150));
    let (now, outputs) = expire(&mut router);
    assert_eq!((outputs.first(), outputs.last()), (Some(&Send { priority: 100 }), Some(&Announce)));
    assert!(outputs.contains(&Mastership(Some(now.as_micros()))));
    assert!(outputs.contains(&Transition {
        from: Role::Backup,
        to: Role::Master,
        reason: Reason::MasterTimeout
    }));
    assert_eq!(
        router.next_deadline(),
        Some(now + SECOND / 2),
        "at our own interval, not the dead master's"
    );
}

#[test]
fn vc096_a_master_answers_a_release_at_once_and_restarts_its_timer() {
    let (mut router, now) = active();
    let outputs = give(&mut router, now, advert(now, 0));
    assert_eq!(adverts(&outputs), [&Send { priority: 100 }]);
    assert_eq!((router.role(), router.next_deadline()), (Role::Master, Some(now + SECOND)));
}

#[test]
fn vc097_098_a_master_yields_to_its_better_and_learns_its_interval() {
    for (priority, source) in [(101, LOWER), (255, LOWER), (100, HIGHER)] {
        let (mut router, now) = active();
        let slower = Heard { interval: SECOND * 2, ..heard(now, priority, source) };
        let outputs = give(&mut router, now, Input::Advert(slower));
        let yielded =
            Transition { from: Role::Master, to: Role::Backup, reason: Reason::BetterMaster };
        let parting = Send { priority: 100 };
        assert_eq!(
            outputs,
            [Mastership(None), yielded, parting],
            "the kernel first, then a last word"
        );
        assert_eq!(
            (router.learned_interval(), router.next_deadline()),
            (SECOND * 2, Some(now + DOWN * 2))
        );
    }
}

#[test]
fn what_fenced_a_master_teaches_it_though_it_is_read_later() {
    let (mut router, since) = master(settings());
    // Frozen beyond its lease. At wake-up the socket holds the successor's adverts, with an
    // interval of 2 s.
    let (first, woken) = (since + SECOND * 4, since + SECOND * 7);
    give(&mut router, woken, Input::Fenced);
    assert_eq!((router.role(), router.next_deadline()), (Role::Backup, Some(woken + DOWN)));
    let slower = |at| Input::Advert(Heard { interval: SECOND * 2, ..heard(at, 150, LOWER) });
    give(&mut router, woken, slower(first));
    assert_eq!(
        (router.learned_interval(), router.next_deadline()),
        (SECOND * 2, Some(first + DOWN * 2))
    );
    give(&mut router, woken, slower(first + SECOND * 2));
    assert_eq!(
        router.next_deadline(),
        Some(first + SECOND * 2 + DOWN * 2),
        "from its arrival, not from when it was read"
    );
    // Adverts received before the mastership were counted then.
    give(&mut router, woken, advert(since - SECOND, 0));
    assert_eq!(router.next_deadline(), Some(first + SECOND * 2 + DOWN * 2));
}

#[test]
fn vc099_a_master_stays_before_an_equal_of_lower_address() {
    let (mut router, now) = active();
    let due = router.next_deadline();
    let outputs = give(&mut router, now, Input::Advert(heard(now, 100, LOWER)));
    assert_eq!(adverts(&outputs), [&Send { priority: 100 }]);
    assert_eq!((router.role(), router.next_deadline()), (Role::Master, due));
}

#[test]
fn vc100_a_masters_own_advert_come_back_does_nothing() {
    for priority in [0, 100, 255] {
        let (mut router, now) = active();
        let before = router.next_deadline();
        assert_eq!(give(&mut router, now, Input::Advert(heard(now, priority, OWN))), []);
        assert_eq!((router.role(), router.next_deadline()), (Role::Master, before));
    }
}

#[test]
fn vc107_132_a_stop_ends_the_lease_and_then_sends_one_release() {
    let (mut router, now) = active();
    let outputs = give(&mut router, now, Input::Shutdown);
    let releasing =
        Transition { from: Role::Master, to: Role::Releasing, reason: Reason::Shutdown };
    assert_eq!(outputs, [Lapse, Send { priority: 0 }, releasing]);
    let (end, outputs) = expire(&mut router);
    assert_eq!(adverts(&outputs), Vec::<&Output>::new(), "exactly one");
    assert_eq!(outputs.first(), Some(&Mastership(None)));
    assert_eq!(router.role(), Role::Init);
    // By then the slowest backup, of priority 1, has taken over.
    assert!(end.saturating_since(now) > SECOND * 255 / 256);
}

#[test]
fn vc118_a_new_source_address_is_advertised_at_once_and_none_ends_the_mastership() {
    let (mut router, now) = active();
    let outputs = give(&mut router, now, Input::Source(LOWER));
    assert_eq!(outputs.first(), Some(&Send { priority: 100 }));
    assert_eq!(router.next_deadline(), Some(now + SECOND));
    give(&mut router, now, Input::Advert(heard(now, 100, OWN)));
    assert_eq!(router.role(), Role::Backup, "ties are broken with the new address");

    let (mut router, now) = active();
    give(&mut router, now, Input::InterfaceDown);
    assert_eq!((router.role(), router.epoch()), (Role::Fault, None));
}

#[test]
fn vc126_a_master_whose_interface_goes_down_is_inactive_and_tries_to_release() {
    let (mut router, now) = active();
    let outputs = give(&mut router, now, Input::InterfaceDown);
    let down = Transition { from: Role::Master, to: Role::Fault, reason: Reason::InterfaceDown };
    assert_eq!(outputs, [Mastership(None), down, Send { priority: 0 }]);
    assert_eq!(router.next_deadline(), None);
}

#[test]
fn vc127_an_interface_that_comes_back_starts_in_backup_and_listens_for_a_whole_down_interval() {
    let (mut router, now) = active();
    give(&mut router, now, Input::InterfaceDown);
    let back = now + SECOND * 9;
    let outputs = give(&mut router, back, STARTUP);
    assert_eq!(
        outputs,
        [Transition { from: Role::Fault, to: Role::Backup, reason: Reason::Startup }]
    );
    assert_eq!((router.role(), router.next_deadline()), (Role::Backup, Some(back + DOWN)));
}

#[test]
fn vc128_changed_settings_of_a_master_are_advertised_at_once() {
    let (mut router, now) = active();
    let outputs = give(&mut router, now, Input::Settings(settings()));
    assert_eq!(adverts(&outputs), [&Send { priority: 100 }]);
    assert_eq!((router.role(), router.next_deadline()), (Role::Master, Some(now + SECOND)));
}

#[test]
fn vc130_only_an_unfenced_mastership_is_resumed_and_without_announcing() {
    let mut router = VirtualRouter::new(settings());
    let outputs = give(
        &mut router,
        ms(50),
        Input::Startup { source: OWN, resume: Some(Resume { epoch: 7 }) },
    );
    let resumed = Transition { from: Role::Init, to: Role::Master, reason: Reason::Resumed };
    let lease = Lease { until: ms(50) + SECOND * 3, priority: 100 };
    assert_eq!(outputs, [Send { priority: 100 }, lease, Mastership(Some(7)), resumed]);

    let mut router = VirtualRouter::new(settings());
    give(&mut router, ms(50), STARTUP);
    assert_eq!((router.role(), router.epoch()), (Role::Backup, None));
}
