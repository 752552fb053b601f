//! Two nodes with one sync group of several members each, one segment per member. Time is
//! simulated; nothing is random.

use std::collections::BTreeMap;

use super::*;
use crate::group;
use crate::{Reason, Resume};

/// Flight time in one direction, over any segment.
pub const FLIGHT: Duration = Duration::from_micros(200);
pub const INTERVAL: Duration = Duration::from_millis(100);

/// A transition as it happened: time, node, member, role after it, reason.
pub type Event = (Instant, usize, usize, Role, Reason);

pub struct Node {
    address: IpAddr,
    pub members: Vec<VirtualRouter>,
    /// The node is down: its routers are not active and receive nothing.
    pub dead: bool,
}

pub struct Net {
    pub now: Instant,
    pub nodes: Vec<Node>,
    /// Per segment: whether adverts pass.
    pub cut: Vec<bool>,
    /// Adverts under way: arrival, running number, receiving node, segment.
    flying: BTreeMap<(Instant, u64), (usize, usize, Heard)>,
    sent: u64,
    pub log: Vec<Event>,
    /// Since when the node's group has been master on a part of its segments only, and the longest
    /// such time.
    half_since: [Option<Instant>; 2],
    pub longest_half: Duration,
}

impl Net {
    /// Node 1 has the higher address. One priority per node and member.
    pub fn new(priorities: [&[u8]; 2], preempt: bool) -> Self {
        let address = |node: usize| IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10 + node as u8));
        let node = |node: usize| Node {
            address: address(node),
            members: priorities[node].iter().map(|&priority| member(priority, preempt)).collect(),
            dead: false,
        };
        Self {
            now: ms(1),
            nodes: vec![node(0), node(1)],
            cut: vec![false; priorities[0].len()],
            flying: BTreeMap::new(),
            sent: 0,
            log: Vec::new(),
            half_since: [None; 2],
            longest_half: Duration::ZERO,
        }
    }

    pub fn started(priorities: [&[u8]; 2], preempt: bool) -> Self {
        let mut net = Self::new(priorities, preempt);
        net.start(0);
        net.start(1);
        net
    }

    pub fn start(&mut self, node: usize) {
        for member in 0..self.nodes[node].members.len() {
            self.start_member(node, member, None);
        }
    }

    pub fn start_member(&mut self, node: usize, member: usize, resume: Option<Resume>) {
        let source = self.nodes[node].address;
        self.give(node, member, Input::Startup { source, resume });
    }

    pub fn give(&mut self, node: usize, member: usize, input: Input) {
        self.nodes[node].members[member].handle(self.now, input);
        self.settle(node);
    }

    pub fn give_all(&mut self, node: usize, input: Input) {
        for member in 0..self.nodes[node].members.len() {
            self.give(node, member, input);
        }
    }

    /// Applies an input to a whole group, as the election thread does.
    pub fn give_together(&mut self, node: usize, input: Input) {
        for member in &mut self.nodes[node].members {
            member.handle(self.now, input);
        }
        self.settle(node);
    }

    /// The agent of `node` dies without a release and a new one starts: its masterships go on.
    pub fn restart(&mut self, node: usize) {
        let old = std::mem::take(&mut self.nodes[node].members);
        let new = old.iter().map(|old| member(old.settings().priority, old.settings().preempt));
        self.nodes[node].members = new.collect();
        for (index, old) in old.iter().enumerate() {
            self.start_member(node, index, old.epoch().map(|epoch| Resume { epoch }));
        }
    }

    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(next) = self.next().filter(|&next| next <= end) {
            self.now = next;
            if self.flying.first_key_value().is_some_and(|(&(at, _), _)| at <= next) {
                self.deliver();
            } else {
                self.expire();
            }
        }
        self.now = end;
    }

    fn next(&self) -> Option<Instant> {
        let timers = self.nodes.iter().filter(|node| !node.dead).flat_map(|node| &node.members);
        let timer = timers.filter_map(VirtualRouter::next_deadline).min();
        [timer, self.flying.keys().next().map(|&(at, _)| at)].into_iter().flatten().min()
    }

    fn deliver(&mut self) {
        if let Some((_, (node, segment, heard))) = self.flying.pop_first()
            && !self.nodes[node].dead
        {
            self.give(node, segment, Input::Advert(heard));
        }
    }

    fn expire(&mut self) {
        let now = self.now;
        for node in 0..2 {
            if self.nodes[node].dead {
                continue;
            }
            for member in &mut self.nodes[node].members {
                member.handle_timeout(now);
            }
            self.settle(node);
        }
    }

    fn settle(&mut self, node: usize) {
        let mut members: Vec<&mut VirtualRouter> = self.nodes[node].members.iter_mut().collect();
        group::settle(self.now, &mut members, true);
        for segment in 0..self.nodes[node].members.len() {
            for output in drain(&mut self.nodes[node].members[segment]) {
                match output {
                    Send { priority } => self.send(node, segment, priority),
                    Transition { to, reason, .. } => {
                        self.log.push((self.now, node, segment, to, reason))
                    }
                    _ => {}
                }
            }
        }
        self.measure(node);
    }

    fn send(&mut self, node: usize, segment: usize, priority: u8) {
        if self.cut[segment] {
            return;
        }
        let at = self.now + FLIGHT;
        let heard = Heard { at, source: self.nodes[node].address, priority, interval: INTERVAL };
        self.sent += 1;
        self.flying.insert((at, self.sent), (1 - node, segment, heard));
    }

    fn measure(&mut self, node: usize) {
        let mut roles = self.roles(node);
        // A node that has not started yet is neither.
        roles.retain(|&role| role != Role::Init);
        let active =
            roles.iter().filter(|role| matches!(role, Role::Master | Role::Releasing)).count();
        if (1..roles.len()).contains(&active) {
            assert!(!roles.contains(&Role::Master), "half master: {:?}", self.log);
            self.half_since[node].get_or_insert(self.now);
        } else if let Some(since) = self.half_since[node].take() {
            self.longest_half = self.longest_half.max(self.now.saturating_since(since));
        }
    }

    pub fn roles(&self, node: usize) -> Vec<Role> {
        self.nodes[node].members.iter().map(VirtualRouter::role).collect()
    }

    #[track_caller]
    pub fn expect(&self, node: usize, role: Role) {
        assert!(
            self.roles(node).iter().all(|&is| is == role),
            "node {node}: {:?}, {:?}",
            self.roles(node),
            self.log
        );
    }

    /// Transitions of `node` into `role`, as (time, member, reason).
    pub fn transitions_to(&self, node: usize, role: Role) -> Vec<(Instant, usize, Reason)> {
        let wanted = self.log.iter().filter(|(_, at, _, to, _)| (*at, *to) == (node, role));
        wanted.map(|&(now, _, member, _, reason)| (now, member, reason)).collect()
    }
}

use Output::{Send, Transition};

fn member(priority: u8, preempt: bool) -> VirtualRouter {
    let mut router =
        VirtualRouter::new(Settings { priority, interval: INTERVAL, preempt, ..settings() });
    router.set_grouped(true);
    router
}
