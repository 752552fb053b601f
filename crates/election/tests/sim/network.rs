//! Directed links between all nodes, and their faults.

use std::time::Duration;

use vrrp_model::time::Instant;

use super::rng::Rng;

/// Faults of one directed link. Probabilities are in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Hash)]
pub struct Link {
    /// Number of causes that cut it.
    pub cuts: u32,
    pub loss: u64,
    pub corruption: u64,
    pub duplication: u64,
    /// Greatest extra delay; it also reorders.
    pub extra: Duration,
    /// The last time at which the link had a fault.
    disturbed: Instant,
}

#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    pub at: Instant,
    pub corrupted: bool,
}

#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Network {
    nodes: usize,
    links: Vec<Link>,
    /// The longest flight on a whole link.
    flight: Duration,
}

impl Network {
    pub fn new(nodes: usize, flight: Duration) -> Self {
        Self { nodes, links: vec![Link::default(); nodes * nodes], flight }
    }

    /// Changes a link; the change itself counts as a fault.
    pub fn change(&mut self, now: Instant, from: usize, to: usize, change: impl FnOnce(&mut Link)) {
        let link = &mut self.links[from * self.nodes + to];
        link.disturbed = link.disturbed.max(now);
        change(link);
    }

    /// Ends all faults.
    pub fn heal(&mut self, now: Instant) {
        for link in &mut self.links {
            *link = Link { disturbed: link.disturbed.max(now), ..Link::default() };
        }
    }

    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.links[from * self.nodes + to].cuts > 0
    }

    /// Arrival times of the copies of a frame sent now; none if it is lost.
    pub fn send(&mut self, now: Instant, from: usize, to: usize, rng: &mut Rng) -> Vec<Delivery> {
        let flight = self.flight;
        let link = &mut self.links[from * self.nodes + to];
        if link.cuts > 0 || rng.chance(link.loss) {
            link.disturbed = link.disturbed.max(now);
            return vec![];
        }
        let copies = if rng.chance(link.duplication) { 2 } else { 1 };
        let mut deliveries = vec![];
        for _ in 0..copies {
            let late = rng.duration(Duration::ZERO, link.extra);
            let at = now + rng.duration(flight / 4, flight) + late;
            let corrupted = rng.chance(link.corruption);
            if corrupted || !late.is_zero() {
                link.disturbed = link.disturbed.max(at);
            }
            deliveries.push(Delivery { at, corrupted });
        }
        deliveries
    }

    /// Since when two nodes have received all of each other's adverts in time; `None` while they do
    /// not.
    pub fn whole_since(&self, a: usize, b: usize) -> Option<Instant> {
        if self.is_cut(a, b) || self.is_cut(b, a) {
            return None;
        }
        let disturbed = |from: usize, to: usize| self.links[from * self.nodes + to].disturbed;
        Some(disturbed(a, b).max(disturbed(b, a)))
    }
}
