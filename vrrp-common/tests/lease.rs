//! The lease and the fence: every combination of a valid or lapsed lease and of the advert's
//! sender.

use std::net::IpAddr;

use vrrp_common::counter::{self, INTERFACE_COUNTERS, RouterCounter, Verdict};
use vrrp_common::ip::Address;
use vrrp_common::lease::{Claim, active, fences, fences_unverified, lease_until};
use vrrp_common::reason::Reason;

const OWN: Claim = Claim { priority: 100, source: Address::v4([192, 168, 1, 205]) };
const LEASE: u64 = 3_000;

fn heard(priority: u8, last: u8) -> Claim {
    Claim { priority, source: Address::v4([192, 168, 1, last]) }
}

#[test]
fn a_good_lease_yields_to_a_better_master_only() {
    for now in [0, LEASE - 1, LEASE] {
        assert!(!fences(now, LEASE, &heard(99, 206), &OWN));
        assert!(!fences(now, LEASE, &heard(1, 254), &OWN));
        assert!(fences(now, LEASE, &heard(101, 1), &OWN));
        assert!(fences(now, LEASE, &heard(100, 206), &OWN), "equal priority, higher address");
        assert!(!fences(now, LEASE, &heard(100, 204), &OWN), "equal priority, lower address");
        assert!(
            !fences(now, LEASE, &heard(100, 205), &OWN),
            "an advert does not beat its own sender"
        );
    }
}

#[test]
fn a_lapsed_lease_yields_to_any_master() {
    for now in [LEASE + 1, u64::MAX] {
        for priority in 1..=255 {
            assert!(fences(now, LEASE, &heard(priority, 1), &OWN), "priority {priority}");
        }
    }
}

#[test]
fn a_release_claims_nothing() {
    for now in [0, LEASE, LEASE + 1, u64::MAX] {
        assert!(!fences(now, LEASE, &heard(0, 254), &OWN));
    }
}

/// Unsigned, in network order, of both families.
#[test]
fn vc104_the_tie_break_compares_whole_addresses() {
    let claim = |source: &str| Claim {
        priority: 1,
        source: source.parse::<IpAddr>().expect("an address").into(),
    };
    let vectors = [
        ("10.0.1.5", "10.0.0.200"),
        ("10.0.0.1", "9.255.255.255"),
        ("192.168.1.1", "192.168.0.254"),
        ("200.0.0.1", "100.255.255.255"),
        ("10.1.0.1", "10.0.0.9"),
        ("fe80::2", "fe80::1"),
        ("fe80::1:0:0:0", "fe80::ffff:ffff:ffff"),
        ("fe80:8000::", "fe80::1"),
    ];
    for (higher, lower) in vectors {
        assert!(claim(higher).beats(&claim(lower)), "{higher} over {lower}");
        assert!(!claim(lower).beats(&claim(higher)), "{lower} not over {higher}");
        assert!(!claim(higher).beats(&claim(higher)));
    }
    let [low, high] = ["0.0.0.1", "255.255.255.255"].map(claim);
    assert!(Claim { priority: 2, ..low }.beats(&high), "priority goes before address");
}

#[test]
fn a_mastership_is_active_until_its_own_epoch_is_fenced() {
    assert!(!active(0, 0), "no mastership");
    assert!(!active(0, 5));
    assert!(active(5, 0), "never fenced");
    assert!(active(5, 4), "an earlier epoch was fenced");
    assert!(!active(5, 5), "this one was");
}

#[test]
fn an_advert_buys_three_intervals() {
    assert_eq!(lease_until(1_000, 100), 1_300);
    assert_eq!(lease_until(u64::MAX - 1, 100), u64::MAX);
    assert_eq!(lease_until(1, u64::MAX), u64::MAX);
}

#[test]
fn labels_and_indexes_are_one_to_one() {
    let mut indexes: Vec<u32> = Verdict::ALL.iter().map(|&kind| counter::verdict(kind)).collect();
    indexes.extend(Reason::ALL.iter().map(|&kind| counter::reason(kind)));
    assert!(indexes.iter().copied().eq(0..INTERFACE_COUNTERS as u32));
    let mut labels: Vec<&str> = Reason::ALL.iter().map(|kind| kind.label()).collect();
    labels.extend(RouterCounter::ALL.iter().map(|kind| kind.label()));
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), Reason::COUNT + RouterCounter::COUNT);
    assert!(
        RouterCounter::ALL
            .iter()
            .enumerate()
            .all(|(index, &kind)| kind as usize == index && !kind.help().is_empty())
    );
}

#[test]
fn an_advert_that_cannot_be_verified_fences_a_lapsed_lease_only() {
    for priority in [1, 100, 255] {
        assert!(!fences_unverified(LEASE, LEASE, &heard(priority, 206)));
        assert!(fences_unverified(LEASE + 1, LEASE, &heard(priority, 206)));
    }
    assert!(!fences_unverified(u64::MAX, LEASE, &heard(0, 206)), "a release claims nothing");
}
