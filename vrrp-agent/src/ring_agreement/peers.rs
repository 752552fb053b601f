//! Which datagrams of other nodes count, and what is answered. Pure.
//!
//! A node is known if a master's adverts come from its address, if it is a configured peer, or if
//! it signs with one of our keys. Only answers of known nodes are stored, and only for services
//! that this node has. An answer names only services from its query, so it is never longer than the
//! query: a forged source address gains an attacker no amplification. Unknown nodes get few answers
//! a second.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::seal::Seal;
use super::{Named, Own, Ring};
use vrrp_election::auth::sequence::UnixTime;
use vrrp_steering::ring_agreement::Message;

/// Answers to unknown nodes per second.
const TO_STRANGERS: u32 = 20;

/// The result of a datagram.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Rings of a known node.
    pub rings: Vec<Ring>,
    pub answer: Option<Vec<u8>>,
}

pub struct Peers {
    own: BTreeMap<Named, Ring>,
    masters: Vec<SocketAddr>,
    known: BTreeSet<IpAddr>,
    seal: Seal,
    /// The present second, and the number of unknown nodes answered in it.
    strangers: (u64, u32),
}

impl Peers {
    /// `number`: different from that of every other agent.
    pub fn new(number: u64) -> Self {
        let (own, masters, known) = Default::default();
        Self { own, masters, known, seal: Seal::new(number), strangers: (0, 0) }
    }

    pub fn configure(&mut self, own: &Own) {
        self.own = own.rings.iter().map(|ring| (ring.named(), *ring)).collect();
        self.masters.clone_from(&own.masters);
        self.known =
            own.masters.iter().map(SocketAddr::ip).chain(own.peers.iter().copied()).collect();
        self.seal.configure(&own.keys);
    }

    /// The queries to send now, and their destinations.
    pub fn questions(&mut self, now: UnixTime) -> Vec<(SocketAddr, Vec<u8>)> {
        let rings: Vec<Ring> = self.own.values().copied().collect();
        let (masters, seal) = (&self.masters, &mut self.seal);
        let questions =
            Message::of(&rings, true).into_iter().filter(|question| !question.rings.is_empty());
        questions
            .flat_map(|question| {
                let bytes = seal.sign(now, question.to_bytes());
                masters.iter().map(move |master| (*master, bytes.clone()))
            })
            .collect()
    }

    /// Evaluates a datagram from `from`.
    pub fn take(&mut self, from: IpAddr, datagram: &[u8], now: UnixTime) -> Taken {
        let Some((bytes, signed)) = self.seal.open(now, datagram) else {
            return Taken::default();
        };
        let Some(message) = Message::parse(&bytes) else {
            return Taken::default();
        };
        if !signed && self.seal.is_required() {
            return Taken::default();
        }
        let known = signed || self.known.contains(&from);
        let mut rings = message.rings;
        rings.retain(|ring| self.own.contains_key(&ring.named()));
        let answered =
            message.wants_answer && !rings.is_empty() && (known || self.may_answer_stranger(now));
        let answer = answered.then(|| self.answer(&rings, signed, now));
        if !known {
            rings.clear();
        }
        Taken { rings, answer }
    }

    /// Our rings of the same services.
    fn answer(&mut self, rings: &[Ring], signed: bool, now: UnixTime) -> Vec<u8> {
        let rings = rings.iter().filter_map(|ring| self.own.get(&ring.named()).copied()).collect();
        let bytes = Message { wants_answer: false, rings }.to_bytes();
        if signed { self.seal.sign(now, bytes) } else { bytes }
    }

    fn may_answer_stranger(&mut self, now: UnixTime) -> bool {
        let second = now.0.as_secs();
        if self.strangers.0 != second {
            self.strangers = (second, 0);
        }
        self.strangers.1 += 1;
        self.strangers.1 <= TO_STRANGERS
    }
}

#[cfg(test)]
mod tests;
