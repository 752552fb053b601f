//! Judges the group and not one node: the safety of the lease and the fence, and the rules of the
//! election.
//!
//! Every message begins with the property that was broken:
//!
//! - S1 two nodes active on whole links; S2 two nodes active long after the links were repaired;
//! - S3 a master reads a better advert and stays master; S4 a takeover before its time; S5 a
//!   discarded packet moves a timer;
//! - S6 a role with the wrong timer; S7 announcing or active in a role that is not; S8 a wrong
//!   interval is learned;
//! - L1 no node is active, or more than one; L2 the master is not the best; L3 roles change without
//!   a cause.
//!
//! S9 (one reason for each discarded packet) is the kernel program's, and the packet rows test it.
//! L4 and L5 have scenarios in `election_sim.rs`.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_election::{Heard, Role, VirtualRouter, timing};
use vrrp_model::Version;
use vrrp_model::time::Instant;

use super::network::Network;
use super::node::{Life, Node};
use super::stats::Stats;
use super::{Mutant, Setup};

#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Referee {
    nodes: usize,
    flight: Duration,
    jitter: Duration,
    interval: Duration,
    /// Since when both nodes of a pair have been active, as `a * nodes + b` with a < b.
    both_since: Vec<Option<Instant>>,
    /// Last delivery of each node's release to any node.
    release_seen: Vec<Option<Instant>>,
    /// Before this time, by its own clock, a node has no reason to take over (S4).
    bound_until: Vec<Instant>,
    /// From this time on a node must be active (L1): the last fault, and the end of what was in
    /// flight then.
    healed: Option<Instant>,
    inactive_since: Option<Instant>,
}

impl Referee {
    pub fn new(setup: &Setup) -> Self {
        let nodes = setup.priorities.len();
        Self {
            nodes,
            flight: setup.flight,
            jitter: setup.jitter,
            interval: setup.interval,
            both_since: vec![None; nodes * nodes],
            release_seen: vec![None; nodes],
            bound_until: vec![Instant::from_micros(0); nodes],
            healed: None,
            inactive_since: None,
        }
    }

    /// Records the end of the last fault. Adverts sent before it may arrive for two intervals more.
    pub fn heal(&mut self, now: Instant) {
        self.healed = Some(now + self.interval * 2 + self.flight);
    }

    /// L1: after the faults have ended, a time without an active node is at most the slowest
    /// backup's wait.
    fn check_without_active(
        &mut self,
        now: Instant,
        nodes: &[Node],
        stats: &mut Stats,
    ) -> Result<(), String> {
        let since = *self.inactive_since.get_or_insert(now);
        if nodes.iter().any(|node| node.kernel.active()) {
            self.inactive_since = None;
        }
        let Some(healed) = self.healed else { return Ok(()) };
        let lasted = now.saturating_since(since.max(healed));
        // The last term allows for a slow clock.
        let bound = self.interval * 4 + self.flight * 2 + self.jitter * 2 + self.interval / 1_000;
        stats.without_active.note(lasted, bound);
        if lasted > bound {
            return Err(format!("L1: no node active since {}", micros(since)));
        }
        Ok(())
    }

    /// S1 and S2: no two connected nodes are active for longer than the protocol allows.
    ///
    /// # Errors
    /// The violation.
    pub fn check_actors(
        &mut self,
        now: Instant,
        nodes: &[Node],
        network: &Network,
        stats: &mut Stats,
    ) -> Result<(), String> {
        self.check_without_active(now, nodes, stats)?;
        for a in 0..self.nodes {
            for b in a + 1..self.nodes {
                let pair = a * self.nodes + b;
                if !(nodes[a].kernel.active() && nodes[b].kernel.active()) {
                    self.both_since[pair] = None;
                    continue;
                }
                let since = *self.both_since[pair].get_or_insert(now);
                let Some(whole) = network.whole_since(a, b) else { continue };
                self.check_takeover(now, since, whole, (a, b), stats)
                    .map_err(|why| format!("{why}: nodes {a} and {b}"))?;
                self.check_healed(now, since.max(whole), &nodes[a], &nodes[b])
                    .map_err(|why| format!("{why}: nodes {a} and {b}"))?;
            }
        }
        Ok(())
    }

    /// If two nodes had received all of each other's adverts for longer than any down interval,
    /// whatever their agents did, the first advert that arrives decides. Two adverts that cross,
    /// one of them from an agent that wakes up, need two flights.
    ///
    /// A release by a third node is the exception: it starts an election although the lease of a
    /// frozen master is valid.
    fn check_takeover(
        &self,
        now: Instant,
        since: Instant,
        whole: Instant,
        pair: (usize, usize),
        stats: &mut Stats,
    ) -> Result<(), String> {
        let history = self.interval * 5;
        let third = (0..self.nodes).filter(|&node| node != pair.0 && node != pair.1);
        let disturbed =
            third.filter_map(|node| self.release_seen[node]).any(|seen| seen + history >= since);
        if whole + history > since || disturbed {
            return Ok(());
        }
        stats.two.note(now.saturating_since(since), self.flight * 2);
        if now > since + self.flight * 2 {
            return Err(format!(
                "S1: two actors beyond the flight of an advert, since {}",
                micros(since)
            ));
        }
        Ok(())
    }

