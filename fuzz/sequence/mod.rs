//! Bytes as a sequence of inputs to one election, or to a sync group of up to three members: any
//! input in any state, at any time.
//!
//! The fuzz target `machine` and the test `machine_sequences` share it. After each step the outputs
//! must follow the order that [`vrrp_election`] documents, and must agree with the state that the
//! machine reports.
//!
//! Two inputs are limited. Intervals are those that a configuration may have: with an interval of
//! zero there is no timer to wait for. Time ends before its nanoseconds overflow the kernel's
//! words.

mod input;
mod member;

use std::time::Duration;

use vrrp_election::{Input, Role, VirtualRouter, group};
use vrrp_model::time::Instant;

use input::{Bytes, KINDS, OWN};
use member::Member;

const INSTANT: Duration = Duration::from_micros(1);
const CENTISECOND: Duration = Duration::from_millis(10);
const SECOND: Duration = Duration::from_secs(1);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
/// 285 years.
const END: Instant = Instant::from_micros(1 << 53);

/// Statistics of a sequence.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    pub steps: u64,
    /// By role, in the order of [`Role::ALL`]: the number of inputs of each kind.
    pub inputs: [[u64; KINDS]; Role::ALL.len()],
}

/// Runs a whole sequence. A broken rule panics, after the steps so far are printed.
pub fn play(bytes: &[u8]) -> Seen {
    let mut life = Life::begin(Bytes(bytes));
    while !life.bytes.0.is_empty() {
        life.step();
    }
    life.seen
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Advance(Instant),
    /// A turn of the agent's loop: all timers, then the group.
    Turn {
        complete: bool,
    },
    Give {
        member: usize,
        input: Input,
        complete: bool,
    },
    Regroup {
        member: usize,
        grouped: bool,
    },
}

struct Life<'a> {
    bytes: Bytes<'a>,
    now: Instant,
    members: Vec<Member>,
    steps: Vec<Step>,
    seen: Seen,
}

impl Drop for Life<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for member in &self.members {
                eprintln!("{:?}", member.begun);
            }
            for step in &self.steps {
                eprintln!("{step:?}");
            }
        }
    }
}

impl<'a> Life<'a> {
    fn begin(mut bytes: Bytes<'a>) -> Self {
        let now = bytes.pick(&[
            Instant::default(),
            Instant::from_micros(1),
            Instant::default() + SECOND,
            Instant::default() + YEAR,
        ]);
        let count = bytes.pick(&[1, 1, 2, 3]);
        let (grouped, started) = (bytes.next(), bytes.next());
        // Most groups are complete.
        let in_group = |member: usize| grouped & 0x80 != 0 || grouped & (1 << member) != 0;
        let members =
            (0..count).map(|member| Member::new(bytes.settings(), in_group(member))).collect();
        let mut life = Self { bytes, now, members, steps: Vec::new(), seen: Seen::default() };
        for member in (0..count).filter(|member| started & (1 << member) != 0) {
            life.take(Step::Give {
                member,
                input: Input::Startup { source: OWN, resume: None },
                complete: true,
            });
        }
        life
    }

    fn step(&mut self) {
        let (kind, member) =
            (self.bytes.next(), usize::from(self.bytes.next()) % self.members.len());
        // Except for a member that is not known yet.
        let complete = kind < 0xe0;
        let step = match kind % 16 {
            0..=3 => Step::Advance(self.later(member)),
            4..=7 => Step::Turn { complete },
            8 => Step::Regroup { member, grouped: complete },
            _ => Step::Give {
                member,
                input: self.bytes.input(self.now, self.members[member].router.priority()),
                complete,
            },
        };
        self.take(step);
    }

    /// The next time, chosen near the deadlines.
    fn later(&mut self, member: usize) -> Instant {
        let deadline = self.members[member].router.next_deadline().unwrap_or(self.now);
        let next = self
            .members
            .iter()
            .filter_map(|member| member.router.next_deadline())
            .min()
            .unwrap_or(self.now);
        let interval = self.members[member].router.settings().interval;
        let at = self.bytes.pick(&[
            self.now,
            self.now + INSTANT,
            self.now + CENTISECOND,
            self.now + interval,
            self.now + YEAR,
            next - INSTANT,
            next,
            next,
            next + INSTANT,
            deadline,
            deadline + interval,
            deadline + YEAR,
        ]);
        at.clamp(self.now, END)
    }

    fn take(&mut self, step: Step) {
        self.steps.push(step);
        self.seen.steps += 1;
        match step {
            Step::Advance(at) => self.now = at,
            Step::Turn { complete } => self.turn(complete),
            Step::Give { member, input, complete } => {
                let router = &mut self.members[member].router;
                self.seen.inputs[router.role() as usize][input::kind(&input)] += 1;
                router.handle(self.now, input);
                self.settle(complete);
            }
            Step::Regroup { member, grouped } => {
                let member = &mut self.members[member];
                member.grouped = grouped;
                member.router.set_grouped(grouped);
                if !grouped {
                    group::settle(self.now, &mut [&mut member.router], true);
                }
                self.settle(true);
            }
        }
        for member in &mut self.members {
            member.check(self.now);
        }
    }

    fn turn(&mut self, complete: bool) {
        for member in &mut self.members {
            member.router.handle_timeout(self.now);
        }
        self.settle(complete);
        for member in &self.members {
            let deadline = member.router.next_deadline();
            assert!(
                deadline.is_none_or(|deadline| deadline > self.now),
                "what was due is due again: {:?}",
                member.router
            );
        }
    }

    fn settle(&mut self, complete: bool) {
        let grouped = self.members.iter_mut().filter(|member| member.grouped);
        let mut routers: Vec<&mut VirtualRouter> =
            grouped.map(|member| &mut member.router).collect();
        group::settle(self.now, &mut routers, complete);
        let is = |role| routers.iter().any(|router| router.role() == role);
        assert!(
            !is(Role::Master) || !is(Role::Backup),
            "masters together or not at all: {routers:?}"
        );
    }
}
