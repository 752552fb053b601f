//! One row per (state, input): the role after it, and every output.

use super::*;
use crate::{Reason, Resume};
use Output::{Announce, Lapse, Lease, Mastership, Reannounce, Send, Transition};

const RESUME: Input = Input::Startup { source: OWN, resume: Some(Resume { epoch: 7 }) };

type MakeInput = fn(Instant) -> Input;

/// The inputs of the table; adverts relative to our priority 100 and address 10.0.0.10.
const INPUTS: [(&str, MakeInput); 17] = [
    ("startup", |_| STARTUP),
    ("startup, resume", |_| RESUME),
    ("shutdown", |_| Input::Shutdown),
    ("fault", |_| Input::Fault),
    ("interface down", |_| Input::InterfaceDown),
    ("priority 90", |_| Input::Priority(90)),
    ("source", |_| Input::Source(LOWER)),
    ("fenced", |_| Input::Fenced),
    ("advert 0", |now| advert(now, 0)),
    ("advert 99", |now| advert(now, 99)),
    ("advert 100, lower address", |now| Input::Advert(heard(now, 100, LOWER))),
    ("advert 100, our address", |now| Input::Advert(heard(now, 100, OWN))),
    ("advert 100, higher address", |now| advert(now, 100)),
    ("advert 101", |now| advert(now, 101)),
    ("settings", |_| Input::Settings(settings())),
    ("standby", |_| Input::Standby),
    ("end standby", |_| Input::EndStandby),
];

fn change(from: Role, to: Role, reason: Reason) -> Output {
    Transition { from, to, reason }
}

/// Runs all inputs against routers made by `make`, and compares with the rows, in the order of
/// [`INPUTS`].
fn check(make: impl Fn() -> (VirtualRouter, Instant), rows: [(Role, Vec<Output>); 17]) {
    for ((name, input), (role, outputs)) in INPUTS.into_iter().zip(rows) {
        let (mut router, now) = make();
        assert_eq!(give(&mut router, now, input(now)), outputs, "{name}");
        assert_eq!(router.role(), role, "{name}");
        assert_eq!(
            router.next_deadline().is_some(),
            !matches!(role, Role::Init | Role::Fault),
            "{name}: one live timer"
        );
        assert_eq!(
            router.epoch().is_some(),
            matches!(role, Role::Master | Role::Releasing),
            "{name}: epoch"
        );
    }
}

fn resumed(from: Role, now: Instant) -> Vec<Output> {
    vec![
        Send { priority: 100 },
        Lease { until: now + SECOND * 3, priority: 100 },
        Mastership(Some(7)),
        change(from, Role::Master, Reason::Resumed),
    ]
}

fn again(now: Instant) -> Vec<Output> {
    vec![Send { priority: 100 }, Lease { until: now + SECOND * 3, priority: 100 }]
}

#[test]
fn init_answers_every_input() {
    let now = ms(50);
    let still = || (Role::Init, vec![]);
    check(
        || (VirtualRouter::new(settings()), now),
        [
            (Role::Backup, vec![change(Role::Init, Role::Backup, Reason::Startup)]), // VC-062
            (Role::Master, resumed(Role::Init, now)),
            still(),
            (Role::Fault, vec![change(Role::Init, Role::Fault, Reason::Fault)]), // VC-064
            (Role::Fault, vec![change(Role::Init, Role::Fault, Reason::InterfaceDown)]),
            still(),
            still(),
            still(),
            still(), // VC-063, this and the other adverts
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
        ],
    );
}

#[test]
fn fault_answers_every_input() {
    let now = ms(50);
    let still = || (Role::Fault, vec![]);
    let make = || {
        let mut router = VirtualRouter::new(settings());
        give(&mut router, ms(0), Input::Fault);
        (router, now)
    };
    check(
        make,
        [
            (Role::Backup, vec![change(Role::Fault, Role::Backup, Reason::Startup)]), // VC-127
            (Role::Master, resumed(Role::Fault, now)),
            (Role::Init, vec![change(Role::Fault, Role::Init, Reason::Shutdown)]),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
        ],
    );
}

