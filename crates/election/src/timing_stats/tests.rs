use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

#[test]
fn a_margin_is_what_a_renewal_left_of_the_lease_before() {
    let mut margins = Margins::default();
    margins.renew(at(1_000), at(1_300));
    assert_eq!((margins.last(), margins.least()), (None, None), "the first renews nothing");
    margins.renew(at(1_100), at(1_400));
    assert_eq!((margins.last(), margins.least()), (Some(200_000), Some(200_000)));
    margins.renew(at(1_450), at(1_750));
    assert_eq!((margins.last(), margins.least()), (Some(-50_000), Some(-50_000)), "it had lapsed");
    margins.renew(at(1_550), at(1_850));
    assert_eq!((margins.last(), margins.least()), (Some(200_000), Some(-50_000)));
    margins.end();
    margins.renew(at(9_000), at(9_300));
    assert_eq!(
        (margins.last(), margins.least()),
        (Some(200_000), Some(-50_000)),
        "a new mastership renews nothing"
    );
}

#[test]
fn a_failover_ends_a_silence_or_follows_a_release() {
    let count = |failovers: &Failovers| {
        failovers.durations().buckets().map(|(_, count)| count).sum::<u64>()
    };
    let mut failovers = Failovers::default();
    failovers.begin(Reason::MasterTimeout, Some(at(1_000)));
    failovers.complete(at(1_361));
    failovers.complete(at(2_000));
    assert_eq!(
        (count(&failovers), failovers.durations().sum()),
        (1, Duration::from_millis(361)),
        "once"
    );
    failovers.begin(Reason::Released, Some(at(5_000)));
    failovers.complete(at(5_061));
    assert_eq!(
        (count(&failovers), failovers.durations().longest()),
        (2, Duration::from_millis(361))
    );
    for (reason, heard) in
        [(Reason::Preempted, Some(at(6_000))), (Reason::MasterTimeout, None), (Reason::Owner, None)]
    {
        failovers.begin(reason, heard);
        failovers.complete(at(6_300));
    }
    failovers.begin(Reason::MasterTimeout, Some(at(7_000)));
    failovers.give_up();
    failovers.complete(at(8_000));
    assert_eq!(count(&failovers), 2);
}
