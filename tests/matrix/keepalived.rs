//! keepalived 2.2.7 as Debian 12 has it.

use std::time::Duration;

use vrrp_tests::duel::{Setup, Speaker};

use super::Act::{HealAfter, Kill, Part, RemoveAddress, Start, StartBoth, Stop};
use super::See::{
    Answers, BothMasters, Claims, ClaimsWithin, Drops, Holds, Learned, Logs, Master, NoDrops,
    Resigns, SameEpoch, Silent, Takes, Wire,
};
use super::Side::{Ours, Theirs};
use super::run::{v2, v3, with};
use super::{Case, SLOW, Step, carriers, step};

fn case(name: &'static str, (ours, theirs): (Setup, Setup), steps: Vec<Step>) -> Case {
    Case::new(name, Speaker::Keepalived, ours, theirs, steps)
}

pub fn cases() -> Vec<Case> {
    let ties = carriers::tie(
        |name, steps| case(name, v3(100, 100), steps),
        "equal priority, our address is lower",
        "equal priority, our address is higher",
    );
    [
        version_2(),
        version_3(),
        ties,
        elections(),
        endings(),
        accidents(),
        carriers::ipv6(Speaker::Keepalived),
        carriers::keepalived(),
    ]
    .concat()
}

fn version_2() -> Vec<Case> {
    let pass = |ours, theirs| {
        move |our: &mut Setup, their: &mut Setup| {
            our.password = Some(ours);
            their.password = Some(theirs);
        }
    };
    vec![
        case(
            "v2, no authentication",
            v2(110, 100),
            vec![
                step(StartBoth, [Master(Ours), Wire(Ours, "v2 priority 110 1 s"), NoDrops]),
                step(
                    Stop(Ours),
                    [
                        Resigns(Ours),
                        Takes(Theirs, 550..=1500),
                        Master(Theirs),
                        Claims(Theirs),
                        Wire(Theirs, "v2 priority 100 1 s"),
                    ],
                ),
                step(Start(Ours), [Master(Ours), Claims(Ours), NoDrops, Answers(&[Ours])]),
            ],
        ),
        case(
            "v2, PASS equal",
            with(v2(100, 110), pass("1111", "1111")),
            vec![
                step(StartBoth, [Master(Theirs), Wire(Theirs, "auth 1"), NoDrops]),
                step(
                    Stop(Theirs),
                    [Resigns(Theirs), Takes(Ours, 550..=2500), Master(Ours), Wire(Ours, "auth 1")],
                ),
                step(Start(Theirs), [Master(Theirs), NoDrops]),
            ],
        ),
        case(
            "v2, PASS unequal",
            with(v2(110, 100), pass("1111", "2222")),
            vec![step(
                StartBoth,
                [BothMasters, Drops("auth_password"), Logs(Theirs, "received an invalid passwd")],
            )],
        ),
        case(
            "v2, interval unequal",
            with(v2(110, 100), |_, theirs| theirs.interval = Duration::from_secs(2)),
            vec![step(
                StartBoth,
                [
                    BothMasters,
                    Drops("interval_mismatch"),
                    Logs(Theirs, "advertisement interval mismatch"),
                ],
            )],
        ),
        case(
            "v2, v3",
            (Setup::version_2().priority(110), Setup::default()),
            vec![step(
                StartBoth,
                [
                    BothMasters,
                    Drops("version_mismatch"),
                    Logs(Theirs, "wrong version. Received 2 and expect 3"),
                ],
            )],
        ),
    ]
}

