//! Every input in every state of the election, by random bytes that are interpreted as the fuzz
//! target `machine` interprets them.
//!
//! `VRRP_SEQUENCE_SEED` selects one seed: a broken rule is then reported with the steps that led to
//! it.

#[path = "../../../fuzz/sequence/mod.rs"]
mod sequence;

use std::ops::RangeInclusive;
use std::panic;
use std::thread;

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};
use sequence::Seen;
use vrrp_election::Role;

/// Some seconds of work in the dev build.
const SEEDS: u64 = 200_000;

/// Other tests run at the same time.
const THREADS: u64 = 2;

/// Short sequences end in states that long ones leave; long ones reach states that short ones do
/// not.
const LENGTHS: RangeInclusive<usize> = 8..=255;

fn bytes(seed: u64) -> Vec<u8> {
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed.to_le_bytes(); 4].concat());
    let mut bytes = vec![0; rng.random_range(LENGTHS)];
    rng.fill(&mut bytes[..]);
    bytes
}

/// Runs every [`THREADS`]th seed from `first` on. Stops at the first that breaks a rule, and
/// reports it.
fn play_some(first: u64) -> (Seen, Option<u64>) {
    let mut total = Seen::default();
    for seed in (first..SEEDS).step_by(THREADS as usize) {
        let Ok(seen) = panic::catch_unwind(|| sequence::play(&bytes(seed))) else {
            return (total, Some(seed));
        };
        add(&mut total, &seen);
    }
    (total, None)
}

fn add(total: &mut Seen, seen: &Seen) {
    total.steps += seen.steps;
    for (total, seen) in total.inputs.as_flattened_mut().iter_mut().zip(seen.inputs.as_flattened())
    {
        *total += seen;
    }
}

#[test]
fn no_sequence_of_inputs_breaks_an_election_or_a_group() {
    if let Ok(seed) = std::env::var("VRRP_SEQUENCE_SEED") {
        println!("{:?}", sequence::play(&bytes(seed.parse().expect("a number"))));
        return;
    }
    let results: Vec<(Seen, Option<u64>)> = thread::scope(|scope| {
        let parts: Vec<_> = (0..THREADS).map(|part| scope.spawn(move || play_some(part))).collect();
        parts.into_iter().map(|part| part.join().expect("panics are caught")).collect()
    });
    if let Some(seed) = results.iter().filter_map(|(_, failing)| *failing).min() {
        let hex: String = bytes(seed).iter().map(|byte| format!("{byte:02x}")).collect();
        panic!(
            "seed {seed} breaks a rule, its bytes are {hex}\nreplay: VRRP_SEQUENCE_SEED={seed} cargo test -p vrrp-election --test machine_sequences"
        );
    }
    let mut total = Seen::default();
    results.iter().for_each(|(part, _)| add(&mut total, part));
    println!("sequences          {SEEDS}");
    println!("steps              {}", total.steps);
    for (role, inputs) in Role::ALL.into_iter().zip(total.inputs) {
        println!(
            "inputs             {} in {role}, each kind at least {} times",
            inputs.iter().sum::<u64>(),
            rarest(&inputs)
        );
        assert!(rarest(&inputs) > 0, "every kind of input reaches {role}: {inputs:?}");
    }
}

fn rarest(inputs: &[u64]) -> u64 {
    inputs.iter().copied().min().unwrap_or_default()
}
