//! Transport of adverts: over IPv6, by unicast, from the virtual MAC address.

use vrrp_tests::duel::{Setup, Speaker, Unicast};

use super::Act::{Forge, HealAfter, Kill, Part, RemoveAddress, Start, StartBoth, Stop};
use super::See::{
    Answers, BothMasters, Claims, ClaimsWithin, Drops, Holds, Learned, Master, NoDrops, Resigns,
    SameEpoch, Silent, Takes, Wire,
};
use super::Side::{Ours, Theirs};
use super::run::pair;
use super::{Case, SLOW, Step, step};

/// Over IPv6, against either peer.
pub fn ipv6(peer: Speaker) -> Vec<Case> {
    let case = |name, setups: (Setup, Setup), steps: Vec<Step>| {
        Case::new(name, peer, setups.0, setups.1, steps)
    };
    let both = |ours, theirs| pair(&Setup::ipv6(), ours, theirs);
    let list = "[fe80::249 2001:db8::249] pseudo-header, ttl 255";
    let mut slow = both(100, 110);
    slow.1.interval = SLOW;
    let mut winner = both(110, 100);
    winner.0.interval = SLOW;
    vec![
        case(
            "IPv6, we lead",
            both(110, 100),
            vec![
                step(StartBoth, [Master(Ours), Wire(Ours, list), NoDrops]),
                step(
                    Stop(Ours),
                    [
                        Resigns(Ours),
                        Takes(Theirs, 30..=600),
                        Master(Theirs),
                        Claims(Theirs),
                        Wire(Theirs, list),
                    ],
                ),
                step(Start(Ours), [Master(Ours), Claims(Ours), NoDrops]),
            ],
        ),
        case(
            "IPv6, they lead",
            both(100, 110),
            vec![
                step(StartBoth, [Master(Theirs), NoDrops]),
                step(
                    Stop(Theirs),
                    [Resigns(Theirs), Takes(Ours, 30..=1500), Master(Ours), Claims(Ours)],
                ),
                step(Start(Theirs), [Master(Theirs), Answers(&[Theirs]), NoDrops]),
            ],
        ),
        case(
            "IPv6, we are killed",
            both(110, 100),
            vec![
                step(StartBoth, [Master(Ours)]),
                step(
                    Kill(Ours),
                    [Takes(Theirs, 250..=900), Master(Theirs), Claims(Theirs), Answers(&[Theirs])],
                ),
                step(Start(Ours), [Master(Ours), Claims(Ours)]),
            ],
        ),
        case(
            "IPv6, they are killed",
            both(100, 110),
            vec![
                step(StartBoth, [Master(Theirs)]),
                step(Kill(Theirs), [Takes(Ours, 250..=900), Master(Ours), Claims(Ours)]),
            ],
        ),
        case(
            "IPv6, they are slower",
            slow,
            vec![
                step(StartBoth, [Master(Theirs), Learned(1080..=1085), NoDrops]),
                step(Kill(Theirs), [Takes(Ours, 750..=1600), Master(Ours), Wire(Ours, "10 cs")]),
            ],
        ),
        case(
            "IPv6, our address is deleted by hand",
            both(110, 100),
            vec![
                step(StartBoth, [Master(Ours)]),
                step(RemoveAddress(Ours), [Master(Ours), SameEpoch, Silent(Theirs), Holds(Ours)]),
            ],
        ),
        case(
            "IPv6, heal, we win and they advertise first",
            winner,
            vec![
                step(StartBoth, [Master(Ours)]),
                step(Part, [BothMasters]),
                step(HealAfter(Ours), [ClaimsWithin(Ours, 500), Master(Ours)]),
            ],
        ),
    ]
}

/// Against keepalived only: FRR has no unicast, and always sends from the virtual MAC address.
pub fn keepalived() -> Vec<Case> {
    [ties(), unicast(), virtual_mac(Speaker::Keepalived)].concat()
}

/// The virtual MAC address against FRR.
pub fn frr() -> Vec<Case> {
    virtual_mac(Speaker::Frr)
}

fn ties() -> Vec<Case> {
    let case =
        |name, steps| Case::new(name, Speaker::Keepalived, Setup::ipv6(), Setup::ipv6(), steps);
    tie(
        case,
        "IPv6, equal priority, our address is lower",
        "IPv6, equal priority, our address is higher",
    )
}

