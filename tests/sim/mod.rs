//! A deterministic simulation of two or three nodes that run the real election over a simulated wire and kernel.
//!
//! Everything random comes from one seed. A run has a *chaos phase* (loss, cuts, delays, pauses, crashes, faults,
//! forged adverts) and a *healing phase* (all of it ends, and exactly one master must emerge and stay). The
//! [`referee`] checks safety after every event.

pub mod frame;
pub mod kernel;
pub mod network;
pub mod node;
pub mod plan;
pub mod referee;
pub mod rng;
pub mod stats;
pub mod world;

use std::time::Duration;

use vrrp_agent::model::Version;

use rng::Rng;

/// A wrong rule that the referee must catch. None of them touches production code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    None,
    /// The agent writes a lease two intervals longer than the election asks for.
    LeaseTooLong,
    /// The kernel program never fences.
    FenceIgnored,
    /// A release does not end the lease.
    LapseForgotten,
    /// Adverts count though they break the router's policy.
    PolicyIgnored,
    /// A woken agent acts on its timer before it reads its socket.
    TimerFirst,
}

/// The group of nodes that a run is about.
#[derive(Debug, Clone)]
pub struct Setup {
    pub seed: u64,
    pub version: Version,
    pub interval: Duration,
    /// Configured priority of each node.
    pub priorities: Vec<u8>,
    pub preempt: bool,
    pub preempt_delay: Duration,
    /// Longest flight of an advert over a whole link.
    pub flight: Duration,
    /// Longest time a running agent takes to notice something.
    pub jitter: Duration,
    pub mutant: Mutant,
}

impl Setup {
    /// Two nodes of priority 100 and 99 with version 3 adverts each second.
    pub fn pair() -> Self {
        Self {
            seed: 1,
            version: Version::V3,
            interval: Duration::from_secs(1),
            priorities: vec![100, 99],
            preempt: true,
            preempt_delay: Duration::ZERO,
            flight: Duration::from_millis(1),
            jitter: Duration::from_millis(1),
            mutant: Mutant::None,
        }
    }

    /// A group as this seed has it.
    pub fn random(seed: u64, mutant: Mutant) -> Self {
        let mut rng = Rng::new(seed);
        let (version, millis) =
            rng.pick(&[(Version::V2, 1_000), (Version::V2, 3_000), (Version::V3, 10), (Version::V3, 100), (Version::V3, 1_000)]);
        let interval = Duration::from_millis(millis);
        let base = rng.range(2, 253) as u8;
        let priority = |rng: &mut Rng| match rng.range(0, 9) {
            0..=3 => base,
            4..=6 => base - 1,
            _ => rng.range(1, 254) as u8,
        };
        let mut priorities: Vec<u8> = (0..rng.range(2, 3)).map(|_| priority(&mut rng)).collect();
        // Two address owners are a mistake in the configuration: both start as master, deaf.
        if rng.chance(200) {
            let owner = rng.index(priorities.len());
            priorities[owner] = 255;
        }
        let preempt = rng.chance(700);
        Self {
            seed,
            version,
            interval,
            priorities,
            preempt,
            preempt_delay: if rng.chance(800) { Duration::ZERO } else { interval * 5 },
            flight: rng.duration(interval / 1000, interval / 20),
            jitter: rng.duration(Duration::ZERO, interval / 20),
            mutant,
        }
    }
}
