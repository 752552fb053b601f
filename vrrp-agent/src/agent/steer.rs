//! The short way from news of a backend to the ring: nothing that waits stands on it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Agent;
use crate::clock;
use crate::desired::{self, Facts, Obstacle};
use crate::drain::{Reply, Request, Target};
use crate::elector::{RouterView, View};
use crate::health::{self, path};
use crate::net::view::HostView;
use crate::ring::Roster;
use crate::time::Instant;

impl Agent {
    pub(super) fn on_health(&mut self, event: &health::Event) {
        let decided = clock::now();
        self.checks.note(event.service, event.backend, Some(event.up));
        self.steer(decided, event.service);
    }

    pub(super) fn on_path(&mut self, event: path::Event) {
        let decided = clock::now();
        self.paths.note(event.service, event.backend, event.works);
        self.steer(decided, event.service);
    }

    pub(super) fn drain(&mut self, request: &Request, answer: oneshot::Sender<Reply>) {
        let decided = clock::now();
        let config = Arc::clone(&self.force.config);
        let reply = match request.targets(&config) {
            Ok(targets) => {
                let news = request.obey(&mut self.force.drained, decided, &config, &targets);
                let steered: Vec<(Roster, Option<Obstacle>)> =
                    targets.iter().map(|target| (self.steer(decided, target.service), self.obstacle(*target))).collect();
                let done: Vec<_> = targets
                    .into_iter()
                    .zip(news)
                    .zip(steered)
                    .map(|((target, news), (roster, obstacle))| (target, news, roster, obstacle))
                    .collect();
                request.reply(&config, &done)
            }
            Err(reply) => reply,
        };
        for line in reply.message.lines() {
            tracing::info!("{line}");
        }
        // Whoever asked may have gone away meanwhile; what was done stands all the same.
        let _ = answer.send(reply);
    }

    /// Lets a service be served as was decided at `decided`; by whom.
    fn steer(&mut self, decided: Instant, service: usize) -> Roster {
        let (host, acting) = self.seen();
        let desired = desired::of_service(&self.facts(&host, &acting), service);
        // What must wait is found to be undone by the round that follows.
        self.effects.steer(decided, &desired);
        desired.rosters.into_values().next().unwrap_or_default()
    }

    fn obstacle(&self, target: Target) -> Option<Obstacle> {
        let (host, acting) = self.seen();
        desired::way(&self.facts(&host, &acting), target.service, target.backend)?.obstacle
    }

    fn seen(&self) -> (Arc<HostView>, Vec<bool>) {
        let host = self.news.host.borrow().clone();
        let acting = self.acting(&self.news.view.borrow());
        (host, acting)
    }

    /// For each router, whether this node acts for it.
    pub(super) fn acting(&self, view: &View) -> Vec<bool> {
        let acts = |place| view.routers.get(place).is_some_and(RouterView::acts);
        self.force.places.iter().map(acts).collect()
    }

    pub(super) fn facts<'a>(&'a self, host: &'a HostView, acting: &'a [bool]) -> Facts<'a> {
        let force = &self.force;
        Facts {
            config: &force.config,
            host,
            acting,
            places: &force.places,
            slots: &force.slots,
            stopping: self.ending == Some(super::End::Release),
            health: self.checks.results(),
            paths: self.paths.results(),
            drained: &force.drained,
        }
    }
}
