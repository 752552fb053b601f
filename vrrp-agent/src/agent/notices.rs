//! What the loop gives to the notifier: the configuration in force, and the state of services.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::observed::Observed;
use crate::notify::{Counts, Notifier, Services, Sources};
use vrrp_model::{Config, Service};
use vrrp_notify::{Report, ServiceFacts};
use vrrp_steering::running_config::RunningConfig;

/// The loop's end of the notifier.
pub struct Notices {
    config: watch::Sender<Arc<Config>>,
    services: watch::Sender<Arc<Services>>,
    pub counts: Counts,
}

/// Starts the notifier. It ends with the election thread, or after `ended`.
pub fn start(
    config: &Arc<Config>,
    reports: mpsc::Receiver<Report>,
    ended: &watch::Receiver<bool>,
) -> (JoinHandle<()>, Notices) {
    let (notices, config, services) = Notices::new(config);
    let sources = Sources { reports, config, services, ended: ended.clone() };
    (tokio::spawn(Notifier::new(sources, notices.counts.clone()).run()), notices)
}

impl Notices {
    pub fn new(
        config: &Arc<Config>,
    ) -> (Self, watch::Receiver<Arc<Config>>, watch::Receiver<Arc<Services>>) {
        let (config, of_config) = watch::channel(Arc::clone(config));
        let (services, of_services) = watch::channel(Arc::default());
        (Self { config, services, counts: Counts::default() }, of_config, of_services)
    }

    /// Before the election thread learns of the new configuration: the end of a router that is gone
    /// is then told from the stop of the agent.
    pub fn replace_config(&self, running: &RunningConfig) {
        self.config.send_replace(Arc::new(running.without_leaving()));
    }

    /// What a round found of the services.
    pub fn publish(&self, observed: &Observed) {
        let config = &observed.running.config;
        let facts: Vec<_> = (0..)
            .zip(&config.services)
            .map(|(index, service)| of_service(index, service, observed))
            .collect();
        self.services.send_if_modified(|services| {
            let same = services.facts == facts
                && services.config.as_ref().is_some_and(|known| Arc::ptr_eq(known, config));
            if !same {
                *services = Arc::new(Services { config: Some(Arc::clone(config)), facts });
            }
            !same
        });
    }
}

fn of_service(index: usize, service: &Service, observed: &Observed) -> ServiceFacts {
    let ring = observed.plane.rings.get(index).and_then(Option::as_ref);
    let backends = (0..service.backends.len()).map(|backend| observed.checks.of(index, backend));
    ServiceFacts { quorum: ring.map(|ring| ring.quorum_met), backends: backends.collect() }
}
