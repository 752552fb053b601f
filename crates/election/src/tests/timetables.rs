//! What adverts, priorities and stalls do to the timers.

use super::*;
use crate::{Reason, Resume};
use Output::{Announce, Lease, Mastership, Reannounce, Send, Transition};

/// Master down interval at priority 100 and 1 s.
const DOWN: Duration = Duration::from_micros(3_609_375);
const SKEW: Duration = Duration::from_micros(609_375);

fn slow(at: Instant, priority: u8, interval: Duration) -> Input {
    Input::Advert(Heard { at, source: HIGHER, priority, interval })
}

#[test]
fn vc062_a_starting_backup_listens_for_a_whole_down_interval() {
    let router = backup(settings());
    assert_eq!(router.next_deadline(), Some(ms(0) + DOWN));
    assert_eq!(router.learned_interval(), SECOND);
}

#[test]
fn vc074_075_076_priority_zero_leaves_only_the_skew() {
    let mut router = backup(settings());
    give(&mut router, ms(100), slow(ms(100), 150, SECOND / 2));
    give(&mut router, ms(500), slow(ms(500), 0, SECOND * 2));
    assert_eq!(router.learned_interval(), SECOND / 2, "priority 0 teaches no interval");
    assert_eq!(router.next_deadline(), Some(ms(500) + SKEW / 2));

    give(&mut router, ms(600), advert(ms(600), 150));
    assert_eq!(router.next_deadline(), Some(ms(600) + DOWN), "a better master cancels it");

    give(&mut router, ms(700), Input::Advert(heard(ms(700), 0, LOWER)));
    assert_eq!(router.next_deadline(), Some(ms(700) + SKEW), "for any sender");
    let (now, outputs) = expire(&mut router);
    assert_eq!(now, ms(700) + SKEW);
    let released = Transition { from: Role::Backup, to: Role::Master, reason: Reason::Released };
    assert!(outputs.contains(&released));
}

#[test]
fn vc077_078_which_adverts_reset_the_master_down_timer() {
    for (priority, source, resets) in [
        (100, HIGHER, true),
        (100, LOWER, true),
        (101, LOWER, true),
        (99, HIGHER, false),
        (200, OWN, false),
    ] {
        let mut router = backup(settings());
        give(&mut router, ms(1_000), Input::Advert(heard(ms(1_000), priority, source)));
        let expected = if resets { ms(1_000) + DOWN } else { ms(0) + DOWN };
        assert_eq!(router.next_deadline(), Some(expected), "priority {priority} from {source}");
    }
}

#[test]
fn vc078_outwaiting_a_lower_master_is_preemption() {
    let mut router = backup(settings());
    give(&mut router, ms(1_000), advert(ms(1_000), 99));
    let (_, outputs) = expire(&mut router);
    assert!(outputs.contains(&Transition {
        from: Role::Backup,
        to: Role::Master,
        reason: Reason::Preempted
    }));
}

#[test]
fn vc079_080_without_preempt_a_lower_master_is_followed_until_it_dies() {
    let mut router = backup(Settings { preempt: false, ..settings() });
    give(&mut router, ms(1_000), slow(ms(1_000), 1, SECOND * 2));
    assert_eq!(router.learned_interval(), SECOND * 2);
    assert_eq!(router.next_deadline(), Some(ms(1_000) + DOWN * 2));
    expire(&mut router);
    assert_eq!(router.role(), Role::Master);
}

#[test]
fn vc067_the_owner_preempts_whatever_is_configured() {
    let no_preempt =
        Settings { priority: 255, preempt: false, preempt_delay: SECOND * 9, ..settings() };
    let (mut router, now) = {
        let mut router = VirtualRouter::new(no_preempt);
        give(&mut router, ms(0), STARTUP);
        (router, ms(0))
    };
    give(&mut router, now, advert(now, 255));
    assert_eq!(router.role(), Role::Backup, "VC-106: two owners, ours has the lower address");
    let deadline = router.next_deadline();
    give(&mut router, ms(500), advert(ms(500), 254));
    assert_eq!(router.next_deadline(), deadline);
}

