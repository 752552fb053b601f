//! A small world, exhaustively: the simulation's nodes and referee with every order of events and
//! every position of a fault, instead of one at random.
//!
//! Time advances in steps of a quarter of an interval. Within a step, frames arrive and agents run
//! in every order; a frame arrives in the step in which it was sent or in the next, or is lost; a
//! running agent does its work before the step ends. The priorities make the skew a whole number of
//! steps, so nothing is rounded. [`Bounds`] lists the limits of the world.
#![allow(clippy::disallowed_methods, reason = "a test measures")]

use std::hash::{Hash, Hasher};
use std::time::Duration;

use stateright::{Checker, Model, Property};
use vrrp_election::Role;
use vrrp_model::time::Instant;

use crate::sim::node::{Life, Want};
use crate::sim::plan::Action;
use crate::sim::world::{Event, World};
use crate::sim::{Mutant, Setup};

const INTERVAL: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(250);
/// By this time the group has a master, and no fault has occurred yet.
const SETTLED: u32 = 6;

const SAFE: &str = "no rule is broken";

/// The faults of one history, and how long it is followed.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    losses: u8,
    /// Whether a frame may arrive in the step after the one in which it was sent.
    late: bool,
    /// How often an agent or a link is interrupted. The first interruption is within an interval:
    /// all later ones are equivalent.
    interruptions: u8,
    /// Intervals from the first possible interruption on.
    intervals: u32,
}

#[derive(Debug, Clone)]
struct State {
    world: World,
    /// Frames in flight, and when each was sent.
    wire: Vec<(Instant, Event)>,
    losses: u8,
    interruptions: u8,
}

impl State {
    fn key(&self) -> impl Hash + PartialEq + '_ {
        (self.world.situation(), &self.wire, self.losses, self.interruptions)
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.key().hash(hasher);
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Choice {
    /// The frame at this position of the wire arrives.
    Arrive(usize),
    Lose(usize),
    /// The agent of a node does its pending work.
    Work(usize),
    Step,
    Interrupt(Action),
    Mend(Action),
}

#[derive(Debug)]
struct Small {
    setup: Setup,
    bounds: Bounds,
}

impl Small {
    fn new(priorities: &[u8], preempt: bool, mutant: Mutant, bounds: Bounds) -> Self {
        let pair = Setup::pair();
        let sources = (0..priorities.len())
            .map(|index| std::net::Ipv4Addr::new(10, 0, 0, 10 + index as u8))
            .collect();
        let setup = Setup {
            priorities: priorities.to_vec(),
            sources,
            clocks: vec![pair.clocks[0]; priorities.len()],
            interval: INTERVAL,
            preempt,
            flight: STEP,
            jitter: STEP,
            mutant,
            ..pair
        };
        Self { setup, bounds }
    }

    /// The possible events without a fault, the most urgent first.
    fn course(&self, state: &State) -> Vec<Choice> {
        let arrivals = (0..state.wire.len()).map(Choice::Arrive);
        let work = (0..state.world.nodes.len())
            .filter(|&node| state.world.has_work(node))
            .map(Choice::Work);
        let mut choices: Vec<Choice> = arrivals.chain(work).collect();
        let late = state.wire.iter().any(|(sent, _)| *sent < state.world.now || !self.bounds.late);
        let working = choices.iter().any(|choice| matches!(choice, Choice::Work(_)));
        if !late && !working {
            choices.push(Choice::Step);
        }
        choices
    }

    fn interruptions(&self, state: &State, choices: &mut Vec<Choice>) {
        let first = state.interruptions == self.bounds.interruptions;
        let window = Instant::from_micros(0) + INTERVAL * (SETTLED + 1);
        let whole = state
            .world
            .nodes
            .iter()
            .all(|node| node.life == Life::Running && node.want == Want::Run);
        if state.interruptions == 0 || !whole || (first && state.world.now >= window) {
            return;
        }
        for node in 0..state.world.nodes.len() {
            let wants =
                [Want::Fault, Want::LinkDown, Want::Stopped].map(|want| Action::Want(node, want));
            let halts = [Action::Pause(node), Action::Crash(node, None), Action::PowerOff(node)];
            choices.extend(
                wants
                    .into_iter()
                    .chain(halts)
                    .chain([Action::Standby(node)])
                    .map(Choice::Interrupt),
            );
        }
    }

    fn mending(state: &State, choices: &mut Vec<Choice>) {
        for (index, node) in state.world.nodes.iter().enumerate() {
            match (node.life, node.want) {
                (Life::Paused, _) => choices.push(Choice::Mend(Action::Resume(index))),
                (Life::Crashed, _) => choices.push(Choice::Mend(Action::Restart(index))),
                (Life::Running, Want::Run)
                    if node.router.standby_since().is_some() && node.asked_standby.is_none() =>
                {
                    choices.push(Choice::Mend(Action::EndStandby(index)));
                }
                (Life::Running, Want::Run) => {}
                (Life::Running, _) => choices.push(Choice::Mend(Action::Want(index, Want::Run))),
            }
        }
    }

