//! Numbers of services and backends in the maps. Pure.
//!
//! A service or backend that stays in the configuration keeps its number over a reload, so its
//! ring, counters and packets in flight are unaffected. A freed number is reused only after all
//! others, when no reader uses its old meaning.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use vrrp_model::{Backend, Protocol, Service};

/// The identity of a service over reloads.
pub type ServiceKey = (IpAddr, u16, Protocol);

/// The identity of a backend: its service, address and port.
pub type BackendKey = (ServiceKey, IpAddr, u16);

/// Allocated numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapIds {
    services: IdAllocator<ServiceKey>,
    backends: IdAllocator<BackendKey>,
}

impl MapIds {
    /// The numbers that the previous agent allocated, read from the maps.
    pub fn adopted(
        services: impl IntoIterator<Item = (ServiceKey, u32)>,
        backends: impl IntoIterator<Item = (BackendKey, u32)>,
    ) -> Self {
        let mut slots = Self::default();
        slots.services.adopt(services);
        slots.backends.adopt(backends);
        slots
    }

    /// Allocates numbers for these services, their backends and sorry servers, and frees all
    /// others.
    pub fn assign(&mut self, services: &[Service]) {
        let backends = services.iter().flat_map(|service| {
            let of = key(service);
            service.targets().map(move |target| (of, target.address, target.port))
        });
        self.backends.assign(&backends.collect::<Vec<_>>());
        self.services.assign(&services.iter().map(key).collect::<Vec<_>>());
    }

    /// Number of a service; `None` before [`MapIds::assign`] saw it.
    pub fn service(&self, service: &Service) -> Option<u32> {
        self.services.get(&key(service))
    }

    /// Number of a backend of a service, or of its sorry server.
    pub fn backend(&self, service: &Service, backend: &Backend) -> Option<u32> {
        self.backends.get(&(key(service), backend.address, backend.port))
    }
}

/// The identity of a service.
pub fn key(service: &Service) -> ServiceKey {
    (service.address, service.port, service.protocol)
}

/// Allocates numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdAllocator<K> {
    given: BTreeMap<K, u32>,
    /// Start of the search for a free number.
    next: u32,
}

impl<K> Default for IdAllocator<K> {
    fn default() -> Self {
        Self { given: BTreeMap::new(), next: 0 }
    }
}

impl<K: Ord + Copy> IdAllocator<K> {
    /// Starts with numbers that were allocated before.
    pub fn known(known: impl IntoIterator<Item = (K, u32)>) -> Self {
        let mut numbers = Self::default();
        numbers.adopt(known);
        numbers
    }

    /// All keys with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (K, u32)> {
        self.given.iter().map(|(&key, &number)| (key, number))
    }

    /// Whether exactly these keys have numbers.
    pub fn are_of(&self, wanted: &BTreeSet<K>) -> bool {
        self.given.keys().eq(wanted)
    }

    pub fn get(&self, key: &K) -> Option<u32> {
        self.given.get(key).copied()
    }

    /// Adopts numbers that were allocated before. A number that occurs twice stays with the first
    /// key.
    pub fn adopt(&mut self, known: impl IntoIterator<Item = (K, u32)>) {
        for (key, number) in known {
            if !self.given.values().any(|&given| given == number) {
                self.given.insert(key, number);
            }
        }
    }

    /// Allocates numbers for all these keys and frees all others.
    pub fn assign(&mut self, wanted: &[K]) {
        self.given.retain(|key, _| wanted.contains(key));
        for &key in wanted {
            if !self.given.contains_key(&key) {
                let number = self.free();
                self.given.insert(key, number);
            }
        }
    }

    /// The next free number. The maps' bounds are checked where they are written.
    fn free(&mut self) -> u32 {
        const ROUND: u32 = 64;
        let taken = |number: u32| self.given.values().any(|&given| given == number);
        // Wraps at the capacity of the smallest map while that has a free number.
        let round =
            (0..ROUND).map(|step| (self.next + step) % ROUND).find(|&number| !taken(number));
        let number = round.or_else(|| (ROUND..).find(|&number| !taken(number))).unwrap_or(u32::MAX);
        self.next = (number + 1) % ROUND;
        number
    }
}

#[cfg(test)]
mod tests;
