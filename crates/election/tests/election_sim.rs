//! Thousands of seeds, named scenarios, and mutants that the referee must catch.
//!
//! `cargo xtask sim` runs millions of seeds. Environment variables select them: `VRRP_SIM_SEEDS`
//! seeds from `VRRP_SIM_FROM` on over `VRRP_SIM_THREADS` threads, or the one seed `VRRP_SIM_SEED`
//! with its trace.
#![allow(clippy::disallowed_methods, reason = "a test measures, and runs seeds side by side")]

mod model;
mod sim;

use std::thread;
use std::time::{self, Duration};

use sim::node::Want;
use sim::plan::Action;
use sim::stats::Stats;
use sim::world::World;
use sim::{Mutant, Setup};
use vrrp_election::Role;
use vrrp_model::time::Instant;

/// Well below a minute of work in the dev build.
const SEEDS: u64 = 100_000;

/// Other tests run at the same time.
const THREADS: u64 = 2;

/// Each mutant must fail within this many seeds.
const MUTANT_SEEDS: u64 = 2_000;

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

/// Shows the result of a seed, and fails if a rule was broken.
fn report(world: &World) {
    for line in world.trace.iter().flatten() {
        println!("{line}");
    }
    println!("{:?}", world.setup);
    if let Some(why) = &world.broken {
        let seed = world.setup.seed;
        panic!("seed {seed}: {why}\nreplay: cargo xtask sim --seed {seed}");
    }
}

/// Every `step`th seed from `from` on, below `end`. Stops at the first that breaks a rule, and
/// reports it.
fn run_some(from: u64, end: u64, step: u64) -> (Stats, Option<u64>) {
    let mut stats = Stats::default();
    for seed in (from..end).step_by(step as usize) {
        let world = run(seed, Mutant::None, false);
        stats.add(&world.stats);
        if world.broken.is_some() {
            return (stats, Some(seed));
        }
    }
    (stats, None)
}

#[test]
fn seeds() {
    if let Some(seed) = number("VRRP_SIM_SEED") {
        return report(&run(seed, Mutant::None, true));
    }
    let from = number("VRRP_SIM_FROM").unwrap_or(0);
    let end = from.saturating_add(number("VRRP_SIM_SEEDS").unwrap_or(SEEDS));
    let threads = number("VRRP_SIM_THREADS").unwrap_or(THREADS).max(1);
    let begun = time::Instant::now();
    let results: Vec<(Stats, Option<u64>)> = thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| scope.spawn(move || run_some(from + part, end, threads)))
            .collect();
        parts.into_iter().map(|part| part.join().expect("a run does not panic")).collect()
    });
    let mut stats = Stats::default();
    results.iter().for_each(|(part, _)| stats.add(part));
    let failing: Vec<u64> = results.iter().filter_map(|(_, seed)| *seed).collect();
    println!(
        "seeds                 {}, {:.0} a second",
        stats.seeds,
        stats.seeds as f64 / begun.elapsed().as_secs_f64()
    );
    println!("events                {}", stats.events);
    println!("adverts delivered     {}", stats.adverts);
    println!("takeovers             {}", stats.takeovers);
    println!("longest inactive      {} (after the last fault)", stats.without_active);
    println!("longest two active    {} (on whole links)", stats.two);
    println!("violations            {}", failing.len());
    if let Some(seed) = failing.iter().min() {
        report(&run(*seed, Mutant::None, true));
    }
    assert_eq!(stats.seeds, end - from, "every seed was run");
}

#[test]
fn mutants_are_caught() {
    for mutant in Mutant::ALL {
        let caught = (0..MUTANT_SEEDS)
            .find_map(|seed| run(seed, mutant, false).broken.map(|why| (seed, why)));
        let (seed, why) = caught.unwrap_or_else(|| panic!("{mutant:?} passes all seeds"));
        println!("{mutant:?}: seed {seed}: {why}");
    }
}

/// A pair whose node 0 is master, until `end` milliseconds and with these actions. Fails if a rule
/// is broken.
fn pair(end: u64, actions: Vec<(u64, Action)>) -> World {
    let mut world = World::new(Setup::pair(), true);
    for (millis, action) in actions {
        world.at(at(millis), action);
    }
    world.run_until(at(end));
    report(&world);
    world
}