    fn take(state: &mut State, choice: Choice) {
        let now = state.world.now;
        let event = match choice {
            Choice::Step => return state.world.pass(STEP),
            Choice::Lose(place) => {
                if let (_, Event::Arrive { from: Some(from), to, .. }) = state.wire.remove(place) {
                    state.world.lose(from, to);
                }
                return;
            }
            Choice::Arrive(place) => state.wire.remove(place).1,
            Choice::Work(node) => Event::Wake(node),
            Choice::Interrupt(action) | Choice::Mend(action) => Event::Act(action),
        };
        // The model chooses when an agent runs.
        let follows = state
            .world
            .step(event)
            .into_iter()
            .filter(|event| matches!(event, Event::Arrive { .. }));
        state.wire.extend(follows.map(|event| (now, event)));
        // The order in which the frames of a step were sent does not matter: they arrive in every
        // order.
        state.wire.sort();
    }
}

impl Model for Small {
    type State = State;
    type Action = Choice;

    /// A group that has settled without faults.
    fn init_states(&self) -> Vec<State> {
        let Bounds { losses, interruptions, .. } = self.bounds;
        let mut state = State {
            world: World::new(self.setup.clone(), false),
            wire: vec![],
            losses,
            interruptions,
        };
        state.world.pass(STEP);
        while state.world.now < Instant::from_micros(0) + INTERVAL * SETTLED {
            let choice = self.course(&state)[0];
            Self::take(&mut state, choice);
        }
        vec![state]
    }

    fn actions(&self, state: &State, choices: &mut Vec<Choice>) {
        if state.world.broken.is_some() {
            return;
        }
        choices.extend(self.course(state));
        if state.losses > 0 {
            choices.extend((0..state.wire.len()).map(Choice::Lose));
        }
        self.interruptions(state, choices);
        Self::mending(state, choices);
    }

    fn next_state(&self, last: &State, choice: Choice) -> Option<State> {
        let mut state = last.clone();
        match choice {
            Choice::Lose(_) => state.losses -= 1,
            Choice::Interrupt(_) => state.interruptions -= 1,
            Choice::Arrive(_) | Choice::Work(_) | Choice::Step | Choice::Mend(_) => {}
        }
        Self::take(&mut state, choice);
        Some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.world.now < Instant::from_micros(0) + INTERVAL * (SETTLED + self.bounds.intervals)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SAFE, |_, state: &State| state.world.broken.is_none()),
            Property::sometimes("another node takes over", |_, state: &State| {
                state.world.nodes[1].router.role() == Role::Master
                    && state.world.nodes[1].kernel.active()
            }),
        ]
    }
}

/// Follows every history; returns the number of situations.
fn check(small: Small) -> usize {
    let named = format!(
        "{:?}, preempt {}, {:?}",
        small.setup.priorities, small.setup.preempt, small.bounds
    );
    let begun = std::time::Instant::now();
    let checker = small.checker().threads(2).spawn_bfs().join();
    println!("{named}: {} situations, {:.1?}", checker.unique_state_count(), begun.elapsed());
    checker.assert_properties();
    assert!(checker.is_done(), "every history was followed");
    checker.unique_state_count()
}

#[test]
fn every_history_of_a_pair_keeps_the_rules() {
    let bounds = Bounds { losses: 2, late: true, interruptions: 1, intervals: 7 };
    for (priorities, preempt) in
        [([192, 128], true), ([192, 128], false), ([192, 192], true), ([255, 128], true)]
    {
        check(Small::new(&priorities, preempt, Mutant::None, bounds));
    }
    let twice = Bounds { losses: 0, late: false, interruptions: 2, intervals: 7 };
    check(Small::new(&[192, 128], true, Mutant::None, twice));
}

#[test]
fn every_history_of_three_nodes_keeps_the_rules() {
    let bounds = Bounds { losses: 2, late: false, interruptions: 1, intervals: 6 };
    for preempt in [true, false] {
        check(Small::new(&[192, 128, 64], preempt, Mutant::None, bounds));
    }
}

/// The mutants that need neither a forged frame nor an agent that dies between two outputs; the
/// seeds cover those.
#[test]
fn mutants_are_found_in_every_order() {
    let bounds = Bounds { losses: 0, late: true, interruptions: 1, intervals: 7 };
    for mutant in [
        Mutant::LeaseTooLong,
        Mutant::FenceIgnored,
        Mutant::TimerFirst,
        Mutant::SkewToInteger,
        Mutant::ActsAfterLinkDown,
        Mutant::AnnounceFirst,
    ] {
        let checker = Small::new(&[192, 128], true, mutant, bounds).checker().spawn_bfs().join();
        let path = checker
            .discovery(SAFE)
            .unwrap_or_else(|| panic!("{mutant:?} keeps the rules in every history"));
        let choices = path.clone().into_actions().len();
        println!(
            "{mutant:?}: {} after {choices} choices",
            path.last_state().world.broken.as_deref().unwrap_or_default()
        );
    }
}
