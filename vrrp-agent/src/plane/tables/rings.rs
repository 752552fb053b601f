//! Writes backends and rings, and reads what an earlier agent left of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use vrrp_common::maps::{
    BackendConf, FORWARD_NONE, MAX_BACKENDS, RINGS_PER_SERVICE, Ring, RingsInUse, ServiceKey, name,
};

use super::{Tables, at};
use crate::plane::PlaneError;
use vrrp_model::Protocol;
use vrrp_steering::map_ids::{self, MapIds};
use vrrp_steering::ring::{Found, RingUpdate};

impl Tables {
    /// Writes changed backends that take packets.
    ///
    /// # Errors
    /// More backends than the map holds, or a map that cannot be written; likewise below.
    pub fn raise_backends(
        &mut self,
        wanted: &BTreeMap<u32, BackendConf>,
    ) -> Result<(), PlaneError> {
        let mut rising = wanted.iter().filter(|(_, conf)| conf.forward != FORWARD_NONE);
        rising.try_for_each(|(&number, conf)| self.put_backend(number, conf))
    }

    /// Writes the backends that take no packets, except those that a live ring still names
    /// (`named`).
    pub fn lower_backends(
        &mut self,
        wanted: &BTreeMap<u32, BackendConf>,
        named: impl Fn(u32) -> bool,
    ) -> Result<(), PlaneError> {
        let mut falling =
            wanted.iter().filter(|&(&number, conf)| conf.forward == FORWARD_NONE && !named(number));
        falling.try_for_each(|(&number, conf)| self.put_backend(number, conf))
    }

    /// Empties the entries of all other backends, except those that may still have flows.
    pub fn forget_backends(
        &mut self,
        wanted: &BTreeMap<u32, BackendConf>,
        needed: impl Fn(u32) -> bool,
    ) -> Result<(), PlaneError> {
        let gone = self
            .written
            .backends
            .keys()
            .copied()
            .filter(|number| !wanted.contains_key(number) && !needed(*number));
        for number in gone.collect::<Vec<_>>() {
            self.put_backend(number, &BackendConf::default())?;
            self.written.backends.remove(&number);
        }
        Ok(())
    }

    fn put_backend(&mut self, number: u32, conf: &BackendConf) -> Result<(), PlaneError> {
        if number >= MAX_BACKENDS {
            return Err(PlaneError::Full(MAX_BACKENDS));
        }
        if self.written.backends.get(&number) != Some(conf) {
            self.backends.set(number, conf, 0).map_err(at(name::BACKENDS))?;
            self.written.backends.insert(number, *conf);
        }
        Ok(())
    }

    /// Whether a backend takes packets.
    #[cfg(test)]
    pub fn takes_packets(&self, number: u32) -> bool {
        self.written.backends.get(&number).is_some_and(|conf| conf.forward != FORWARD_NONE)
    }

    /// Fills a ring that is not in use, then puts it in use. A packet sees the old ring or the new
    /// one, never a mixture.
    pub fn publish(&mut self, service: u32, publication: &RingUpdate) -> Result<(), PlaneError> {
        let index = service * RINGS_PER_SERVICE + publication.place;
        let ring: &Ring = &publication.ring;
        self.rings.set(index, ring, 0).map_err(at(name::RINGS))?;
        self.service_rings
            .set(service, publication.in_use.word(), 0)
            .map_err(at(name::SERVICE_RINGS))
    }

    /// Which rings of a service are in use.
    pub fn rings_in_use(&self, service: u32) -> Result<RingsInUse, PlaneError> {
        self.service_rings.get(&service, 0).map(RingsInUse::of).map_err(at(name::SERVICE_RINGS))
    }

    /// The present rings of a service.
    pub fn rings_of(&self, service: u32) -> Result<Found, PlaneError> {
        let in_use = self.rings_in_use(service)?;
        let ring = |place| {
            self.rings
                .get(&(service * RINGS_PER_SERVICE + place), 0)
                .map(Arc::new)
                .map_err(at(name::RINGS))
        };
        Ok(Found { in_use, live: ring(in_use.live)?, base: ring(in_use.base)? })
    }

    /// Numbers of the services in the kernel program's map.
    pub fn services(&self) -> impl Iterator<Item = u32> {
        self.services.indexes().into_values()
    }

    /// The services and backends of the numbers in the maps.
    pub fn found(&self) -> MapIds {
        let addresses: BTreeMap<u32, IpAddr> = self
            .addresses
            .indexes()
            .into_iter()
            .map(|(key, place)| (place, key.address.ip()))
            .collect();
        let key = |key: ServiceKey| {
            Some((*addresses.get(&key.address)?, key.port, Protocol::of_number(key.protocol)?))
        };
        let services: BTreeMap<u32, map_ids::ServiceKey> = self
            .services
            .indexes()
            .into_iter()
            .filter_map(|(held, number)| Some((number, key(held)?)))
            .collect();
        let backend = |(&number, conf): (&u32, &BackendConf)| {
            let service = services.get(&u32::from(conf.service))?;
            Some(((*service, conf.address.ip(), conf.port), number))
        };
        let backends: Vec<_> = self.written.backends.iter().filter_map(backend).collect();
        MapIds::adopted(services.into_iter().map(|(number, key)| (key, number)), backends)
    }
}
