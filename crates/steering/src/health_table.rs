//! Results of health checks of services' and upstreams' backends, and of VIP probes. Pure.

use crate::map_ids::key;
use vrrp_model::{Backend, Config, Service, Upstream, UpstreamBackend};

/// For each service (or upstream) and backend, whether its check is good; `None` while nothing is
/// known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthTable(Vec<Vec<Option<bool>>>);

impl HealthTable {
    pub fn of_services(config: &Config) -> Self {
        Self::unknown(config.services.iter().map(|service| service.backends.len()))
    }

    pub fn of_upstreams(config: &Config) -> Self {
        Self::unknown(config.upstreams.iter().map(|upstream| upstream.backends.len()))
    }

    fn unknown(backends: impl Iterator<Item = usize>) -> Self {
        Self(backends.map(|count| vec![None; count]).collect())
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

    /// Services' checks under a new configuration: what is known of the same backend under the same
    /// check stays known.
    pub fn over_services(&self, old: &Config, new: &Config) -> Self {
        let same = |a: &Service, b: &Service| {
            (key(a), &a.check, &a.own_checks) == (key(b), &b.check, &b.own_checks)
        };
        let same_backend = |a: &Backend, b: &Backend| (a.address, a.port) == (b.address, b.port);
        self.over(&old.services, &new.services, same, |service| &service.backends, same_backend)
    }

    /// Likewise upstreams'.
    pub fn over_upstreams(&self, old: &Config, new: &Config) -> Self {
        let same = |a: &Upstream, b: &Upstream| a.address == b.address && a.check == b.check;
        let same_backend = |a: &UpstreamBackend, b: &UpstreamBackend| a.address == b.address;
        self.over(&old.upstreams, &new.upstreams, same, |upstream| &upstream.backends, same_backend)
    }

    fn over<T, B>(
        &self,
        old: &[T],
        new: &[T],
        same: impl Fn(&T, &T) -> bool,
        backends: impl Fn(&T) -> &[B],
        same_backend: impl Fn(&B, &B) -> bool,
    ) -> Self {
        let known = |of: &T, backend: &B| {
            let index = old.iter().position(|known| same(known, of))?;
            let position =
                backends(&old[index]).iter().position(|known| same_backend(known, backend))?;
            self.of(index, position)
        };
        Self(
            new.iter()
                .map(|of| backends(of).iter().map(|backend| known(of, backend)).collect())
                .collect(),
        )
    }
}