#[test]
fn vc106_an_owner_stays_before_an_owner_of_lower_address() {
    let mut router = VirtualRouter::new(Settings { priority: 255, ..settings() });
    give(&mut router, ms(0), STARTUP);
    let outputs = give(&mut router, ms(10), Input::Advert(heard(ms(10), 255, LOWER)));
    assert_eq!(router.role(), Role::Master);
    assert_eq!(outputs.first(), Some(&Send { priority: 255 }));
}

#[test]
fn vc081_v2_keeps_its_own_interval() {
    let mut router = backup(Settings { version: Version::V2, ..settings() });
    give(&mut router, ms(1_000), slow(ms(1_000), 150, SECOND * 2));
    assert_eq!(router.next_deadline(), Some(ms(1_000) + DOWN));
}

#[test]
fn vc082_083_084_v3_learns_from_accepted_adverts_only() {
    let mut router = backup(settings());
    give(&mut router, ms(100), slow(ms(100), 200, SECOND / 5));
    assert_eq!(router.learned_interval(), SECOND / 5);
    assert_eq!(router.next_deadline(), Some(ms(100) + DOWN / 5));
    give(&mut router, ms(110), slow(ms(110), 150, SECOND / 2));
    assert_eq!(router.learned_interval(), SECOND / 2);
    give(&mut router, ms(120), slow(ms(120), 50, SECOND / 4));
    assert_eq!(router.learned_interval(), SECOND / 2);
    assert_eq!(router.next_deadline(), Some(ms(110) + DOWN / 2));
}

#[test]
fn vc044_an_absurd_interval_is_clamped() {
    let mut router = backup(settings());
    give(&mut router, ms(0), slow(ms(0), 255, Duration::from_millis(40_950)));
    assert_eq!(router.next_deadline(), Some(ms(0) + DOWN * 4));
}

#[test]
fn vc085_an_advert_in_the_same_tick_goes_before_the_timer() {
    let mut router = backup(settings());
    let tick = ms(0) + DOWN;
    give(&mut router, tick, advert(tick, 150));
    router.handle_timeout(tick);
    assert_eq!(router.role(), Role::Backup);
}

#[test]
fn vc086_a_late_or_early_timeout_of_an_old_deadline_does_nothing() {
    let mut router = backup(settings());
    let old = router.next_deadline().unwrap();
    give(&mut router, ms(3_000), advert(ms(3_000), 150));
    router.handle_timeout(old);
    assert_eq!((router.role(), drain(&mut router)), (Role::Backup, vec![]));
}

#[test]
fn vc087_preempt_delay_follows_a_lower_master_and_then_outwaits_it() {
    let mut router = backup(Settings { preempt_delay: SECOND * 5, ..settings() });
    for second in 1..=7 {
        give(&mut router, ms(second * 1_000), advert(ms(second * 1_000), 99));
    }
    // First heard at 1 s: followed up to and including 5 s, discarded from 6 s on.
    assert_eq!(router.next_deadline(), Some(ms(5_000) + DOWN));

    // A master that is not lower cancels the delay.
    give(&mut router, ms(7_500), advert(ms(7_500), 100));
    give(&mut router, ms(8_000), advert(ms(8_000), 99));
    assert_eq!(router.next_deadline(), Some(ms(8_000) + DOWN));
}

#[test]
fn vc088_a_priority_change_moves_the_timer_by_the_skew_but_never_into_the_past() {
    let mut router = backup(settings());
    give(&mut router, ms(10), Input::Priority(228));
    assert_eq!(router.next_deadline(), Some(us(3_109_375)));
    give(&mut router, ms(20), Input::Priority(100));
    assert_eq!(router.next_deadline(), Some(ms(0) + DOWN));
    give(&mut router, ms(3_600), Input::Priority(254));
    assert_eq!(router.next_deadline(), Some(ms(3_600)));
}

#[test]
fn a_backup_that_loses_its_advantage_follows_the_master_it_was_outwaiting() {
    let mut router = backup(settings());
    give(&mut router, ms(3_500), advert(ms(3_500), 90));
    give(&mut router, ms(3_550), Input::Priority(95));
    assert_eq!(
        router.next_deadline(),
        Some(us(3_628_906)),
        "still below us: outwaited, moved by the skew"
    );
    give(&mut router, ms(3_600), Input::Priority(80));
    let down = Duration::from_micros(3_687_500);
    assert_eq!(router.next_deadline(), Some(ms(3_500) + down));
}

