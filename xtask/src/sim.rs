//! `sim`: the simulation of the election over millions of seeds, optimised, on all cores.

use std::thread;

use anyhow::Result;
use clap::Args;

use crate::exec;

#[derive(Args)]
pub struct Options {
    /// How many seeds to run
    #[arg(long, default_value_t = 1_000_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    from: u64,
    /// Replay one seed, with its trace
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
}

/// Fails if a rule of the election was broken, or a mutant was not caught; the output then names
/// the seed.
pub fn run(options: &Options) -> Result<()> {
    let mut cargo = exec::cargo();
    cargo.args([
        "test",
        "--quiet",
        "--profile",
        "sim",
        "--package",
        "vrrp-election",
        "--test",
        "election_sim",
    ]);
    cargo.args(["--", "--exact", "--nocapture", "--test-threads=1", "seeds"]);
    if let Some(seed) = options.seed {
        return exec::run(cargo.env("VRRP_SIM_SEED", seed.to_string()));
    }
    let threads = thread::available_parallelism().map_or(1, usize::from);
    cargo.arg("mutants_are_caught").env("VRRP_SIM_SEEDS", options.seeds.to_string());
    exec::run(
        cargo
            .env("VRRP_SIM_FROM", options.from.to_string())
            .env("VRRP_SIM_THREADS", threads.to_string()),
    )
}