#[test]
fn backup_answers_every_input() {
    let still = || (Role::Backup, vec![]);
    check(
        || (backup(settings()), ms(50)),
        [
            still(),
            still(),
            (Role::Init, vec![change(Role::Backup, Role::Init, Reason::Shutdown)]), // VC-071
            (Role::Fault, vec![change(Role::Backup, Role::Fault, Reason::Fault)]),
            (Role::Fault, vec![change(Role::Backup, Role::Fault, Reason::InterfaceDown)]),
            still(),
            still(),
            still(),
            still(), // what adverts do to the timer: see the timetables
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
            still(),
        ],
    );
}

#[test]
fn master_answers_every_input() {
    let (router, since) = master(settings());
    let epoch = router.epoch();
    let now = since + Duration::from_millis(10);
    let still = || (Role::Master, vec![]);
    let release = |reason| {
        let releasing = change(Role::Master, Role::Releasing, reason);
        (Role::Releasing, vec![Lapse, Send { priority: 0 }, releasing])
    };
    // With a last word, as the lease is good.
    let yields = |reason| {
        let parting = Send { priority: 100 };
        (Role::Backup, vec![Mastership(None), change(Role::Master, Role::Backup, reason), parting])
    };
    let answer = || (Role::Master, [again(now), vec![Reannounce]].concat());
    check(
        || (master(settings()).0, now),
        [
            still(),
            still(),
            release(Reason::Shutdown), // VC-107
            release(Reason::Fault),
            // VC-126
            (
                Role::Fault,
                vec![
                    Mastership(None),
                    change(Role::Master, Role::Fault, Reason::InterfaceDown),
                    Send { priority: 0 },
                ],
            ),
            still(),                    // VC-108: the next advert carries it
            (Role::Master, again(now)), // VC-118
            yields(Reason::Fenced),
            (Role::Master, again(now)),   // VC-096
            answer(),                     // VC-101
            answer(),                     // VC-099
            still(),                      // VC-100
            yields(Reason::BetterMaster), // VC-098
            yields(Reason::BetterMaster), // VC-097
            (Role::Master, again(now)),   // VC-128, VC-131: advertised at once
            release(Reason::Standby),
            still(),
        ],
    );
    assert_eq!(epoch, Some(since.as_micros()));
}

#[test]
fn releasing_answers_every_input() {
    let (_, now) = releasing(settings());
    let still = || (Role::Releasing, vec![]);
    let stop = |to, reason| (to, vec![Mastership(None), change(Role::Releasing, to, reason)]);
    let successor = || stop(Role::Init, Reason::SuccessorHeard);
    check(
        || releasing(settings()),
        [
            still(),
            still(),
            still(),
            still(),
            stop(Role::Init, Reason::InterfaceDown),
            still(),
            still(),
            successor(),
            still(), // another master leaves too: not a successor
            successor(),
            successor(),
            still(), // our own advert come back
            successor(),
            successor(),
            still(),
            still(),
            still(),
        ],
    );
    assert_eq!(now, us(3_609_375));
}

#[test]
fn timers_of_every_state() {
    let mut router = VirtualRouter::new(settings());
    router.handle_timeout(ms(1_000_000));
    assert_eq!((router.role(), drain(&mut router)), (Role::Init, vec![]));

    let mut router = backup(settings());
    let (now, outputs) = expire(&mut router);
    // VC-072: this order.
    let took_over = vec![
        Send { priority: 100 },
        Lease { until: now + SECOND * 3, priority: 100 },
        Mastership(Some(now.as_micros())),
        change(Role::Backup, Role::Master, Reason::MasterTimeout),
        Announce,
    ];
    assert_eq!(outputs, took_over);

    // VC-095
    let (next, outputs) = expire(&mut router);
    assert_eq!((next, outputs), (now + SECOND, again(now + SECOND)));

    let (mut router, since) = releasing(settings());
    let (end, outputs) = expire(&mut router);
    assert_eq!(end, since + SECOND + Duration::from_millis(50));
    assert_eq!(
        outputs,
        [Mastership(None), change(Role::Releasing, Role::Init, Reason::NoSuccessor)]
    );
}

#[test]
fn vc061_the_owner_is_master_at_once() {
    let mut router = VirtualRouter::new(Settings { priority: 255, ..settings() });
    let now = ms(5);
    let outputs = give(&mut router, now, STARTUP);
    let owner = [
        Send { priority: 255 },
        Lease { until: now + SECOND * 3, priority: 255 },
        Mastership(Some(5_000)),
        change(Role::Init, Role::Master, Reason::Owner),
        Announce,
    ];
    assert_eq!(outputs, owner);
}