#[test]
fn vc095_109_the_cadence_is_kept_and_the_interval_is_ours() {
    let mut router = backup(settings());
    give(&mut router, ms(0), slow(ms(0), 150, SECOND * 2));
    let (since, _) = expire(&mut router);
    assert_eq!(
        router.next_deadline(),
        Some(since + SECOND),
        "our own interval, not the learned one"
    );
    router.handle_timeout(since + SECOND + Duration::from_millis(30));
    assert_eq!(router.next_deadline(), Some(since + SECOND * 2), "late by 30 ms, next on time");
}

#[test]
fn vc101_an_answer_to_a_lower_master_is_limited_and_leaves_the_timer() {
    let (mut router, since) = master(settings());
    let due = router.next_deadline();
    let after = |millis| since + Duration::from_millis(millis);
    assert_eq!(give(&mut router, after(100), advert(after(100), 99)).last(), Some(&Reannounce));
    assert_eq!(give(&mut router, after(200), advert(after(200), 99)), []);
    let outputs = give(&mut router, after(350), advert(after(350), 99));
    assert_eq!(outputs.first(), Some(&Send { priority: 100 }));
    assert!(!outputs.contains(&Reannounce), "gratuitous ARP is rarer than adverts (VC-123)");
    assert_eq!(router.next_deadline(), due);
}

#[test]
fn vc102_v2_answers_too() {
    let (mut router, since) = master(Settings { version: Version::V2, ..settings() });
    assert_eq!(give(&mut router, since, advert(since, 1)).first(), Some(&Send { priority: 100 }));
}

#[test]
fn vc103_a_master_without_preempt_yields_to_its_better() {
    let (mut router, since) = master(Settings { preempt: false, ..settings() });
    give(&mut router, since, slow(since, 101, SECOND / 2));
    assert_eq!(router.role(), Role::Backup);
    assert_eq!(
        router.next_deadline(),
        Some(since + DOWN / 2),
        "VC-097: learned from the new master"
    );
}

#[test]
fn vc104_the_tie_break_is_unsigned_in_network_order() {
    for (own, other) in [
        ([10, 0, 0, 200], [10, 0, 1, 5]),
        ([9, 255, 255, 255], [10, 0, 0, 1]),
        ([192, 168, 0, 254], [192, 168, 1, 1]),
        ([10, 0, 0, 9], [10, 1, 0, 1]),
        ([127, 0, 0, 1], [128, 0, 0, 1]),
    ] {
        for (own, other, yields) in [(own, other, true), (other, own, false)] {
            let (mut router, since) = master(settings());
            give(&mut router, since, Input::Source(own.into()));
            give(&mut router, since, Input::Advert(heard(since, 100, other.into())));
            assert_eq!(router.role() == Role::Backup, yields, "{own:?} hears {other:?}");
        }
    }
}

#[test]
fn vc108_a_lowered_priority_is_in_the_next_advert_and_in_the_kernel_with_it() {
    let (mut router, since) = master(settings());
    assert_eq!(give(&mut router, since, Input::Priority(40)), []);
    let (now, outputs) = expire(&mut router);
    assert_eq!(outputs, [Send { priority: 40 }, Lease { until: now + SECOND * 3, priority: 40 }]);
    give(&mut router, now, advert(now, 41));
    assert_eq!(router.role(), Role::Backup);
}

#[test]
fn vc116_a_stalled_master_without_a_successor_goes_on() {
    for preempt in [true, false] {
        let (mut router, since) = master(Settings { preempt, ..settings() });
        let woken = since + SECOND * 60;
        router.handle_timeout(woken);
        assert_eq!(drain(&mut router).first(), Some(&Send { priority: 100 }));
        assert_eq!(router.role(), Role::Master);
        assert_eq!(router.next_deadline(), Some(woken + SECOND), "no burst of missed adverts");
    }
}