fn version_3() -> Vec<Case> {
    vec![
        case(
            "v3, pseudo-header",
            v3(110, 100),
            vec![
                step(StartBoth, [Master(Ours), Wire(Ours, "pseudo-header"), NoDrops]),
                step(Stop(Ours), [Resigns(Ours), Master(Theirs), Wire(Theirs, "pseudo-header")]),
                step(Start(Ours), [Master(Ours), NoDrops]),
            ],
        ),
        case(
            "v3, message-only",
            with(v3(110, 100), |ours, _| ours.message_only = true),
            vec![step(
                StartBoth,
                [BothMasters, Wire(Ours, "message-only"), Logs(Theirs, "checksum"), NoDrops],
            )],
        )
        .remark("2.2.7 knows the pseudo-header form alone"),
        case(
            "v3, we are slower",
            with(v3(110, 100), |ours, _| ours.interval = SLOW),
            vec![
                step(StartBoth, [Master(Ours), Wire(Ours, "30 cs")]),
                step(Kill(Ours), [Takes(Theirs, 750..=1600), Master(Theirs)]),
            ],
        ),
        case(
            "v3, they are slower",
            with(v3(100, 110), |_, theirs| theirs.interval = SLOW),
            vec![
                step(
                    StartBoth,
                    [Master(Theirs), Wire(Theirs, "30 cs"), Learned(1080..=1085), NoDrops],
                ),
                step(Kill(Theirs), [Takes(Ours, 750..=1600), Master(Ours), Wire(Ours, "10 cs")]),
            ],
        ),
        case(
            "v3, they list one address more, we lead",
            with(v3(110, 100), |_, theirs| {
                theirs.addresses = vec!["192.168.1.249", "192.168.1.248"]
            }),
            vec![step(
                StartBoth,
                [BothMasters, Logs(Theirs, "unexpected ip number count 1, expected 2")],
            )],
        )
        .remark("2.2.7 discards an advert whose list is not its own; RFC 9568 7.1 only logs"),
        case(
            "v3, they list one address more, they lead",
            with(v3(100, 110), |_, theirs| {
                theirs.addresses = vec!["192.168.1.249", "192.168.1.248"]
            }),
            vec![step(
                StartBoth,
                [Master(Theirs), Wire(Theirs, "[192.168.1.249 192.168.1.248]"), NoDrops],
            )],
        ),
    ]
}

fn elections() -> Vec<Case> {
    vec![
        case(
            "priority 255 and 254",
            v3(255, 254),
            vec![step(Start(Theirs), [Master(Theirs)]), step(Start(Ours), [Master(Ours), Wire(Ours, "priority 255")])],
        ),
        case(
            "priority 254 and 255",
            v3(254, 255),
            vec![step(Start(Ours), [Master(Ours)]), step(Start(Theirs), [Master(Theirs), Wire(Theirs, "priority 255")])],
        ),
        case(
            "priority 255 and 255, our address is higher",
            v3(255, 255),
            vec![step(Start(Theirs), [Master(Theirs)]), step(Start(Ours), [Master(Ours), Logs(Theirs, "address owner")])],
        )
        .on_the_higher_address(),
        case(
            "priority 255 and 255, our address is lower",
            v3(255, 255),
            vec![
                step(Start(Theirs), [Master(Theirs)]),
                step(Start(Ours), [Master(Ours), Logs(Theirs, "reducing local priority")]),
            ],
        )
        .remark("it gives in though its address is the higher one: by RFC 9568 6.4.3 the lower one would"),
        case(
            "priority 255 and 255, they come late",
            v3(255, 255),
            vec![step(Start(Ours), [Master(Ours)]), step(Start(Theirs), [Master(Ours), Silent(Theirs)])],
        )
        .remark("an owner that receives another one's adverts stays a backup; RFC 9568 6.4.1 has an owner start as master"),
        case(
            "nopreempt, we come late",
            with(v3(110, 100), |ours, _| ours.preempt = false),
            vec![
                step(Start(Theirs), [Master(Theirs)]),
                step(Start(Ours), [Master(Theirs), Silent(Ours)]),
                step(Kill(Theirs), [Master(Ours)]),
            ],
        ),
        case(
            "nopreempt, they come late",
            with(v3(100, 110), |_, theirs| theirs.preempt = false),
            vec![
                step(Start(Ours), [Master(Ours)]),
                step(Start(Theirs), [Master(Ours), Silent(Theirs)]),
                step(Stop(Ours), [Resigns(Ours), Master(Theirs)]),
            ],
        ),
        case(
            "preempt_delay 2 s, ours",
            with(v3(110, 100), |ours, _| ours.preempt_delay = 2),
            vec![step(Start(Theirs), [Master(Theirs)]), step(Start(Ours), [Takes(Ours, 2000..=4500), Master(Ours)])],
        ),
        case(
            "preempt_delay 2 s, theirs",
            with(v3(100, 110), |_, theirs| theirs.preempt_delay = 2),
            vec![step(Start(Ours), [Master(Ours)]), step(Start(Theirs), [Takes(Theirs, 2000..=4500), Master(Theirs)])],
        ),
    ]
}

