//! The faults of a run, and their times.

use std::time::Duration;

use vrrp_model::time::Instant;

use super::Setup;
use super::node::Want;
use super::rng::Rng;

/// Something that happens to the group. Links are directed: (from, to).
#[derive(Debug, Clone, Copy, PartialEq, Hash, Eq, PartialOrd, Ord)]
pub enum Action {
    Cut {
        from: usize,
        to: usize,
    },
    Mend {
        from: usize,
        to: usize,
    },
    /// All links: loss, corruption and duplication in thousandths, and the greatest extra delay.
    Trouble {
        loss: u64,
        corruption: u64,
        duplication: u64,
        extra: Duration,
    },
    Pause(usize),
    Resume(usize),
    /// Killed, at once or after this many more outputs.
    Crash(usize, Option<u32>),
    /// The whole machine goes down, and its kernel loses its state.
    PowerOff(usize),
    Restart(usize),
    Want(usize, Want),
    /// The tracking changes the effective priority.
    Priority(usize, u8),
    /// An order to a node: standby, or the end of it.
    Standby(usize),
    EndStandby(usize),
    /// This many invalid adverts reach a node.
    Forge(usize, u32),
    /// All faults end.
    Heal,
}

/// Length of the chaos phase.
pub fn chaos(setup: &Setup) -> Duration {
    setup.interval * 40
}

/// Length of the healing phase: two longest down intervals in which the best node preempts, the
/// delays, and three quiet down intervals.
pub fn healing(setup: &Setup) -> Duration {
    setup.interval * 14 + setup.preempt_delay * 2
}

/// The actions of a seed, in no particular order.
pub fn random(setup: &Setup, rng: &mut Rng) -> Vec<(Instant, Action)> {
    let mut plan = vec![];
    // Without faults of the links the strictest check applies, so half of the seeds leave the links
    // whole.
    let whole_links = rng.chance(500);
    for _ in 0..rng.range(1, 8) {
        let begin = Instant::from_micros(0) + rng.duration(Duration::ZERO, chaos(setup));
        let longest = setup.interval * rng.pick(&[1, 4, 12]);
        let end = begin + rng.duration(Duration::ZERO, longest);
        let node = rng.index(setup.priorities.len());
        match rng.range(if whole_links { 3 } else { 0 }, 10) {
            0 => cut(setup, rng, &mut plan, begin, end),
            1 | 2 => trouble(setup, rng, &mut plan, begin, end),
            3 | 4 => {
                plan.push((begin, Action::Pause(node)));
                plan.push((end, Action::Resume(node)));
            }
            5 => {
                let death = match rng.range(0, 3) {
                    0 => Action::PowerOff(node),
                    1 => Action::Crash(node, None),
                    _ => Action::Crash(node, Some(rng.range(0, 4) as u32)),
                };
                plan.push((begin, death));
                plan.push((end, Action::Restart(node)));
            }
            6 | 7 => {
                let want = rng.pick(&[Want::Fault, Want::Stopped, Want::LinkDown]);
                plan.push((begin, Action::Want(node, want)));
                plan.push((end, Action::Want(node, Want::Run)));
            }
            8 => {
                if setup.priorities[node] != 255 {
                    plan.push((begin, Action::Priority(node, rng.range(1, 254) as u8)));
                    plan.push((end, Action::Priority(node, setup.priorities[node])));
                }
            }
            9 => plan.push((begin, Action::Forge(node, rng.range(1, 5) as u32))),
            _ => standby(rng, &mut plan, node, begin, end),
        }
    }
    plan
}

/// Without the order to end standby a node stays on standby until it is master, or until the
/// healing phase.
fn standby(
    rng: &mut Rng,
    plan: &mut Vec<(Instant, Action)>,
    node: usize,
    begin: Instant,
    end: Instant,
) {
    plan.push((begin, Action::Standby(node)));
    if rng.chance(500) {
        plan.push((end, Action::EndStandby(node)));
    }
}

/// Affected links: one direction, both, or a node from all others.
fn cut(
    setup: &Setup,
    rng: &mut Rng,
    plan: &mut Vec<(Instant, Action)>,
    begin: Instant,
    end: Instant,
) {
    let nodes = setup.priorities.len();
    let from = rng.index(nodes);
    let to = (from + 1 + rng.index(nodes - 1)) % nodes;
    let links: Vec<(usize, usize)> = match rng.range(0, 2) {
        0 => vec![(from, to)],
        1 => vec![(from, to), (to, from)],
        _ => (0..nodes)
            .filter(|&other| other != from)
            .flat_map(|other| [(from, other), (other, from)])
            .collect(),
    };
    for (from, to) in links {
        plan.push((begin, Action::Cut { from, to }));
        plan.push((end, Action::Mend { from, to }));
    }
}

fn trouble(
    setup: &Setup,
    rng: &mut Rng,
    plan: &mut Vec<(Instant, Action)>,
    begin: Instant,
    end: Instant,
) {
    let extra = rng.pick(&[Duration::ZERO, setup.interval / 10, setup.interval * 2]);
    let trouble = Action::Trouble {
        loss: rng.pick(&[0, 50, 300, 900]),
        corruption: rng.pick(&[0, 100]),
        duplication: rng.pick(&[0, 200]),
        extra,
    };
    plan.push((begin, trouble));
    plan.push((
        end,
        Action::Trouble { loss: 0, corruption: 0, duplication: 0, extra: Duration::ZERO },
    ));
}