#[test]
fn vc116_a_stalled_master_that_was_replaced_steps_down() {
    for preempt in [true, false] {
        let (mut router, since) = master(Settings { preempt, ..settings() });
        let woken = since + SECOND * 60;
        let outputs = give(&mut router, woken, advert(woken, 1));
        assert_eq!(
            outputs.first(),
            Some(&Mastership(None)),
            "the lease had lapsed: even a lower master is a successor"
        );
        router.handle_timeout(woken);
        assert_eq!(router.role(), Role::Backup);
        assert_eq!(router.next_deadline(), Some(woken + DOWN));
    }
}

#[test]
fn a_lower_advert_that_arrived_within_the_lease_is_no_successor_however_late_it_is_read() {
    let (mut router, since) = master(settings());
    give(&mut router, since + SECOND * 60, advert(since + SECOND, 1));
    assert_eq!(router.role(), Role::Master);
}

#[test]
fn a_stalled_backup_counts_from_the_arrival_of_what_it_reads_late() {
    let mut router = backup(settings());
    let woken = ms(60_000);
    give(&mut router, woken, advert(ms(59_000), 150));
    give(&mut router, woken, advert(ms(40_000), 0));
    router.handle_timeout(woken);
    assert_eq!(router.next_deadline(), Some(ms(59_000) + DOWN), "an older release is stale news");
}

#[test]
fn epochs_only_grow() {
    let mut router = VirtualRouter::new(settings());
    let resume = Some(Resume { epoch: 90_000_000 });
    give(&mut router, ms(1), Input::Startup { source: OWN, resume });
    assert_eq!(
        router.epoch(),
        Some(90_000_000),
        "the mastership goes on, and a fence of it still holds"
    );
    give(&mut router, ms(2), Input::Fenced);
    expire(&mut router);
    assert_eq!(router.epoch(), Some(90_000_001));
}

#[test]
fn well_again_while_releasing() {
    // No node took over: this one stays master, in a new epoch, without a gap.
    let (mut router, since) = master(settings());
    give(&mut router, since, Input::Fault);
    give(&mut router, since, STARTUP);
    let (now, outputs) = expire(&mut router);
    let stands = [
        Send { priority: 100 },
        Lease { until: now + SECOND * 3, priority: 100 },
        Mastership(Some(now.as_micros())),
        Transition { from: Role::Releasing, to: Role::Master, reason: Reason::NoSuccessor },
        Announce,
    ];
    assert_eq!(outputs, stands);

    // One did: this node follows it.
    give(&mut router, now, Input::Fault);
    give(&mut router, now, STARTUP);
    let outputs = give(&mut router, now, slow(now, 150, SECOND / 2));
    assert_eq!(outputs.first(), Some(&Mastership(None)));
    assert_eq!(router.next_deadline(), Some(now + DOWN / 2));

    // A shutdown outranks a fault, and a fault a recovery.
    for (inputs, role) in [
        ([Input::Fault, STARTUP, Input::Fault], Role::Fault),
        ([Input::Fault, Input::Shutdown, Input::Fault], Role::Init),
        ([Input::Shutdown, STARTUP, Input::Shutdown], Role::Init),
    ] {
        let (mut router, since) = master(settings());
        for input in inputs {
            give(&mut router, since, input);
        }
        expire(&mut router);
        assert_eq!(router.role(), role);
    }
}

#[test]
fn an_epoch_that_leaves_no_newer_one_ends_no_election() {
    let mut router = VirtualRouter::new(settings());
    give(
        &mut router,
        ms(0),
        Input::Startup { source: OWN, resume: Some(Resume { epoch: u64::MAX }) },
    );
    give(&mut router, ms(10), Input::Fenced);
    expire(&mut router);
    assert_eq!((router.role(), router.epoch()), (Role::Master, Some(u64::MAX)));
}

#[test]
fn what_a_master_heard_is_never_later_than_now() {
    let (mut router, now) = master(settings());
    for priority in [0, 99, 101] {
        give(&mut router, now, advert(now + SECOND * 9, priority));
        assert_eq!(router.last_heard().map(|heard| heard.at), Some(now), "priority {priority}");
    }
}
