//! What the checks of the backends, or the probes on the real path, have said. Pure.

use crate::model::{Backend, Config, Service};
use crate::slots::key;

/// For each service and backend, whether its check is good; `None` while nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checks(Vec<Vec<Option<bool>>>);

impl Checks {
    pub fn new(config: &Config) -> Self {
        Self(config.services.iter().map(|service| vec![None; service.backends.len()]).collect())
    }

    pub fn results(&self) -> &[Vec<Option<bool>>] {
        &self.0
    }

    pub fn of(&self, service: usize, backend: usize) -> Option<bool> {
        self.0.get(service)?.get(backend).copied().flatten()
    }

    pub fn note(&mut self, service: usize, backend: usize, known: Option<bool>) {
        if let Some(slot) = self.0.get_mut(service).and_then(|backends| backends.get_mut(backend)) {
            *slot = known;
        }
    }

    /// The same under a new configuration: what is known of the same backend under the same check stays known.
    pub fn carried_over(&self, old: &Config, new: &Config) -> Self {
        let known = |service: &Service, backend: &Backend| {
            let (index, same) =
                old.services.iter().enumerate().find(|(_, s)| key(s) == key(service) && s.check == service.check)?;
            let position = same.backends.iter().position(|b| (b.address, b.port) == (backend.address, backend.port))?;
            *self.0.get(index)?.get(position)?
        };
        let of = |service: &Service| service.backends.iter().map(|backend| known(service, backend)).collect();
        Self(new.services.iter().map(of).collect())
    }
}
