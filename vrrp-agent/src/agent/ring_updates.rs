//! The short way from a backend's result to its ring: nothing on it waits.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Agent;
use crate::clock;
use crate::health::{self, vip_probe};
use vrrp_model::time::Instant;
use vrrp_steering::desired::{self, Desired, Unusable};
use vrrp_steering::drain::{Reply, Request, Target};
use vrrp_steering::ring::Membership;

impl Agent {
    /// Takes a check's result, and all that have come meanwhile: a host that dies fails the checks
    /// of all its services at once.
    pub(super) fn on_health(&mut self, event: health::Event) {
        let mut next = Some(event);
        while let Some(event) = next {
            self.known.checks.note(event.service, event.backend, Some(event.up));
            self.steer(event.at, [event.service].into_iter());
            next = self.inputs.workers.health.try_recv().ok();
        }
    }

    /// Likewise of probes on the path of clients' packets.
    pub(super) fn on_path(&mut self, event: vip_probe::Event) {
        let mut next = Some(event);
        while let Some(event) = next {
            self.known.paths.note(event.service, event.backend, event.works);
            self.steer(event.at, [event.service].into_iter());
            next = self.inputs.workers.paths.try_recv().ok();
        }
    }

    pub(super) fn drain(&mut self, request: &Request, answer: oneshot::Sender<Reply>) {
        let decided = clock::now();
        let config = Arc::clone(&self.known.running.config);
        let reply = match request.targets(&config) {
            Ok(targets) => {
                let drained = &mut Arc::make_mut(&mut self.known.running).drained;
                let news = request.apply(drained, decided, &config, &targets);
                let desired = self.steer(decided, targets.iter().map(|target| target.service));
                let done: Vec<_> = targets
                    .into_iter()
                    .zip(news)
                    .map(|(target, news)| {
                        (target, news, self.roster(&desired, target), unusable(&desired, target))
                    })
                    .collect();
                request.reply(&config, &done)
            }
            Err(reply) => reply,
        };
        for line in reply.message.lines() {
            tracing::info!("{line}");
        }
        // The client may have gone away meanwhile; the order holds all the same.
        let _ = answer.send(reply);
    }

    /// Lets services be served as was decided at `decided`, which for a probe is the moment of its
    /// result. Returns the part of the desired state that is about them.
    fn steer(&mut self, decided: Instant, services: impl Iterator<Item = usize>) -> Desired {
        let host = self.inputs.host.borrow().clone();
        let active = self.known.active(&self.inputs.view.borrow());
        let facts = self.known.facts(&host, &active, self.is_releasing());
        let desired = desired::of_services(&facts, services);
        self.outputs.steering.steer(decided, &desired);
        desired
    }

    fn roster(&self, desired: &Desired, target: Target) -> Membership {
        let number = self
            .known
            .running
            .config
            .services
            .get(target.service)
            .and_then(|service| self.known.running.slots.service(service));
        number.and_then(|number| desired.rosters.get(&number).cloned()).unwrap_or_default()
    }
}

/// Why a backend takes no new flows.
fn unusable(desired: &Desired, target: Target) -> Option<Unusable> {
    desired.reachabilities.get(&target.service)?.backends.get(target.backend)?.unusable
}
