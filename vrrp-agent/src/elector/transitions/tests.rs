use super::*;
use vrrp_election::{Reason, Role};
use vrrp_model::RouterIdx;
use vrrp_model::time::Instant;
use vrrp_notify::Transition;

fn transition(idx: u32) -> Report {
    Report::Transition(Transition {
        at: Instant::from_micros(u64::from(idx)),
        idx: RouterIdx::new(idx),
        instance: "a".to_owned(),
        vrid: 51,
        interface: "eth1".to_owned(),
        from: Role::Backup,
        to: Role::Master,
        reason: Reason::MasterTimeout,
        epoch: Some(1),
        priority: 100,
        peer: None,
    })
}

fn index(report: &Report) -> Option<u32> {
    match report {
        Report::Transition(transition) => Some(transition.idx.get()),
        Report::LowerPriority(_) => None,
    }
}

#[test]
fn transitions_are_read_in_their_order_and_once() {
    let (sender, mut transitions, dropped) = queue();
    (0..3).for_each(|idx| sender.push(transition(idx)));
    for idx in 0..3 {
        assert_eq!(transitions.try_recv(), Ok(transition(idx)));
    }
    assert!(transitions.try_recv().is_err());
    assert_eq!(dropped.count(), 0);
}

#[test]
fn a_full_queue_drops_the_newest_and_counts_it() {
    let (sender, mut transitions, dropped) = queue();
    let all = CAPACITY as u32;
    (0..all + 3).for_each(|idx| sender.push(transition(idx)));
    assert_eq!(dropped.count(), 3);
    assert_eq!(transitions.try_recv(), Ok(transition(0)), "the oldest stays");
    sender.push(transition(all + 3));
    let rest: Vec<u32> = std::iter::from_fn(|| transitions.try_recv().ok())
        .filter_map(|read| index(&read))
        .collect();
    let expected: Vec<u32> = (1..all).chain([all + 3]).collect();
    assert_eq!(rest, expected);
    assert_eq!(dropped.count(), 3);
}

#[test]
fn without_a_reader_nothing_is_counted() {
    let (sender, transitions, dropped) = queue();
    drop(transitions);
    sender.push(transition(0));
    assert_eq!(dropped.count(), 0);
}
