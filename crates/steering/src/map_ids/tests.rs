use super::*;

#[test]
fn what_stays_keeps_its_number_and_a_freed_one_waits_its_turn() {
    let mut numbers = IdAllocator::default();
    numbers.assign(&['a', 'b', 'c']);
    assert_eq!(['a', 'b', 'c'].map(|key| numbers.get(&key)), [Some(0), Some(1), Some(2)]);
    numbers.assign(&['a', 'c', 'd']);
    assert_eq!(
        ['a', 'b', 'c', 'd'].map(|key| numbers.get(&key)),
        [Some(0), None, Some(2), Some(3)]
    );
}

#[test]
fn adopted_numbers_stay_and_none_is_given_twice() {
    let mut numbers = IdAllocator::default();
    numbers.adopt([('c', 0), ('a', 7), ('x', 7)]);
    numbers.assign(&['a', 'b', 'c', 'd']);
    assert_eq!(
        ['a', 'b', 'c', 'd', 'x'].map(|key| numbers.get(&key)),
        [Some(7), Some(1), Some(0), Some(2), None]
    );
}

#[test]
fn numbers_never_clash_whatever_is_added_and_removed() {
    let mut numbers = IdAllocator::default();
    for round in 0..500_u32 {
        let wanted: Vec<u32> = (0..60).filter(|key| (key * 7 + round) % 5 != 0).collect();
        numbers.assign(&wanted);
        let mut given: Vec<u32> = wanted.iter().filter_map(|key| numbers.get(key)).collect();
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), wanted.len());
        assert!(given.iter().all(|&number| number < 64));
    }
}
