//! The state of a node that outlives its agent: mastership, lease and fence, the liveness map, the
//! socket's queue.

use std::collections::VecDeque;
use std::time::Duration;

use vrrp_common::classify::{Class, classify};
use vrrp_common::lease::{self, Claim};
use vrrp_common::maps::RouterConf;
use vrrp_common::policy;
use vrrp_election::Heard;
use vrrp_model::time::Instant;

use super::Mutant;
use super::frame::VRID;

/// Adverts that the socket queues while the agent does not read; later ones are lost, as with a
/// real socket.
const SOCKET_QUEUE: usize = 64;

#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Kernel {
    /// Its priority is that of the last advert sent: the peers compare with that one.
    pub conf: RouterConf,
    pub mastership: u64,
    /// Nanoseconds since boot.
    pub lease: u64,
    pub fence: u64,
    pub liveness: Option<Heard>,
    pub socket: VecDeque<Heard>,
}

impl Kernel {
    pub fn new(conf: RouterConf) -> Self {
        Self { conf, mastership: 0, lease: 0, fence: 0, liveness: None, socket: VecDeque::new() }
    }

    pub fn active(&self) -> bool {
        lease::active(self.mastership, self.fence)
    }

    /// The state after a reboot.
    pub fn forget(&mut self) {
        *self = Self::new(self.conf);
    }

    /// Takes a frame off the wire. Returns the advert if it was valid; any other frame changes
    /// nothing.
    pub fn receive(&mut self, now: Instant, frame: &[u8], mutant: Mutant) -> Option<Heard> {
        let Class::Vrrp(packet) = classify(frame) else { return None };
        let advert = packet.advert.ok().filter(|advert| advert.vrid == VRID)?;
        let verdict = policy::judge_ttl(packet.ttl, &packet.source, Some(&self.conf))
            .and_then(|()| policy::judge(&advert, &packet.source, &packet.destination, &self.conf));
        if verdict.is_err() && mutant != Mutant::PolicyIgnored {
            return None;
        }
        let heard = Heard {
            at: now,
            source: packet.source.ip(),
            priority: advert.priority,
            interval: mutant
                .misread_interval(Duration::from_micros(advert.interval.as_micros()), frame),
        };
        let other = Claim { priority: advert.priority, source: packet.source };
        let own = Claim { priority: self.conf.priority, source: self.conf.source };
        let fences = lease::fences(now.as_nanos(), self.lease, &other, &own);
        if self.mastership != 0 && fences && mutant != Mutant::FenceIgnored {
            self.fence = self.mastership;
        }
        self.liveness = Some(heard);
        if self.socket.len() < SOCKET_QUEUE {
            self.socket.push_back(heard);
        }
        Some(heard)
    }
}
