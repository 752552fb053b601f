//! IdAllocator of services and backends in the maps. Pure.
//!
//! What stays in the configuration keeps its number over a reload, so its ring, its counters and
//! the packets under way are not touched. A freed number is given out again only after all others:
//! nothing still reads what it meant.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use vrrp_model::{Backend, Protocol, Service};

/// What makes a service the same one after a reload.
pub type ServiceKey = (IpAddr, u16, Protocol);

/// Likewise of a backend: its service, address and port.
pub type BackendKey = (ServiceKey, IpAddr, u16);

/// IdAllocator given out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapIds {
    services: IdAllocator<ServiceKey>,
    backends: IdAllocator<BackendKey>,
}

impl MapIds {
    /// The numbers that the agent before this one gave, as the maps tell them.
    pub fn adopted(
        services: impl IntoIterator<Item = (ServiceKey, u32)>,
        backends: impl IntoIterator<Item = (BackendKey, u32)>,
    ) -> Self {
        let mut slots = Self::default();
        slots.services.adopt(services);
        slots.backends.adopt(backends);
        slots
    }

    /// IdAllocator for these services, their backends and sorry servers; everything else loses its
    /// own.
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

/// IdAllocator of things that come and go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdAllocator<K> {
    given: BTreeMap<K, u32>,
    /// Where the search for a free number begins.
    next: u32,
}

impl<K> Default for IdAllocator<K> {
    fn default() -> Self {
        Self { given: BTreeMap::new(), next: 0 }
    }
}

impl<K: Ord + Copy> IdAllocator<K> {
    /// Goes on with numbers that were given out before.
    pub fn known(known: impl IntoIterator<Item = (K, u32)>) -> Self {
        let mut numbers = Self::default();
        numbers.adopt(known);
        numbers
    }

    /// All that have a number, with it.
    pub fn iter(&self) -> impl Iterator<Item = (K, u32)> {
        self.given.iter().map(|(&key, &number)| (key, number))
    }

    /// Whether these, and no others, have numbers.
    pub fn are_of(&self, wanted: &BTreeSet<K>) -> bool {
        self.given.keys().eq(wanted)
    }

    pub fn get(&self, key: &K) -> Option<u32> {
        self.given.get(key).copied()
    }

    /// Takes over numbers that were given out before; what is given twice stays with the first.
    pub fn adopt(&mut self, known: impl IntoIterator<Item = (K, u32)>) {
        for (key, number) in known {
            if !self.given.values().any(|&given| given == number) {
                self.given.insert(key, number);
            }
        }
    }

    /// IdAllocator for all these; everybody else loses theirs.
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
        // Goes round within what the smallest map holds as long as that has room.
        let round =
            (0..ROUND).map(|step| (self.next + step) % ROUND).find(|&number| !taken(number));
        let number = round.or_else(|| (ROUND..).find(|&number| !taken(number))).unwrap_or(u32::MAX);
        self.next = (number + 1) % ROUND;
        number
    }
}

#[cfg(test)]
mod tests;
