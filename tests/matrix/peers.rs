//! The peers against each other, with a peer in place of our agent: a test of the harness's set-up,
//! and a record of their differences.

use vrrp_tests::duel::{Setup, Speaker, Unicast};

use super::Act::{Kill, Start, StartBoth, Stop};
use super::See::{BothMasters, Claims, Master, Resigns, Takes, Wire};
use super::Side::{Ours, Theirs};
use super::run::pair;
use super::{Case, Step, step};

fn case(
    name: &'static str,
    us: Speaker,
    peer: Speaker,
    (ours, theirs): (Setup, Setup),
    steps: Vec<Step>,
) -> Case {
    Case::new(name, peer, ours, theirs, steps).instead_of_us(us)
}

fn unicast(ttl: u8, min_ttl: u8) -> Setup {
    Setup { unicast: Some(Unicast { ttl, min_ttl }), ..Setup::default() }
}

pub fn cases() -> Vec<Case> {
    use Speaker::{Frr, Keepalived};
    vec![
        case(
            "IPv4, v3",
            Keepalived,
            Frr,
            pair(&Setup::default(), 110, 100),
            vec![
                step(StartBoth, [Master(Ours)]),
                step(Stop(Ours), [Resigns(Ours), Takes(Theirs, 30..=600), Master(Theirs)]),
                step(Start(Ours), [Master(Ours)]),
            ],
        ),
        case(
            "IPv6, keepalived leads",
            Keepalived,
            Frr,
            pair(&Setup::ipv6(), 110, 100),
            vec![
                step(
                    StartBoth,
                    [
                        Master(Ours),
                        Wire(Ours, "[fe80::249 2001:db8::249] pseudo-header, ttl 255, own MAC"),
                    ],
                ),
                step(
                    Stop(Ours),
                    [
                        Resigns(Ours),
                        Takes(Theirs, 30..=600),
                        Master(Theirs),
                        Claims(Theirs),
                        Wire(
                            Theirs,
                            "[fe80::249 2001:db8::249] pseudo-header, ttl 255, virtual MAC",
                        ),
                    ],
                ),
                step(Start(Ours), [Master(Ours), Claims(Ours)]),
            ],
        ),
        case(
            "IPv6, FRR leads",
            Keepalived,
            Frr,
            pair(&Setup::ipv6(), 100, 110),
            vec![
                step(StartBoth, [Master(Theirs)]),
                step(Kill(Theirs), [Takes(Ours, 250..=900), Master(Ours), Claims(Ours)]),
            ],
        ),
        case(
            "unicast, TTL 255",
            Keepalived,
            Keepalived,
            pair(&unicast(255, 0), 110, 100),
            vec![
                step(StartBoth, [Master(Ours), Wire(Ours, "to the node, ttl 255")]),
                step(Stop(Ours), [Resigns(Ours), Master(Theirs)]),
            ],
        ),
        case(
            "unicast, TTL 64",
            Keepalived,
            Keepalived,
            pair(&unicast(64, 0), 110, 100),
            vec![step(StartBoth, [Master(Ours), Wire(Ours, "to the node, ttl 64")])],
        )
        .remark("without min_ttl the TTL of unicast adverts is not looked at"),
        case(
            "unicast, TTL 64 where 255 is wanted",
            Keepalived,
            Keepalived,
            pair(&unicast(64, 255), 110, 100),
            vec![step(StartBoth, [BothMasters])],
        ),
    ]
}
