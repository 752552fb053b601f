//! The backends that are drained by order.

use std::collections::BTreeMap;

use vrrp_model::time::Instant;
use vrrp_model::{Backend, Service};

use crate::map_ids::{BackendKey, key};

/// The backends that are drained by order, and since when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drained(BTreeMap<BackendKey, Instant>);

impl Drained {
    /// Since when a backend is drained; `None` while it is not.
    pub fn since(&self, service: &Service, backend: &Backend) -> Option<Instant> {
        self.0.get(&name(service, backend)).copied()
    }

    /// Drains a backend from `now` on, or ends that. Returns whether that is news.
    pub(crate) fn set(
        &mut self,
        now: Instant,
        service: &Service,
        backend: &Backend,
        drained: bool,
    ) -> bool {
        let name = name(service, backend);
        match (drained, self.0.contains_key(&name)) {
            (true, false) => self.0.insert(name, now).is_none(),
            (false, true) => self.0.remove(&name).is_some(),
            _ => false,
        }
    }

    /// Forgets backends that are in none of these services.
    pub fn retain(&mut self, services: &[Service]) {
        let stays = |held: &BackendKey| {
            services.iter().any(|s| s.backends.iter().any(|backend| name(s, backend) == *held))
        };
        self.0.retain(|held, _| stays(held));
    }
}

fn name(service: &Service, backend: &Backend) -> BackendKey {
    (key(service), backend.address, backend.port)
}