/// No router preempts at equal priority: the first master stays, until a partition makes both
/// masters and the addresses decide.
pub fn tie(
    case: impl Fn(&'static str, Vec<Step>) -> Case,
    lower: &'static str,
    higher: &'static str,
) -> Vec<Case> {
    vec![
        case(
            lower,
            vec![
                step(Start(Ours), [Master(Ours)]),
                step(Start(Theirs), [Master(Ours), Silent(Theirs)]),
                step(Part, [BothMasters]),
                step(HealAfter(Ours), [Master(Theirs)]),
            ],
        ),
        case(
            higher,
            vec![
                step(Start(Theirs), [Master(Theirs)]),
                step(Start(Ours), [Master(Theirs), Silent(Ours)]),
                step(Part, [BothMasters]),
                step(HealAfter(Theirs), [Master(Ours)]),
            ],
        )
        .on_the_higher_address(),
    ]
}

fn unicast() -> Vec<Case> {
    let over = |ttl, min_ttl| Setup { unicast: Some(Unicast { ttl, min_ttl }), ..Setup::default() };
    let case = |name, ours: Setup, theirs: Setup, steps| {
        Case::new(name, Speaker::Keepalived, ours, theirs, steps)
    };
    let v6 = |priority| {
        Setup { unicast: Some(Unicast { ttl: 255, min_ttl: 255 }), ..Setup::ipv6() }
            .priority(priority)
    };
    vec![
        case(
            "unicast, we lead",
            over(255, 255).priority(110),
            over(255, 0),
            vec![
                step(
                    StartBoth,
                    [Master(Ours), Wire(Ours, "pseudo-header, to the node, ttl 255"), NoDrops],
                ),
                step(
                    Stop(Ours),
                    [Resigns(Ours), Takes(Theirs, 30..=600), Master(Theirs), Claims(Theirs)],
                ),
                step(Start(Ours), [Master(Ours), NoDrops]),
            ],
        ),
        case(
            "unicast, they lead",
            over(255, 255),
            over(255, 0).priority(110),
            vec![
                step(
                    StartBoth,
                    [Master(Theirs), Wire(Theirs, "pseudo-header, to the node, ttl 255"), NoDrops],
                ),
                step(Kill(Theirs), [Takes(Ours, 250..=900), Master(Ours), Claims(Ours)]),
            ],
        ),
        case(
            "unicast over IPv6",
            v6(110),
            v6(100),
            vec![
                step(StartBoth, [Master(Ours), Wire(Ours, "to the node"), NoDrops]),
                step(Stop(Ours), [Resigns(Ours), Master(Theirs)]),
                step(Start(Ours), [Master(Ours), NoDrops]),
            ],
        ),
        case(
            "unicast, TTL 64 is allowed",
            over(255, 64),
            over(64, 0).priority(110),
            vec![step(StartBoth, [Master(Theirs), Wire(Theirs, "ttl 64"), NoDrops])],
        ),
        case(
            "unicast, TTL 64 is not allowed",
            over(255, 255),
            over(64, 0).priority(110),
            vec![step(StartBoth, [BothMasters, Drops("ttl")])],
        )
        .remark("keepalived takes any TTL unless its peers have a min_ttl"),
        case(
            "unicast, a stranger to us",
            over(255, 255).priority(110),
            over(255, 0),
            vec![
                step(StartBoth, [Master(Ours)]),
                step(Forge(Ours, 255), [Master(Ours), Drops("peer"), Silent(Theirs)]),
            ],
        ),
        case(
            "unicast, a stranger to them",
            over(255, 255),
            over(255, 0).priority(110),
            vec![
                step(StartBoth, [Master(Theirs)]),
                step(Forge(Theirs, 64), [Takes(Ours, 0..=900), Master(Theirs)]),
            ],
        )
        .remark(
            "one packet of TTL 64 from a stranger deposes keepalived: it does not check the source",
        ),
        case(
            "unicast, they multicast",
            over(255, 255).priority(110),
            Setup::default(),
            vec![step(StartBoth, [BothMasters, Drops("destination")])],
        ),
    ]
}

fn virtual_mac(peer: Speaker) -> Vec<Case> {
    let both = |ours, theirs| pair(&Setup { virtual_mac: true, ..Setup::default() }, ours, theirs);
    let case =
        |name, setups: (Setup, Setup), steps| Case::new(name, peer, setups.0, setups.1, steps);
    vec![
        case(
            "virtual MAC, we lead",
            both(110, 100),
            vec![
                step(StartBoth, [Master(Ours), Wire(Ours, "virtual MAC"), NoDrops]),
                step(
                    Stop(Ours),
                    [
                        Resigns(Ours),
                        Takes(Theirs, 30..=600),
                        Master(Theirs),
                        Claims(Theirs),
                        Wire(Theirs, "virtual MAC"),
                    ],
                ),
                step(Start(Ours), [Master(Ours), Claims(Ours), NoDrops]),
            ],
        ),
        case(
            "virtual MAC, they lead",
            both(100, 110),
            vec![
                step(StartBoth, [Master(Theirs), Wire(Theirs, "virtual MAC"), NoDrops]),
                step(
                    Kill(Theirs),
                    [Takes(Ours, 250..=900), Master(Ours), Claims(Ours), Wire(Ours, "virtual MAC")],
                ),
            ],
        ),
    ]
}
