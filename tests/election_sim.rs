//! Seeds by the thousand, named scenarios, and proof that the referee would notice.
//!
//! `VRRP_SIM_SEEDS=n` runs n seeds, `VRRP_SIM_SEED=s` one of them with its trace.

mod sim;

use std::time::Duration;

use sim::node::Want;
use sim::plan::Action;
use sim::world::World;
use sim::{Mutant, Setup};
use vrrp_agent::election::Role;
use vrrp_agent::time::Instant;

const SEEDS: u64 = 10_000;
const SECOND: Duration = Duration::from_secs(1);

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

fn run(seed: u64, mutant: Mutant, trace: bool) -> World {
    let mut world = World::new(Setup::random(seed, mutant), trace);
    world.run_plan();
    world
}

/// Shows how a seed went, and fails if a rule was broken.
fn tell(world: &World) {
    for line in world.trace.iter().flatten() {
        println!("{line}");
    }
    println!("{:?}", world.setup);
    if let Some(why) = &world.broken {
        let seed = world.setup.seed;
        panic!(
            "seed {seed}: {why}\nreplay: VRRP_SIM_SEED={seed} cargo test -p vrrp-tests --test election_sim seeds -- --nocapture"
        );
    }
}

#[test]
fn seeds() {
    if let Some(seed) = number("VRRP_SIM_SEED") {
        return tell(&run(seed, Mutant::None, true));
    }
    for seed in 0..number("VRRP_SIM_SEEDS").unwrap_or(SEEDS) {
        if run(seed, Mutant::None, false).broken.is_some() {
            tell(&run(seed, Mutant::None, true));
        }
    }
}

#[test]
fn mutants_are_caught() {
    let mutants = [Mutant::LeaseTooLong, Mutant::FenceIgnored, Mutant::LapseForgotten, Mutant::PolicyIgnored, Mutant::TimerFirst];
    for mutant in mutants {
        let caught = (0..SEEDS).find_map(|seed| run(seed, mutant, false).broken.map(|why| (seed, why)));
        let (seed, why) = caught.unwrap_or_else(|| panic!("{mutant:?} passes all seeds"));
        println!("{mutant:?}: seed {seed}: {why}");
    }
}
