//! Virtual time, the queue of events, and the loop of a run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::Hash;
use std::time::Duration;

use vrrp_election::{Input, Output, Role};
use vrrp_model::Version;
use vrrp_model::time::Instant;

use super::frame;
use super::network::Network;
use super::node::{Life, Node, Want};
use super::plan::{self, Action};
use super::referee::{Referee, micros};
use super::rng::Rng;
use super::stats::Stats;
use super::{Mutant, Setup};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A frame arrives. A frame that is not genuine must change nothing.
    Arrive {
        from: Option<usize>,
        to: usize,
        frame: Vec<u8>,
        genuine: bool,
    },
    /// The agent of a node is scheduled.
    Wake(usize),
    Act(Action),
}

#[derive(Debug, Clone)]
pub struct World {
    pub setup: Setup,
    pub now: Instant,
    pub nodes: Vec<Node>,
    /// History of the sets of active nodes, each with its start.
    pub active: Vec<(Instant, Vec<usize>)>,
    /// The first broken rule ends the run.
    pub broken: Option<String>,
    pub trace: Option<Vec<String>>,
    pub stats: Stats,
    network: Network,
    referee: Referee,
    rng: Rng,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    events: Vec<Option<Event>>,
    last_change: Instant,
    /// The deadline of each agent's timer.
    timers: Vec<Option<Instant>>,
}

impl World {
    pub fn new(setup: Setup, trace: bool) -> Self {
        let count = setup.priorities.len();
        let mut world = Self {
            now: Instant::from_micros(0),
            nodes: (0..count).map(|index| Node::new(&setup, index)).collect(),
            active: vec![],
            broken: None,
            trace: trace.then(Vec::new),
            stats: Stats { seeds: 1, ..Stats::default() },
            network: Network::new(count, setup.flight),
            referee: Referee::new(&setup),
            rng: Rng::new(setup.seed ^ 0x5eed),
            queue: BinaryHeap::new(),
            events: vec![],
            last_change: Instant::from_micros(0),
            timers: vec![None; count],
            setup,
        };
        // Agents start at different times, and not at time zero: epochs are never 0.
        for node in 0..count {
            let start = world.rng.duration(Duration::from_micros(1), world.setup.interval);
            world.schedule(Instant::from_micros(0) + start, Event::Wake(node));
        }
        world
    }

    /// A whole run of a seed: chaos, healing, verdict.
    pub fn run_plan(&mut self) {
        for (at, action) in plan::random(&self.setup, &mut self.rng) {
            self.at(at, action);
        }
        // What would end by itself later ends now.
        let healed = Instant::from_micros(0) + plan::chaos(&self.setup) + Duration::from_micros(1);
        self.at(healed, Action::Heal);
        let end = healed + plan::healing(&self.setup);
        self.run_until(end);
        if self.broken.is_none() {
            let verdict = self.referee.check_healed_group(
                &self.setup,
                &self.nodes,
                self.last_change,
                self.now,
            );
            self.judge(verdict);
        }
    }

    /// Schedules an action.
    pub fn at(&mut self, at: Instant, action: Action) {
        self.schedule(at, Event::Act(action));
    }

    pub fn run_until(&mut self, end: Instant) {
        while self.broken.is_none() {
            let Some(&Reverse((at, index))) = self.queue.peek().filter(|next| next.0.0 <= end)
            else {
                break;
            };
            self.queue.pop();
            self.now = at;
            if let Some(event) = self.events[index as usize].take() {
                self.stats.events += 1;
                self.handle(event);
            }
            self.look();
            self.note_actors();
        }
        if self.broken.is_none() {
            self.now = end;
        }
    }

    /// Handles one event at the present time. Its consequences are returned and not queued: the
    /// caller chooses their order.
    pub fn step(&mut self, event: Event) -> Vec<Event> {
        // The same event in the same situation always has the same consequences.
        self.rng = Rng::new(self.setup.seed);
        self.handle(event);
        self.timers.fill(None);
        self.queue.clear();
        self.look();
        self.events.drain(..).flatten().collect()
    }