/// The active nodes over time, from the first master on, without the short times in which an advert
/// was in flight.
fn actors(world: &World) -> Vec<Vec<usize>> {
    let ends = world.active.iter().skip(1).map(|(from, _)| *from).chain([world.now]);
    let spans = world.active.iter().zip(ends).skip_while(|((_, actors), _)| actors.is_empty());
    let lasting = spans.filter(|((from, actors), end)| {
        actors.is_empty() || end.saturating_since(*from) > world.setup.flight + world.setup.jitter
    });
    let mut actors: Vec<Vec<usize>> = lasting.map(|((_, actors), _)| actors.clone()).collect();
    actors.dedup();
    actors
}

#[test]
fn a_frozen_master_is_fenced_and_takes_its_place_back_when_it_thaws() {
    let world = pair(40_000, vec![(10_000, Action::Pause(0)), (20_000, Action::Resume(0))]);
    assert_eq!(actors(&world), [vec![0], vec![1], vec![0]], "always exactly one active node");
}

#[test]
fn a_killed_agents_node_serves_until_its_successor_advertises() {
    let world = pair(40_000, vec![(10_000, Action::Crash(0, None))]);
    assert_eq!(actors(&world), [vec![0], vec![1]]);
    assert_eq!(world.nodes[0].kernel.fence, world.nodes[0].kernel.mastership);
}

#[test]
fn an_agent_restarted_within_its_lease_keeps_its_mastership() {
    let world = pair(40_000, vec![(10_000, Action::Crash(0, None)), (12_000, Action::Restart(0))]);
    assert_eq!(actors(&world), [[0]]);
    assert_eq!(world.nodes[1].router.role(), Role::Backup);
    assert_eq!(world.nodes[0].router.epoch(), Some(world.nodes[0].kernel.mastership));
    assert!(
        world.nodes[0].kernel.mastership < at(10_000).as_micros(),
        "the epoch is that of the first mastership"
    );
}

#[test]
fn a_graceful_stop_hands_over_without_a_gap() {
    let world = pair(11_000, vec![(10_000, Action::Want(0, Want::Stopped))]);
    assert_eq!(actors(&world), [[0], [1]]);
    assert_eq!(world.nodes[0].router.role(), Role::Init);
    let (taken, _) = world.active.last().expect("a takeover");
    assert!(
        taken.saturating_since(at(10_000)) < Duration::from_millis(620),
        "the skew of priority 99, and flights"
    );
}

#[test]
fn without_preemption_the_incumbent_stays_until_it_fails() {
    let mut world = World::new(Setup { preempt: false, ..Setup::pair() }, true);
    for (millis, action) in [
        (10_000, Action::Want(0, Want::Fault)),
        (20_000, Action::Want(0, Want::Run)),
        (30_000, Action::Want(1, Want::Fault)),
    ] {
        world.at(at(millis), action);
    }
    world.run_until(at(40_000));
    report(&world);
    assert_eq!(actors(&world), [[0], [1], [0]], "L4: back only when the other fails");
    let (back, _) = world.active.last().expect("a takeover");
    assert!(*back > at(30_000));
}

#[test]
fn a_stop_that_dies_halfway_still_hands_over_without_a_gap() {
    for after in 0..3 {
        let world = pair(
            20_000,
            vec![(10_000, Action::Want(0, Want::Stopped)), (9_999, Action::Crash(0, Some(after)))],
        );
        assert_eq!(actors(&world), [[0], [1]]);
    }
}

#[test]
fn a_partition_has_a_master_on_either_side_and_one_within_an_interval_of_its_end() {
    let cut = |from, to| (10_000, Action::Cut { from, to });
    let mend = |from, to| (20_000, Action::Mend { from, to });
    let world = pair(21_003, vec![cut(0, 1), cut(1, 0), mend(0, 1), mend(1, 0)]);
    assert_eq!(actors(&world), [vec![0], vec![0, 1], vec![0]]);
}

#[test]
fn a_failed_check_hands_over_and_a_passed_one_takes_back() {
    let world = pair(
        40_000,
        vec![(10_000, Action::Want(0, Want::Fault)), (20_000, Action::Want(0, Want::Run))],
    );
    assert_eq!(actors(&world), [[0], [1], [0]]);
}
