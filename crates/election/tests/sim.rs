//! A deterministic simulation of two to five nodes that run the real election over a simulated wire
//! and kernel.
//!
//! Everything random comes from one seed. A run has a *chaos phase* (loss, cuts, delays, pauses,
//! crashes, faults, forged adverts) and a *healing phase* (all of it ends, and exactly one master
//! must emerge and stay). The [`referee`] checks safety after every event.

pub mod clock;
pub mod frame;
pub mod kernel;
pub mod network;
pub mod node;
pub mod plan;
pub mod referee;
pub mod rng;
pub mod stats;
pub mod world;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use vrrp_election::{Heard, Input};
use vrrp_model::Version;

use clock::Clock;
use rng::Rng;

/// A wrong rule that the referee must catch. No mutant changes production code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    None,
    /// The agent writes a lease two intervals longer than the election asks for.
    LeaseTooLong,
    /// The kernel program never fences.
    FenceIgnored,
    /// A release does not end the lease.
    LapseForgotten,
    /// Adverts count although they break the router's policy.
    PolicyIgnored,
    /// A woken agent acts on its timer before it reads its socket.
    TimerFirst,
    /// The decoder reads the interval a hundred times too long: centiseconds as seconds.
    SecondsForCentis,
    /// The decoder reads every interval as 0.
    IntervalZero,
    /// The decoder reads the reserved bits of version 3 as a part of the interval.
    ReserveUnmasked,
    /// Addresses are compared from their last byte.
    TieBreakReversed,
    /// The skew is truncated to whole seconds.
    SkewToInteger,
    /// A discarded packet starts the master down timer again.
    DiscardedResetsDownTimer,
    /// A discarded packet starts the advert timer again.
    DiscardedResetsAdvertTimer,
    /// The kernel stays active when the link is down.
    ActsAfterLinkDown,
    /// The address owner advertises, but never makes its kernel active.
    OwnerNeverActs,
    /// Gratuitous ARP goes out before the advert of the takeover.
    AnnounceFirst,
}

/// Two known mistakes cannot be made from outside of the election, because all nodes of a run
/// announce one interval. Unit tests of the election cover them: to adopt the interval of a
/// lower-priority master (`vc082_083_084_v3_learns_from_accepted_adverts_only`), and that of a
/// release (`vc074_075_076_priority_zero_leaves_only_the_skew`).
impl Mutant {
    pub const ALL: [Mutant; 15] = [
        Mutant::LeaseTooLong,
        Mutant::FenceIgnored,
        Mutant::LapseForgotten,
        Mutant::PolicyIgnored,
        Mutant::TimerFirst,
        Mutant::SecondsForCentis,
        Mutant::IntervalZero,
        Mutant::ReserveUnmasked,
        Mutant::TieBreakReversed,
        Mutant::SkewToInteger,
        Mutant::DiscardedResetsDownTimer,
        Mutant::DiscardedResetsAdvertTimer,
        Mutant::ActsAfterLinkDown,
        Mutant::OwnerNeverActs,
        Mutant::AnnounceFirst,
    ];

    /// The interval that a decoder with this mistake reads in a frame whose interval is `right`.
    pub fn misread_interval(self, right: Duration, frame: &[u8]) -> Duration {
        match self {
            Mutant::SecondsForCentis => right * 100,
            Mutant::IntervalZero => Duration::ZERO,
            Mutant::ReserveUnmasked => frame::unmasked_interval(frame),
            _ => right,
        }
    }

    /// The input that the election of an agent with this mistake receives.
    pub fn misread_input(self, input: Input) -> Input {
        match (self, input) {
            (Mutant::TieBreakReversed, Input::Advert(heard)) => {
                Input::Advert(Heard { source: reversed(heard.source), ..heard })
            }
            (Mutant::TieBreakReversed, Input::Startup { source, resume }) => {
                Input::Startup { source: reversed(source), resume }
            }
            _ => input,
        }
    }
}

fn reversed(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits().swap_bytes()).into(),
        IpAddr::V6(_) => address,
    }
}

/// The group of nodes of a run.
#[derive(Debug, Clone)]
pub struct Setup {
    pub seed: u64,
    pub version: Version,
    pub interval: Duration,
    /// Configured priority of each node.
    pub priorities: Vec<u8>,
    /// Address of each node, the tie break.
    pub sources: Vec<Ipv4Addr>,
    /// Clock of each node; its timers and its lease use it.
    pub clocks: Vec<Clock>,
    pub preempt: bool,
    pub preempt_delay: Duration,
    /// Longest flight of an advert over a whole link.
    pub flight: Duration,
    /// Longest delay before a running agent handles an event.
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
            sources: vec![Ipv4Addr::new(10, 0, 0, 10), Ipv4Addr::new(10, 0, 0, 11)],
            clocks: vec![Clock::TRUE; 2],
            preempt: true,
            preempt_delay: Duration::ZERO,
            flight: Duration::from_millis(1),
            jitter: Duration::from_millis(1),
            mutant: Mutant::None,
        }
    }

    /// The group that this seed generates.
    pub fn random(seed: u64, mutant: Mutant) -> Self {
        let mut rng = Rng::new(seed);
        let (version, millis) = rng.pick(&[
            (Version::V2, 1_000),
            (Version::V2, 3_000),
            (Version::V3, 10),
            (Version::V3, 100),
            (Version::V3, 1_000),
        ]);
        let interval = Duration::from_millis(millis);
        let base = rng.range(2, 253) as u8;
        let priority = |rng: &mut Rng| match rng.range(0, 9) {
            0..=3 => base,
            4..=6 => base - 1,
            _ => rng.range(1, 254) as u8,
        };
        let mut priorities: Vec<u8> = (0..rng.range(2, 5)).map(|_| priority(&mut rng)).collect();
        // Two address owners are a configuration error: both start as master and ignore each other.
        if rng.chance(200) {
            let owner = rng.index(priorities.len());
            priorities[owner] = 255;
        }
        let preempt = rng.chance(700);
        // The last byte is each node's own; the other bytes decide first.
        let sources = (0..priorities.len())
            .map(|index| Ipv4Addr::new(10, 0, rng.range(0, 255) as u8, 10 + index as u8))
            .collect();
        let clocks = priorities.iter().map(|_| Clock::random(&mut rng)).collect();
        Self {
            seed,
            version,
            interval,
            priorities,
            sources,
            clocks,
            preempt,
            preempt_delay: if rng.chance(800) { Duration::ZERO } else { interval * 5 },
            flight: rng.duration(interval / 1000, interval / 20),
            jitter: rng.duration(Duration::ZERO, interval / 20),
            mutant,
        }
    }
}