    /// Advances time; a node must handle a deadline that this passes.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.look();
    }

    /// A frame is lost.
    pub fn lose(&mut self, from: usize, to: usize) {
        self.network.change(self.now, from, to, |_| {});
    }

    /// Everything that determines the future, except what [`World::step`] returned.
    pub fn situation(&self) -> impl Hash + PartialEq + '_ {
        (self.now, &self.nodes, &self.network, &self.referee, &self.broken)
    }

    /// Whether the agent of a node has work to do.
    pub fn has_work(&self, node: usize) -> bool {
        self.nodes[node].has_work(self.local(node), self.setup.mutant)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Arrive { from, to, frame, genuine } => self.arrive(from, to, &frame, genuine),
            Event::Wake(node) => self.wake(node),
            Event::Act(action) => self.act(action),
        }
    }

    fn arrive(&mut self, from: Option<usize>, to: usize, frame: &[u8], genuine: bool) {
        if from.is_some_and(|from| self.network.is_cut(from, to)) {
            let now = self.now;
            self.network.change(now, from.unwrap_or(to), to, |_| {});
            return;
        }
        let (local, mutant) = (self.local(to), self.setup.mutant);
        let before = (self.nodes[to].router.role(), self.nodes[to].deadline(mutant));
        let Some(heard) = self.nodes[to].receive(local, frame, mutant) else {
            let verdict = self.referee.check_stutter(before, &self.nodes[to], mutant);
            return self.judge(verdict);
        };
        self.stats.adverts += 1;
        if !genuine {
            self.note(|| {
                format!("node {to} believes an invalid advert of priority {}", heard.priority)
            });
        }
        self.referee.accepted(self.now, &heard, &self.nodes);
        if self.nodes[to].router.role() == Role::Backup && self.nodes[to].life != Life::Crashed {
            self.referee.heard_as_backup(to, &heard, &self.nodes[to].router);
        }
        let noticed = self.now + self.rng.duration(Duration::ZERO, self.setup.jitter);
        self.schedule(noticed, Event::Wake(to));
    }

    /// One turn of an agent's loop: everything that waits, then the timer.
    fn wake(&mut self, node: usize) {
        if self.nodes[node].life != Life::Running {
            return;
        }
        for input in self.nodes[node].inputs(self.setup.mutant) {
            self.give(node, input);
        }
        if self.nodes[node]
            .deadline(self.setup.mutant)
            .is_some_and(|deadline| deadline <= self.local(node))
        {
            self.timers[node] = None;
        }
        self.turn(node, None);
        // Only a mutant reads the rest of the socket's queue now.
        for input in self.nodes[node].read_socket() {
            self.give(node, input);
        }
        if self.nodes[node].life == Life::Running {
            let verdict = self.referee.check_node(&self.nodes[node]);
            self.judge(verdict);
            if let Some(deadline) = self.nodes[node]
                .deadline(self.setup.mutant)
                .filter(|&at| self.timers[node] != Some(at))
            {
                self.timers[node] = Some(deadline);
                let late = self.rng.duration(Duration::ZERO, self.setup.jitter);
                self.schedule(
                    self.setup.clocks[node].world(deadline).max(self.now) + late,
                    Event::Wake(node),
                );
            }
        }
    }

    fn give(&mut self, node: usize, input: Input) {
        if let Input::Priority(_) = input {
            self.referee.unbind(node);
        }
        self.turn(node, Some(input));
        if let Input::Advert(heard) = input
            && self.nodes[node].life == Life::Running
        {
            let verdict = self.referee.check_yield(&heard, &self.nodes[node]);
            self.judge(verdict);
        }
    }

    /// Gives one input, or the timer, and applies the outputs. A dying agent stops between two
    /// outputs.
    fn turn(&mut self, node: usize, input: Option<Input>) {
        if self.nodes[node].life != Life::Running {
            return;
        }
        let (now, mutant) = (self.local(node), self.setup.mutant);
        match input {
            Some(input) => self.nodes[node].router.handle(now, mutant.misread_input(input)),
            None => self.nodes[node].handle_timeout(now, mutant),
        }
        let mut outputs: Vec<Output> =
            std::iter::from_fn(|| self.nodes[node].router.poll()).collect();
        if mutant == Mutant::AnnounceFirst {
            outputs.sort_by_key(|output| *output != Output::Announce);
        }
        for output in outputs {
            if self.nodes[node].crash_after == Some(0) {
                return self.crash(node);
            }
            self.carry_out(node, output);
            let left = &mut self.nodes[node].crash_after;
            *left = left.map(|left| left - 1);
        }
    }

    fn carry_out(&mut self, node: usize, output: Output) {
        if output != Output::Announce && output != Output::Reannounce {
            self.note(|| format!("node {node}: {output:?}"));
        }
        self.nodes[node].apply(output, &self.setup);
        match output {
            Output::Send { priority } => self.broadcast(node, priority),
            Output::Transition { from, to, .. } => {
                self.last_change = self.now;
                if from == Role::Backup && to == Role::Master {
                    self.stats.takeovers += 1;
                    let verdict = self.referee.check_timer(self.local(node), node);
                    self.judge(verdict);
                }
                if to != Role::Backup {
                    self.referee.unbind(node);
                }
            }
            Output::Announce | Output::Reannounce => {
                let verdict = self.referee.check_announcement(&self.nodes[node]);
                self.judge(verdict);
            }
            Output::Lease { .. } | Output::Lapse | Output::Mastership(_) => {}
        }
    }

    fn broadcast(&mut self, from: usize, priority: u8) {
        let (version, interval) = (self.setup.version, self.setup.interval);
        let mut frame =
            frame::encode(version, frame::VRID, self.nodes[from].source, priority, interval);
        if version == Version::V3 && self.rng.chance(50) {
            frame::set_reserved(&mut frame, self.rng.range(1, 15) as u8);
        }
        for to in (0..self.nodes.len()).filter(|&to| to != from) {
            for delivery in self.network.send(self.now, from, to, &mut self.rng) {
                let mut frame = frame.clone();
                if delivery.corrupted {
                    frame::corrupt(&mut frame, &mut self.rng);
                }
                let genuine = !delivery.corrupted;
                self.schedule(delivery.at, Event::Arrive { from: Some(from), to, frame, genuine });
            }
        }
    }

    fn act(&mut self, action: Action) {
        self.note(|| format!("--- {action:?}"));
        let now = self.now;
        match action {
            Action::Cut { from, to } => self.network.change(now, from, to, |link| link.cuts += 1),
            Action::Mend { from, to } => {
                self.network.change(now, from, to, |link| link.cuts = link.cuts.saturating_sub(1))
            }
            Action::Trouble { loss, corruption, duplication, extra } => {
                self.trouble(loss, corruption, duplication, extra)
            }
            Action::Pause(node) => {
                if self.nodes[node].life == Life::Running {
                    self.nodes[node].life = Life::Paused;
                }
            }
            Action::Resume(node) => self.resume(node),
            Action::Crash(node, None) => self.crash(node),
            Action::PowerOff(node) => {
                self.crash(node);
                self.nodes[node].kernel.forget();
            }
            Action::Crash(node, after) => self.nodes[node].crash_after = after,
            Action::Restart(node) => self.restart(node),
            Action::Want(node, want) => self.want(node, want),
            Action::Priority(node, priority) => {
                self.nodes[node].priority = priority;
                self.schedule(now, Event::Wake(node));
            }
            Action::Standby(node) => self.ask_standby(node, true),
            Action::EndStandby(node) => self.ask_standby(node, false),
            Action::Forge(to, count) => {
                for _ in 0..count {
                    let frame =
                        frame::forge(self.setup.version, self.setup.interval, &mut self.rng);
                    self.schedule(now, Event::Arrive { from: None, to, frame, genuine: false });
                }
            }
            Action::Heal => self.heal(),
        }
    }

    fn ask_standby(&mut self, node: usize, standby: bool) {
        // A dead agent obeys no order.
        if self.nodes[node].life != Life::Crashed {
            self.nodes[node].asked_standby = Some(standby);
            self.schedule(self.now, Event::Wake(node));
        }
    }

    fn trouble(&mut self, loss: u64, corruption: u64, duplication: u64, extra: Duration) {
        for from in 0..self.nodes.len() {
            for to in (0..self.nodes.len()).filter(|&to| to != from) {
                self.network.change(self.now, from, to, |link| {
                    (link.loss, link.corruption, link.duplication, link.extra) =
                        (loss, corruption, duplication, extra);
                });
            }
        }
    }

    fn resume(&mut self, node: usize) {
        if self.nodes[node].life == Life::Paused {
            self.nodes[node].life = Life::Running;
            self.nodes[node].running_since = self.now;
            self.schedule(self.now, Event::Wake(node));
        }
    }

    fn crash(&mut self, node: usize) {
        self.note(|| format!("--- node {node} dies"));
        self.nodes[node].life = Life::Crashed;
        self.nodes[node].crash_after = None;
        self.referee.unbind(node);
    }

    fn restart(&mut self, node: usize) {
        self.nodes[node].crash_after = None;
        if self.nodes[node].life == Life::Crashed {
            self.nodes[node].restart();
            self.nodes[node].running_since = self.now;
            self.schedule(self.now, Event::Wake(node));
        }
    }

    /// A link that is down is cut in all directions.
    fn want(&mut self, node: usize, want: Want) {
        let (before, after) = (self.nodes[node].want == Want::LinkDown, want == Want::LinkDown);
        self.nodes[node].want = want;
        for other in (0..self.nodes.len()).filter(|&other| other != node && before != after) {
            for (from, to) in [(node, other), (other, node)] {
                self.network.change(self.now, from, to, |link| {
                    link.cuts = if after { link.cuts + 1 } else { link.cuts.saturating_sub(1) };
                });
            }
        }
        self.schedule(self.now, Event::Wake(node));
    }

    fn heal(&mut self) {
        for node in 0..self.nodes.len() {
            self.want(node, Want::Run);
            self.nodes[node].priority = self.setup.priorities[node];
            self.resume(node);
            self.restart(node);
            self.ask_standby(node, false);
        }
        self.network.heal(self.now);
        self.referee.heal(self.now);
    }

    /// The present time by the clock of a node.
    fn local(&self, node: usize) -> Instant {
        self.setup.clocks[node].local(self.now)
    }

    fn schedule(&mut self, at: Instant, event: Event) {
        self.queue.push(Reverse((at, self.events.len() as u64)));
        self.events.push(Some(event));
    }

    /// Has the referee check which nodes are active.
    fn look(&mut self) {
        let verdict =
            self.referee.check_actors(self.now, &self.nodes, &self.network, &mut self.stats);
        self.judge(verdict);
    }

    fn judge(&mut self, verdict: Result<(), String>) {
        if let Err(why) = verdict {
            self.note(|| format!("BROKEN: {why}"));
            self.broken.get_or_insert(why);
        }
    }

    fn note_actors(&mut self) {
        let actors: Vec<usize> =
            (0..self.nodes.len()).filter(|&node| self.nodes[node].kernel.active()).collect();
        if self.active.last().is_none_or(|(_, last)| *last != actors) {
            self.note(|| format!("    active: {actors:?}"));
            self.active.push((self.now, actors));
        }
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>16}  {}", micros(self.now), line()));
        }
    }
}
