//! Any inputs to an election, or to a sync group, at any times: no panic, outputs in their order,
//! and no timer that spins.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../sequence/mod.rs"]
mod sequence;

fuzz_target!(|bytes: &[u8]| {
    sequence::play(bytes);
});
