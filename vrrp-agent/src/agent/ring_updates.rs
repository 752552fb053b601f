//! The short way from news of a backend to the ring: nothing that waits stands on it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Agent;
use crate::clock;
use crate::elector::{RouterView, View};
use crate::health::{self, vip_probe};
use vrrp_model::host::HostView;
use vrrp_model::time::Instant;
use vrrp_steering::desired::{self, Desired, Facts, Unusable};
use vrrp_steering::drain::{Reply, Request, Target};
use vrrp_steering::ring::Membership;

impl Agent {
    /// Takes a check's result, and all that have come meanwhile: a host that dies fails the checks
    /// of all its services at once.
    pub(super) fn on_health(&mut self, event: health::Event) {
        let mut next = Some(event);
        while let Some(event) = next {
            self.checks.note(event.service, event.backend, Some(event.up));
            self.steer(event.at, [event.service].into_iter());
            next = self.workers.health.try_recv().ok();
        }
    }

    /// Likewise of probes on the path of clients' packets.
    pub(super) fn on_path(&mut self, event: vip_probe::Event) {
        let mut next = Some(event);
        while let Some(event) = next {
            self.paths.note(event.service, event.backend, event.works);
            self.steer(event.at, [event.service].into_iter());
            next = self.workers.paths.try_recv().ok();
        }
    }

    pub(super) fn drain(&mut self, request: &Request, answer: oneshot::Sender<Reply>) {
        let decided = clock::now();
        let config = Arc::clone(&self.running.config);
        let reply = match request.targets(&config) {
            Ok(targets) => {
                let drained = &mut Arc::make_mut(&mut self.running).drained;
                let news = request.obey(drained, decided, &config, &targets);
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
        let (host, active) = self.seen();
        let desired = desired::of_services(&self.facts(&host, &active), services);
        // What must wait is found to be undone by the round that follows.
        self.effects.steer(decided, &desired);
        desired
    }

    fn roster(&self, desired: &Desired, target: Target) -> Membership {
        let number = self
            .running
            .config
            .services
            .get(target.service)
            .and_then(|service| self.running.slots.service(service));
        number.and_then(|number| desired.rosters.get(&number).cloned()).unwrap_or_default()
    }

    fn seen(&self) -> (Arc<HostView>, Vec<bool>) {
        let host = self.news.host.borrow().clone();
        let active = self.active(&self.news.view.borrow());
        (host, active)
    }

    /// For each router, whether this node acts for it.
    pub(super) fn active(&self, view: &View) -> Vec<bool> {
        let active = |place| view.routers.get(place).is_some_and(RouterView::is_active);
        self.running.places.iter().map(active).collect()
    }

    pub(super) fn facts<'a>(&'a self, host: &'a HostView, active: &'a [bool]) -> Facts<'a> {
        let running = &self.running;
        Facts {
            config: &running.config,
            host,
            active,
            places: &running.places,
            slots: &running.slots,
            stopping: self.ending == Some(super::End::Release),
            health: self.checks.results(),
            paths: self.paths.results(),
            drained: &running.drained,
        }
    }
}

/// Why a backend takes no new flows.
fn unusable(desired: &Desired, target: Target) -> Option<Unusable> {
    desired.reachabilities.get(&target.service)?.backends.get(target.backend)?.unusable
}
