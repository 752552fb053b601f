//! The services' part of the status.

use std::time::Duration;

use super::picture::{Picture, RingFacts};
use super::snapshot::Fixed;
use vrrp_model::time::Instant;
use vrrp_model::{Backend, Service};
use vrrp_status::{BackendState, BackendStatus, PeerRing, ServiceStatus};
use vrrp_steering::desired::{Obstacle, Way};
use vrrp_steering::ring::Serving;

pub fn services(fixed: &Fixed, picture: &Picture, now: Instant) -> Vec<ServiceStatus> {
    let of = |(index, conf)| {
        let ring = picture.rings.get(index).and_then(Option::as_ref);
        let ways = picture.ways.get(index).map_or(&[][..], Vec::as_slice);
        Sight { fixed, picture, now, index, conf, ring, ways }.status()
    };
    picture.force.config.services.iter().enumerate().map(of).collect()
}

/// One service, and everything its status is made of.
struct Sight<'a> {
    fixed: &'a Fixed,
    picture: &'a Picture,
    now: Instant,
    index: usize,
    conf: &'a Service,
    ring: Option<&'a RingFacts>,
    ways: &'a [Way],
}

impl Sight<'_> {
    fn status(&self) -> ServiceStatus {
        let (service, ring) = (self.conf, self.ring);
        let backends: Vec<BackendStatus> = (0..)
            .zip(service.backends.iter().zip(self.ways))
            .map(|(position, (conf, way))| self.backend(position, conf, way))
            .collect();
        let drain = ring.and_then(|ring| ring.drain);
        ServiceStatus {
            name: service.name.clone(),
            address: service.address,
            port: service.port,
            protocol: service.protocol.into(),
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
            self.picture.agreement.of(service.address, service.port, service.protocol.number());
        heard
            .map(|(node, digest)| PeerRing {
                node,
                digest: format!("{digest:016x}"),
                agrees: own == Some(digest),
            })
            .collect()
    }

    fn backend(&self, position: usize, conf: &Backend, way: &Way) -> BackendStatus {
        let picture = self.picture;
        let force = &picture.force;
        let number = force.slots.backend(self.conf, conf);
        let traffic = self
            .fixed
            .counters
            .as_ref()
            .zip(number)
            .map(|(counters, number)| counters.backend(number));
        let traffic = traffic.unwrap_or_default();
        let drained = force.drained.since(self.conf, conf);
        BackendStatus {
            address: conf.address,
            port: Some(conf.port).filter(|port| *port != self.conf.port),
            weight: conf.weight,
            forward: way.forward.into(),
            state: match way.obstacle {
                Some(Obstacle::Unchecked) => BackendState::Unknown,
                Some(Obstacle::Down) => BackendState::Down,
                _ => BackendState::Up,
            },
            real_path: picture.paths.of(self.index, position),
            usable: way.obstacle.is_none(),
            drained_seconds: drained.map(|since| self.now.saturating_since(since).as_secs_f64()),
            reason: way.obstacle.map_or("in use", Obstacle::text).to_owned(),
            interface: picture.host.links.get(&way.ifindex).map(|link| link.name.clone()),
            next_hop: way.next_hop,
            mac: way.mac.map(mac_text),
            slots: self.ring.and_then(|ring| ring.slots.get(position).copied()).unwrap_or(0),
            packets: traffic.packets,
            bytes: traffic.bytes,
        }
    }
}

fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
