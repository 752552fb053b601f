//! Choosing a backend for a new connection.

use vrrp_common::balance::{Candidate, Choice, LEAST_CONNECTIONS, WEIGHTED_RANDOM, suspect};

fn candidate(backend: u32, weight: u32, in_flight: u64, suspect: bool) -> Candidate {
    Candidate { backend, weight, in_flight, suspect: u64::from(suspect), random: 0 }
}

fn least(candidates: &[Candidate]) -> Option<u32> {
    let mut choice = Choice::NONE;
    candidates.iter().for_each(|&candidate| choice.offer(LEAST_CONNECTIONS, candidate));
    choice.backend()
}

#[test]
fn the_fewest_connections_for_the_weight_win_and_the_first_of_equals() {
    assert_eq!(
        least(&[candidate(1, 1, 3, false), candidate(2, 1, 2, false), candidate(3, 1, 2, false)]),
        Some(2)
    );
    assert_eq!(least(&[candidate(1, 1, 3, false), candidate(2, 4, 11, false)]), Some(2));
    assert_eq!(least(&[candidate(1, 1, 3, false), candidate(2, 4, 12, false)]), Some(1));
    assert_eq!(
        least(&[candidate(1, 1000, u64::from(u32::MAX), false), candidate(2, 1, 0, false)]),
        Some(2)
    );
}

#[test]
fn a_suspect_is_chosen_only_among_suspects_in_any_order() {
    let (sound, suspicious) = (candidate(1, 1, 99, false), candidate(2, 1, 0, true));
    assert_eq!(least(&[sound, suspicious]), Some(1));
    assert_eq!(least(&[suspicious, sound]), Some(1));
    assert_eq!(least(&[suspicious, candidate(3, 1, 1, true)]), Some(2));
}

#[test]
fn no_backend_is_chosen_where_none_takes_connections() {
    assert_eq!(least(&[]), None);
    assert_eq!(least(&[candidate(1, 0, 0, false)]), None);
    assert_eq!(least(&[candidate(1, 0, 0, false), candidate(2, 1, 5, true)]), Some(2));
}

#[test]
fn a_suspicion_ends_at_its_time() {
    assert_eq!([suspect(0, 5), suspect(5, 5), suspect(6, 5), suspect(1 << 62, 5)], [0, 0, 1, 1]);
}

#[test]
fn chances_are_as_the_weights_of_those_that_are_sound() {
    let mut chosen = [0_u32; 4];
    // A multiplier of full period: every value of the sixteen bits that decide comes equally often.
    let mut state: u32 = 1;
    for _ in 0..60_000 {
        let mut choice = Choice::NONE;
        for (backend, weight, suspicious) in
            [(0, 1, false), (3, 7, true), (1, 2, false), (2, 3, false)]
        {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            choice.offer(
                WEIGHTED_RANDOM,
                Candidate { random: state, ..candidate(backend, weight, 0, suspicious) },
            );
        }
        chosen[choice.backend().expect("a choice") as usize] += 1;
    }
    assert_eq!(chosen[3], 0);
    for (count, weight) in chosen.into_iter().zip([1, 2, 3]) {
        assert!(count.abs_diff(weight * 10_000) < 1_000, "{chosen:?}");
    }
}
