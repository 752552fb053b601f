//! The services' part of the status.

use std::time::Duration;

use super::super::observed::Observed;
use super::Fixed;
use crate::effects::RingFacts;
use vrrp_model::time::Instant;
use vrrp_model::{Backend, Service};
use vrrp_status::{BackendState, BackendStatus, PeerRing, ServiceStatus};
use vrrp_steering::desired::{Reachability, Unusable};
use vrrp_steering::ring::Serving;

pub fn services(fixed: &Fixed, observed: &Observed, now: Instant) -> Vec<ServiceStatus> {
    let of = |(index, conf)| {
        let ring = observed.plane.rings.get(index).and_then(Option::as_ref);
        let reachabilities = observed
            .desired
            .reachabilities
            .get(&index)
            .map_or(&[][..], |service| service.backends.as_slice());
        Sight { fixed, observed, now, index, conf, ring, reachabilities }.status()
    };
    observed.running.config.services.iter().enumerate().map(of).collect()
}

/// One service, and everything its status is made of.
struct Sight<'a> {
    fixed: &'a Fixed,
    observed: &'a Observed,
    now: Instant,
    index: usize,
    conf: &'a Service,
    ring: Option<&'a RingFacts>,
    /// By backend.
    reachabilities: &'a [Reachability],
}

impl Sight<'_> {
    fn status(&self) -> ServiceStatus {
        let (service, ring) = (self.conf, self.ring);
        let backends: Vec<BackendStatus> = (0..)
            .zip(service.backends.iter().zip(self.reachabilities))
            .map(|(position, (conf, reach))| self.backend(position, conf, reach))
            .collect();
        let drain = ring.and_then(|ring| ring.drain);
        ServiceStatus {
            name: service.name.clone(),
            address: service.address,
            port: service.port,
            protocol: service.protocol,
            digest: ring.map_or_else(String::new, |ring| format!("{:016x}", ring.digest)),
            generation: ring.map_or(0, |ring| ring.generation),
            draining_seconds: drain
                .map(|(until, _)| until.saturating_since(self.now))
                .as_ref()
                .map(Duration::as_secs_f64),
            peers: self.peers(),
            marked_slots: drain.map_or(0, |(_, marked)| marked),
            quorum_met: ring.is_some_and(|ring| ring.quorum_met),
            sorry: ring.is_some_and(|ring| ring.serving == Serving::Sorry),
            packets: backends.iter().map(|backend| backend.packets).sum(),
            bytes: backends.iter().map(|backend| backend.bytes).sum(),
            backends,
        }
    }

    fn peers(&self) -> Vec<PeerRing> {
        let (service, own) = (self.conf, self.ring.map(|ring| ring.digest));
        let heard =
            self.observed.agreement.of(service.address, service.port, service.protocol.number());
        heard
            .map(|(node, digest)| PeerRing {
                node,
                digest: format!("{digest:016x}"),
                agrees: own == Some(digest),
            })
            .collect()
    }

    fn backend(&self, position: usize, conf: &Backend, reach: &Reachability) -> BackendStatus {
        let observed = self.observed;
        let running = &observed.running;
        let number = running.slots.backend(self.conf, conf);
        let traffic = self
            .fixed
            .counters
            .as_ref()
            .zip(number)
            .map(|(counters, number)| counters.backend(number));
        let traffic = traffic.unwrap_or_default();
        let drained = running.drained.since(self.conf, conf);
        BackendStatus {
            address: conf.address,
            port: Some(conf.port).filter(|port| *port != self.conf.port),
            weight: conf.weight,
            forward: reach.forward.or_local(),
            state: match reach.unusable {
                Some(Unusable::Unchecked) => BackendState::Unknown,
                Some(Unusable::Down) => BackendState::Down,
                _ => BackendState::Up,
            },
            real_path: observed.paths.of(self.index, position),
            usable: reach.unusable.is_none(),
            drained_seconds: drained.map(|since| self.now.saturating_since(since).as_secs_f64()),
            reason: reach.unusable.map_or("in use", Unusable::text).to_owned(),
            interface: observed.host.links.get(&reach.ifindex).map(|link| link.name.clone()),
            next_hop: reach.next_hop,
            mac: reach.mac.map(mac_text),
            slots: self.ring.and_then(|ring| ring.slots.get(position).copied()).unwrap_or(0),
            packets: traffic.packets,
            bytes: traffic.bytes,
        }
    }
}

fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
