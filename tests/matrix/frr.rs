//! FRR 8.4.4 as Debian 12 has it. Its adverts come from the virtual MAC address.

use std::time::Duration;

use vrrp_tests::duel::{Setup, Speaker};

use super::Act::{HealAfter, Kill, Part, Start, StartBoth, Stop};
use super::See::{
    Answers, BothMasters, Claims, ClaimsWithin, Drops, Learned, Master, NoClaims, NoDrops, Resigns,
    Silent, Takes, Wire,
};
use super::Side::{Ours, Theirs};
use super::run::{v2, v3, with};
use super::{Case, SLOW, Step, carriers, step};

fn case(name: &'static str, (ours, theirs): (Setup, Setup), steps: Vec<Step>) -> Case {
    Case::new(name, Speaker::Frr, ours, theirs, steps)
}

pub fn cases() -> Vec<Case> {
    let ties = carriers::tie(
        |name, steps| case(name, v3(100, 100), steps),
        "equal priority, our address is lower",
        "equal priority, our address is higher",
    );
    [versions(), ties, elections(), endings(), carriers::ipv6(Speaker::Frr), carriers::frr()]
        .concat()
}

fn versions() -> Vec<Case> {
    vec![
        case(
            "v2, we lead",
            v2(110, 100),
            vec![
                step(StartBoth, [Master(Ours), Wire(Ours, "v2 priority 110 1 s"), NoDrops]),
                step(
                    Stop(Ours),
                    [
                        Resigns(Ours),
                        Takes(Theirs, 550..=1500),
                        Master(Theirs),
                        Wire(Theirs, "v2 priority 100 1 s"),
                    ],
                ),
            ],
        ),
        case(
            "v2, they lead",
            v2(100, 110),
            vec![
                step(StartBoth, [Master(Theirs), Wire(Theirs, "virtual MAC"), NoDrops]),
                step(Stop(Theirs), [Resigns(Theirs), Master(Ours)]),
            ],
        ),
        case(
            "v2, interval unequal",
            with(v2(110, 100), |_, theirs| theirs.interval = Duration::from_secs(2)),
            vec![step(StartBoth, [BothMasters, Drops("interval_mismatch")])],
        ),
        case(
            "v3, we lead",
            v3(110, 100),
            vec![
                step(StartBoth, [Master(Ours), Wire(Ours, "pseudo-header"), NoDrops]),
                step(
                    Stop(Ours),
                    [
                        Resigns(Ours),
                        Takes(Theirs, 30..=600),
                        Master(Theirs),
                        Claims(Theirs),
                        Answers(&[Theirs]),
                    ],
                ),
                step(Start(Ours), [Master(Ours), Claims(Ours)]),
            ],
        ),
        case(
            "v3, they lead",
            v3(100, 110),
            vec![
                step(
                    StartBoth,
                    [Master(Theirs), Wire(Theirs, "pseudo-header, ttl 255, virtual MAC"), NoDrops],
                ),
                step(
                    Stop(Theirs),
                    [Resigns(Theirs), Takes(Ours, 30..=600), Master(Ours), Claims(Ours)],
                ),
                step(Start(Theirs), [Master(Theirs), NoDrops]),
            ],
        ),
        case(
            "v3, message-only",
            with(v3(110, 100), |ours, _| ours.message_only = true),
            vec![step(StartBoth, [BothMasters, Wire(Ours, "message-only"), NoDrops])],
        )
        .remark("8.4.4 knows the pseudo-header form alone"),
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
                step(StartBoth, [Master(Theirs), Learned(1080..=1085), NoDrops]),
                step(Kill(Theirs), [Takes(Ours, 750..=1600), Master(Ours)]),
            ],
        ),
        case(
            "v3, we list one address more",
            with(v3(110, 100), |ours, _| ours.addresses = vec!["192.168.1.249", "192.168.1.248"]),
            vec![step(StartBoth, [Master(Ours), NoDrops])],
        ),
    ]
}

fn elections() -> Vec<Case> {
    vec![
        case(
            "priority 255 and 254",
            v3(255, 254),
            vec![
                step(Start(Theirs), [Master(Theirs)]),
                step(Start(Ours), [Master(Ours), Wire(Ours, "priority 255")]),
            ],
        ),
        case(
            "preemption by us",
            v3(110, 100),
            vec![
                step(Start(Theirs), [Master(Theirs)]),
                step(Start(Ours), [Master(Ours), Claims(Ours)]),
            ],
        ),
        case(
            "preemption by them",
            v3(100, 110),
            vec![
                step(Start(Ours), [Master(Ours)]),
                step(Start(Theirs), [Master(Theirs), Claims(Theirs), Answers(&[Theirs])]),
            ],
        ),
        case(
            "nopreempt, they come late",
            with(v3(100, 110), |_, theirs| theirs.preempt = false),
            vec![
                step(Start(Ours), [Master(Ours)]),
                step(Start(Theirs), [Master(Ours), Silent(Theirs)]),
            ],
        ),
    ]
}

fn endings() -> Vec<Case> {
    vec![
        case(
            "we are killed",
            v3(110, 100),
            vec![
                step(StartBoth, [Master(Ours)]),
                step(Kill(Ours), [Takes(Theirs, 250..=900), Master(Theirs), Claims(Theirs), Answers(&[Theirs])]),
                step(Start(Ours), [Master(Ours)]),
            ],
        ),
        case(
            "they are killed",
            v3(100, 110),
            vec![
                step(StartBoth, [Master(Theirs)]),
                step(Kill(Theirs), [Takes(Ours, 250..=900), Master(Ours), Claims(Ours), Answers(&[Ours, Theirs])]),
            ],
        )
        .remark("a killed vrrpd leaves its macvlan up, and the kernel goes on answering for it"),
        case(
            "heal, we win and they advertise first",
            with(v3(110, 100), |ours, _| ours.interval = SLOW),
            vec![
                step(StartBoth, [Master(Ours)]),
                step(Part, [BothMasters]),
                step(HealAfter(Ours), [ClaimsWithin(Ours, 500), Master(Ours)]),
            ],
        ),
        case(
            "heal, they win and we advertise first",
            with(v3(100, 110), |_, theirs| theirs.interval = SLOW),
            vec![
                step(StartBoth, [Master(Theirs)]),
                step(Part, [BothMasters]),
                step(HealAfter(Theirs), [Master(Theirs), NoClaims(Theirs), Answers(&[Theirs])]),
            ],
        )
        .remark("the winner of a healed partition announces nothing"),
        case("its backup answers ARP", v3(110, 100), vec![step(StartBoth, [Master(Ours), Answers(&[Ours, Theirs])])]).remark(
            "the address lies on a macvlan of the backup, and Linux answers for it through the parent, with the parent's MAC",
        ),
        case(
            "its backup with arp_ignore=1",
            with(v3(110, 100), |_, theirs| theirs.arp_ignore = true),
            vec![step(StartBoth, [Master(Ours), Answers(&[Ours])]), step(Kill(Ours), [Master(Theirs), Answers(&[Theirs])])],
        ),
    ]
}
