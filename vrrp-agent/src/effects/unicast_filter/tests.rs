use std::collections::BTreeSet;

use super::Macs;
use crate::effects::Problems;
use crate::effects::record::Record;
use crate::net::Netlink;
use crate::net::testing::{in_pair, interface, takes_frames_for};

/// The virtual MACs of VRID 51 for IPv4 and for IPv6 (RFC 9568 section 7.3).
const V4: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];
const V6: [u8; 6] = [0, 0, 0x5e, 0, 2, 51];

#[test]
#[ignore = "needs root: network namespaces"]
fn an_interface_takes_frames_for_what_is_wanted_and_no_longer() {
    in_pair(async |_| {
        let netlink = Netlink::connect().expect("a connection");
        let left = interface("left").index;
        let (mut macs, mut record, mut problems) =
            (Macs::default(), Record::default(), Problems::default());
        let both = BTreeSet::from([(left, V4), (left, V6)]);
        for _ in 0..2 {
            macs.add(&netlink, &mut record, &both, &mut problems).await;
            assert!(takes_frames_for("left", V4) && takes_frames_for("left", V6));
        }
        macs.remove(&netlink, &mut record, &BTreeSet::from([(left, V6)]), &mut problems).await;
        assert!(!takes_frames_for("left", V4) && takes_frames_for("left", V6));
        macs.remove(&netlink, &mut record, &BTreeSet::new(), &mut problems).await;
        assert!(!takes_frames_for("left", V6));
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_failed_is_not_held_and_what_others_added_stays() {
    in_pair(async |_| {
        let netlink = Netlink::connect().expect("a connection");
        let left = interface("left").index;
        let (mut macs, mut record, mut problems) =
            (Macs::default(), Record::default(), Problems::default());
        macs.add(&netlink, &mut record, &BTreeSet::from([(4_000, V4)]), &mut problems).await;
        assert!(
            macs.held.is_empty() && record.kept().macs.is_empty(),
            "there is no such interface"
        );
        netlink.filter_mac(left, V4, true).await.expect("added");
        macs.add(&netlink, &mut record, &BTreeSet::from([(left, V4)]), &mut problems).await;
        assert!(record.kept().macs.is_empty(), "it was there before");
        macs.remove(&netlink, &mut record, &BTreeSet::new(), &mut problems).await;
        assert!(takes_frames_for("left", V4));
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_entry_that_a_killed_agent_added_is_taken_over_or_taken_out() {
    in_pair(async |_| {
        let netlink = Netlink::connect().expect("a connection");
        let left = interface("left").index;
        let (mut record, mut problems) = (Record::default(), Problems::default());
        Macs::default()
            .add(&netlink, &mut record, &BTreeSet::from([(left, V4), (left, V6)]), &mut problems)
            .await;
        // Another agent, with the same record.
        let mut next = Macs::default();
        let wanted = BTreeSet::from([(left, V4)]);
        next.add(&netlink, &mut record, &wanted, &mut problems).await;
        next.remove(&netlink, &mut record, &wanted, &mut problems).await;
        assert!(takes_frames_for("left", V4) && !takes_frames_for("left", V6));
        next.remove(&netlink, &mut record, &BTreeSet::new(), &mut problems).await;
        assert!(!takes_frames_for("left", V4) && record.kept().macs.is_empty());
    });
}