    /// After a partition, one running agent is enough: its next advert, or the end of the other's
    /// lease, decides.
    fn check_healed(&self, now: Instant, since: Instant, a: &Node, b: &Node) -> Result<(), String> {
        let running = [a, b]
            .into_iter()
            .filter(|node| node.life == Life::Running)
            .map(|node| node.running_since)
            .min();
        let Some(running) = running else { return Ok(()) };
        let since = since.max(running);
        // A node that is releasing runs, but sends no advert while it waits.
        let releasing = timing::release_bound(self.interval);
        if now > since + self.interval * 5 + releasing + self.flight * 2 + self.jitter * 2 {
            return Err(format!(
                "S2: two actors long after the links were whole, since {}",
                micros(since)
            ));
        }
        Ok(())
    }

    /// Records an advert that a kernel accepted.
    pub fn accepted(&mut self, now: Instant, heard: &Heard, nodes: &[Node]) {
        if heard.priority == 0
            && let Some(from) = nodes.iter().position(|node| node.source == heard.source)
        {
            self.release_seen[from] = Some(now);
        }
    }

    /// For S4: how long a backup that has received `heard` must wait.
    pub fn heard_as_backup(&mut self, node: usize, heard: &Heard, router: &VirtualRouter) {
        let priority = router.priority();
        let skew = match router.settings().version {
            Version::V2 => Duration::from_secs(1),
            Version::V3 => self.interval,
        } * (256 - u32::from(priority))
            / 256;
        // One microsecond for the remainder of the integer division.
        let skew = skew.saturating_sub(Duration::from_micros(1));
        if heard.priority == 0 {
            self.bound_until[node] = heard.at + skew;
        } else if heard.priority >= priority {
            self.bound_until[node] = heard.at + self.interval * 3 + skew;
        }
    }

    /// The priority changed, or a release of this node ended: the earlier skew no longer applies.
    pub fn unbind(&mut self, node: usize) {
        self.bound_until[node] = Instant::from_micros(0);
    }

    /// S4: no node takes over before its time.
    ///
    /// # Errors
    /// The violation.
    pub fn check_timer(&self, now: Instant, node: usize) -> Result<(), String> {
        if now < self.bound_until[node] {
            return Err(format!(
                "S4: node {node} took over before {}",
                micros(self.bound_until[node])
            ));
        }
        Ok(())
    }

    /// S3: a node that has processed an advert of a better master is not master.
    ///
    /// # Errors
    /// The violation.
    pub fn check_yield(&self, heard: &Heard, node: &Node) -> Result<(), String> {
        let other = (heard.priority, heard.source);
        if node.router.role() == Role::Master
            && other > (node.router.priority(), IpAddr::V4(node.source))
        {
            return Err(format!(
                "S3: {} stays master before {} of priority {}",
                node.source, heard.source, heard.priority
            ));
        }
        Ok(())
    }

    /// S6, S8 (all nodes announce one interval), and that the kernel of a running agent is active
    /// only in a role that is active.
    ///
    /// # Errors
    /// The violation.
    pub fn check_node(&self, node: &Node) -> Result<(), String> {
        let role = node.router.role();
        let (timed, acts) = match role {
            Role::Init | Role::Fault => (false, false),
            Role::Backup => (true, false),
            Role::Master | Role::Releasing => (true, true),
        };
        if node.router.next_deadline().is_some() != timed {
            return Err(format!("S6: {} is {} with the wrong timer", node.source, role.name()));
        }
        if node.router.learned_interval() != self.interval {
            return Err(format!(
                "S8: {} has learned {:?}",
                node.source,
                node.router.learned_interval()
            ));
        }
        if node.kernel.active() && !acts {
            return Err(format!("S7: {} is {} and its kernel is active", node.source, role.name()));
        }
        Ok(())
    }

    /// S5: a discarded packet moves neither the role nor the timer.
    ///
    /// # Errors
    /// The violation.
    pub fn check_stutter(
        &self,
        before: (Role, Option<Instant>),
        node: &Node,
        mutant: Mutant,
    ) -> Result<(), String> {
        if before != (node.router.role(), node.deadline(mutant)) {
            return Err(format!("S5: a discarded packet moves the timer of {}", node.source));
        }
        Ok(())
    }

    /// S7: only an active node announces.
    ///
    /// # Errors
    /// The violation.
    pub fn check_announcement(&self, node: &Node) -> Result<(), String> {
        if node.kernel.mastership == 0 {
            return Err(format!("S7: {} announces itself and is not active", node.source));
        }
        Ok(())
    }

    /// L1 and L2: one master, the right one, and no recent change.
    ///
    /// # Errors
    /// The violation.
    pub fn check_healed_group(
        &self,
        setup: &Setup,
        nodes: &[Node],
        last_change: Instant,
        now: Instant,
    ) -> Result<(), String> {
        let masters: Vec<usize> =
            (0..self.nodes).filter(|&node| nodes[node].router.role() == Role::Master).collect();
        let actors: Vec<usize> =
            (0..self.nodes).filter(|&node| nodes[node].kernel.active()).collect();
        if masters.len() != 1 || masters != actors {
            return Err(format!("L1: after healing, masters {masters:?}, actors {actors:?}"));
        }
        let best = setup.priorities.iter().max();
        if (setup.preempt || best == Some(&255)) && Some(&setup.priorities[masters[0]]) != best {
            return Err(format!(
                "L2: after healing, master {} is not of the highest priority",
                masters[0]
            ));
        }
        if last_change + self.interval * 3 > now {
            return Err(format!(
                "L3: after healing, a role still changed at {}",
                micros(last_change)
            ));
        }
        Ok(())
    }
}

/// A time in milliseconds, for the trace.
pub fn micros(at: Instant) -> String {
    format!("{}.{:03} ms", at.as_micros() / 1_000, at.as_micros() % 1_000)
}