fn endings() -> Vec<Case> {
    vec![
        case(
            "we stop, they stop",
            v3(110, 100),
            vec![
                step(StartBoth, [Master(Ours)]),
                step(Stop(Ours), [Resigns(Ours), Takes(Theirs, 30..=600), Master(Theirs), Claims(Theirs), Answers(&[Theirs])]),
                step(Start(Ours), [Master(Ours), Answers(&[Ours])]),
                step(Stop(Ours), [Master(Theirs)]),
                step(Stop(Theirs), [Resigns(Theirs), Answers(&[])]),
            ],
        ),
        case(
            "they resign to us",
            v3(100, 110),
            vec![
                step(StartBoth, [Master(Theirs)]),
                step(Stop(Theirs), [Resigns(Theirs), Takes(Ours, 30..=1500), Master(Ours), Claims(Ours), Answers(&[Ours])]),
            ],
        ),
        case(
            "we are killed",
            v3(110, 100),
            vec![
                step(StartBoth, [Master(Ours)]),
                step(Kill(Ours), [Takes(Theirs, 250..=900), Master(Theirs), Claims(Theirs), Answers(&[Theirs])]),
                step(Start(Ours), [Master(Ours), Claims(Ours), Answers(&[Ours])]),
            ],
        ),
        case(
            "they are killed",
            v3(100, 110),
            vec![
                step(StartBoth, [Master(Theirs)]),
                step(Kill(Theirs), [Takes(Ours, 250..=900), Master(Ours), Claims(Ours), Holds(Theirs), Answers(&[Ours, Theirs])]),
                step(Start(Theirs), [Master(Theirs), Answers(&[Theirs])]),
            ],
        )
        .remark("a killed keepalived leaves its address behind, and the kernel goes on answering for it"),
    ]
}

fn accidents() -> Vec<Case> {
    vec![
        case(
            "our address is deleted by hand",
            v3(110, 100),
            vec![
                step(StartBoth, [Master(Ours)]),
                step(RemoveAddress(Ours), [Master(Ours), SameEpoch, Silent(Theirs), Holds(Ours)]),
            ],
        ),
        case(
            "their address is deleted by hand",
            v3(100, 110),
            vec![
                step(StartBoth, [Master(Theirs)]),
                step(RemoveAddress(Theirs), [Resigns(Theirs), Master(Theirs)]),
            ],
        )
        .remark("resigns, and is elected again after its skew time"),
        case(
            "heal, we win and they advertise first",
            with(v3(110, 100), |ours, _| ours.interval = SLOW),
            vec![
                step(StartBoth, [Master(Ours)]),
                step(Part, [BothMasters]),
                step(HealAfter(Ours), [ClaimsWithin(Ours, 500), Master(Ours), Answers(&[Ours])]),
            ],
        ),
        case(
            "heal, we win and we advertise first",
            with(v3(110, 100), |_, theirs| theirs.interval = SLOW),
            vec![
                step(StartBoth, [Master(Ours)]),
                step(Part, [BothMasters]),
                step(HealAfter(Theirs), [Master(Ours), Answers(&[Ours])]),
            ],
        ),
        case(
            "heal, they win and we advertise first",
            with(v3(100, 110), |_, theirs| theirs.interval = SLOW),
            vec![
                step(StartBoth, [Master(Theirs)]),
                step(Part, [BothMasters]),
                step(
                    HealAfter(Theirs),
                    [
                        ClaimsWithin(Theirs, 500),
                        Logs(Theirs, "forcing new election"),
                        Master(Theirs),
                        Answers(&[Theirs]),
                    ],
                ),
            ],
        ),
        case(
            "heal, they win and they advertise first",
            with(v3(100, 110), |ours, _| ours.interval = SLOW),
            vec![
                step(StartBoth, [Master(Theirs)]),
                step(Part, [BothMasters]),
                step(HealAfter(Ours), [Master(Theirs), Answers(&[Theirs])]),
            ],
        ),
    ]
}
