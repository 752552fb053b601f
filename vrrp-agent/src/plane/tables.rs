//! The tables that say whose packets are whose: interfaces, VRIDs, addresses, services, backends, rings.
//!
//! Each setter takes the whole of what should be there and writes only what differs. Nobody else writes these maps while the
//! agent runs: what a setter wrote last is remembered, and not looked up again in the kernel, a system call for each entry.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use aya::Pod;
use aya::maps::{Array, MapData, MapError};
use vrrp_common::maps::{
    AddressConf, AddressEntry, AddressKey, BackendConf, FORWARD_NONE, InterfaceConf, MAX_ADDRESSES, MAX_BACKENDS, MAX_CHAIN,
    MAX_IFINDEX, MAX_INTERFACES, MAX_SERVICES, RINGS_PER_SERVICE, Ring, RingsInUse, ServiceEntry, ServiceKey, name, vrid_slot,
};
use vrrp_common::wire::ipv4::{PROTO_TCP, PROTO_UDP};

use super::PlaneError;
use super::chained::{Chained, Entry, Refusal, Store};
use super::maps::MapSet;
use crate::desired::ServiceConf;
use crate::model::Protocol;
use crate::ring::{Found, Publication};
use crate::slots::{self, Slots};

/// Handles for the agent's loop alone.
pub struct Tables {
    interfaces: Array<MapData, u32>,
    interface_conf: Array<MapData, InterfaceConf>,
    vrids: Array<MapData, u32>,
    addresses: Chained<AddressEntry>,
    address_arrays: Arrays<AddressEntry>,
    /// Where the search for a free place begins.
    next_place: u32,
    services: Chained<ServiceEntry>,
    service_arrays: Arrays<ServiceEntry>,
    service_rings: Array<MapData, u32>,
    rings: Array<MapData, Ring>,
    backends: Array<MapData, BackendConf>,
    /// The backends that are not empty.
    held_backends: BTreeMap<u32, BackendConf>,
    /// Interface index of each slot; 0: free.
    slots: Vec<u32>,
    /// What was written last; `None` before the first time, and after a failure.
    written: Written,
}

#[derive(Default)]
struct Written {
    interfaces: Option<BTreeMap<u32, InterfaceConf>>,
    vrids: Option<BTreeMap<(u32, bool, u8), u32>>,
    addresses: Option<BTreeMap<AddressKey, AddressConf>>,
}

impl Tables {
    /// # Errors
    /// A map is missing or cannot be opened or read.
    pub fn open(maps: &MapSet) -> Result<Self, PlaneError> {
        let interface_conf: Array<MapData, InterfaceConf> = maps.array(name::INTERFACE_CONF)?;
        let slots = interface_conf.iter().map(|conf| conf.map_or(0, |conf| conf.ifindex)).collect();
        let (address_arrays, addresses) = Arrays::open(maps, name::ADDRESS_BUCKETS, name::ADDRESSES)?;
        let (service_arrays, services) = Arrays::open(maps, name::SERVICE_BUCKETS, name::SERVICES)?;
        let backends: Array<MapData, BackendConf> = maps.array(name::BACKENDS)?;
        let mut held_backends = BTreeMap::new();
        for (number, conf) in (0..).zip(backends.iter()) {
            let conf = conf.map_err(at(name::BACKENDS))?;
            if conf != BackendConf::default() {
                held_backends.insert(number, conf);
            }
        }
        Ok(Self {
            interfaces: maps.array(name::INTERFACES)?,
            interface_conf,
            vrids: maps.array(name::VRIDS)?,
            addresses,
            address_arrays,
            next_place: 0,
            services,
            service_arrays,
            service_rings: maps.array(name::SERVICE_RINGS)?,
            rings: maps.array(name::RINGS)?,
            backends,
            held_backends,
            slots,
            written: Written::default(),
        })
    }

    /// The slot of an interface: where its counters are.
    pub fn slot(&self, ifindex: u32) -> Option<u32> {
        self.slots.iter().position(|&held| held == ifindex && ifindex != 0).map(|slot| slot as u32)
    }

    /// Gives the interfaces slots and their VRIDs routers, and takes both away from those that are gone.
    ///
    /// # Errors
    /// Too many interfaces, an interface index out of range, or a map that cannot be written; likewise below.
    pub fn set_interfaces(
        &mut self,
        interfaces: &BTreeMap<u32, InterfaceConf>,
        vrids: &BTreeMap<(u32, bool, u8), u32>,
    ) -> Result<(), PlaneError> {
        if self.written.interfaces.as_ref() == Some(interfaces) && self.written.vrids.as_ref() == Some(vrids) {
            return Ok(());
        }
        (self.written.interfaces, self.written.vrids) = (None, None);
        for slot in 0..self.slots.len() {
            let held = self.slots[slot];
            if held != 0 && !interfaces.contains_key(&held) {
                self.free_slot(slot as u32, held)?;
            }
        }
        for (&ifindex, conf) in interfaces {
            if ifindex >= MAX_IFINDEX {
                return Err(PlaneError::Full(MAX_IFINDEX));
            }
            let slot = self.slot(ifindex).or_else(|| self.slots.iter().position(|&held| held == 0).map(|slot| slot as u32));
            let slot = slot.ok_or(PlaneError::Full(MAX_INTERFACES))?;
            self.slots[slot as usize] = ifindex;
            put(&mut self.interface_conf, slot, conf, name::INTERFACE_CONF)?;
            for (v6, vrid) in (0..=u8::MAX).flat_map(|vrid| [(false, vrid), (true, vrid)]) {
                let router = vrids.get(&(ifindex, v6, vrid)).map_or(0, |place| place + 1);
                put(&mut self.vrids, vrid_slot(slot, v6, vrid), &router, name::VRIDS)?;
            }
            // Last: the interface is looked at from here on.
            put(&mut self.interfaces, ifindex, &(slot + 1), name::INTERFACES)?;
        }
        (self.written.interfaces, self.written.vrids) = (Some(interfaces.clone()), Some(vrids.clone()));
        Ok(())
    }

    fn free_slot(&mut self, slot: u32, ifindex: u32) -> Result<(), PlaneError> {
        put(&mut self.interfaces, ifindex, &0, name::INTERFACES)?;
        put(&mut self.interface_conf, slot, &InterfaceConf::default(), name::INTERFACE_CONF)?;
        self.slots[slot as usize] = 0;
        Ok(())
    }

    pub fn set_addresses(&mut self, wanted: &BTreeMap<AddressKey, AddressConf>) -> Result<(), PlaneError> {
        if self.written.addresses.as_ref() == Some(wanted) {
            return Ok(());
        }
        self.written.addresses = None;
        let mut places = self.addresses.places();
        places.retain(|key, _| wanted.contains_key(key));
        let mut entries = BTreeMap::new();
        for (&key, &conf) in wanted {
            let taken = |place: u32| places.values().any(|&held| held == place);
            let place = match places.get(&key) {
                Some(&place) => place,
                // Goes round, so that a place is used again as late as can be.
                None => (0..MAX_ADDRESSES)
                    .map(|step| (self.next_place + step) % MAX_ADDRESSES)
                    .find(|&place| !taken(place))
                    .ok_or(PlaneError::Full(MAX_ADDRESSES))?,
            };
            if places.insert(key, place).is_none() {
                self.next_place = place + 1;
            }
            entries.insert(place, AddressEntry { key, next: 0, conf });
        }
        self.addresses.set(&entries, &mut self.address_arrays).map_err(refused)?;
        self.written.addresses = Some(wanted.clone());
        Ok(())
    }

    /// Makes these the services, by number. One whose address is not known to the program is left out.
    pub fn set_services(&mut self, wanted: &BTreeMap<u32, ServiceConf>) -> Result<(), PlaneError> {
        let mut entries = BTreeMap::new();
        for (&number, conf) in wanted {
            if number >= MAX_SERVICES {
                return Err(PlaneError::Full(MAX_SERVICES));
            }
            if let Some(address) = self.addresses.place(&conf.address) {
                let key = ServiceKey { address, port: conf.port, protocol: conf.protocol, pad: 0 };
                entries.insert(number, ServiceEntry { key, next: 0, flags: conf.flags });
            }
        }
        self.services.set(&entries, &mut self.service_arrays).map_err(refused)
    }

    /// Writes what changed of backends that take packets.
    pub fn raise_backends(&mut self, wanted: &BTreeMap<u32, BackendConf>) -> Result<(), PlaneError> {
        let mut rising = wanted.iter().filter(|(_, conf)| conf.forward != FORWARD_NONE);
        rising.try_for_each(|(&number, conf)| self.put_backend(number, conf))
    }

    /// Writes the backends that take no packets, but for those that are `named` by a live ring all the same.
    pub fn lower_backends(&mut self, wanted: &BTreeMap<u32, BackendConf>, named: impl Fn(u32) -> bool) -> Result<(), PlaneError> {
        let mut falling = wanted.iter().filter(|&(&number, conf)| conf.forward == FORWARD_NONE && !named(number));
        falling.try_for_each(|(&number, conf)| self.put_backend(number, conf))
    }

    /// Forgets the backends that are not among these, but for those that flows may still be with.
    pub fn clear_backends(
        &mut self,
        wanted: &BTreeMap<u32, BackendConf>,
        needed: impl Fn(u32) -> bool,
    ) -> Result<(), PlaneError> {
        let gone = self.held_backends.keys().copied().filter(|number| !wanted.contains_key(number) && !needed(*number));
        for number in gone.collect::<Vec<_>>() {
            self.put_backend(number, &BackendConf::default())?;
            self.held_backends.remove(&number);
        }
        Ok(())
    }

    fn put_backend(&mut self, number: u32, conf: &BackendConf) -> Result<(), PlaneError> {
        if number >= MAX_BACKENDS {
            return Err(PlaneError::Full(MAX_BACKENDS));
        }
        if self.held_backends.get(&number) != Some(conf) {
            self.backends.set(number, conf, 0).map_err(at(name::BACKENDS))?;
            self.held_backends.insert(number, *conf);
        }
        Ok(())
    }

    /// Whether a backend takes packets.
    #[cfg(test)]
    pub fn takes_packets(&self, number: u32) -> bool {
        self.held_backends.get(&number).is_some_and(|conf| conf.forward != FORWARD_NONE)
    }

    /// Fills a ring that is not in use, then puts it in use. Packets see the old ring or the new one, never a mixture.
    pub fn publish(&mut self, service: u32, publication: &Publication) -> Result<(), PlaneError> {
        let place = service * RINGS_PER_SERVICE + publication.place;
        let ring: &Ring = &publication.ring;
        self.rings.set(place, ring, 0).map_err(at(name::RINGS))?;
        self.service_rings.set(service, publication.in_use.word(), 0).map_err(at(name::SERVICE_RINGS))
    }

    /// Which rings of a service are in use.
    pub fn rings_in_use(&self, service: u32) -> Result<RingsInUse, PlaneError> {
        self.service_rings.get(&service, 0).map(RingsInUse::of).map_err(at(name::SERVICE_RINGS))
    }

    /// The rings of a service as they stand.
    pub fn rings_of(&self, service: u32) -> Result<Found, PlaneError> {
        let in_use = self.rings_in_use(service)?;
        let ring = |place| self.rings.get(&(service * RINGS_PER_SERVICE + place), 0).map(Arc::new).map_err(at(name::RINGS));
        Ok(Found { in_use, live: ring(in_use.live)?, base: ring(in_use.base)? })
    }

    /// Numbers of the services that the kernel program knows.
    pub fn services(&self) -> impl Iterator<Item = u32> {
        self.services.places().into_values()
    }

    /// What the numbers of services and backends in the maps mean.
    pub fn found(&self) -> Slots {
        let addresses: BTreeMap<u32, IpAddr> =
            self.addresses.places().into_iter().map(|(key, place)| (place, key.address.ip())).collect();
        let protocol = |number| match number {
            PROTO_TCP => Some(Protocol::Tcp),
            PROTO_UDP => Some(Protocol::Udp),
            _ => None,
        };
        let key = |key: ServiceKey| Some((*addresses.get(&key.address)?, key.port, protocol(key.protocol)?));
        let services: BTreeMap<u32, slots::ServiceKey> =
            self.services.places().into_iter().filter_map(|(held, number)| Some((number, key(held)?))).collect();
        let backend = |(&number, conf): (&u32, &BackendConf)| {
            let service = services.get(&u32::from(conf.service))?;
            Some(((*service, conf.address.ip(), conf.port), number))
        };
        let backends: Vec<_> = self.held_backends.iter().filter_map(backend).collect();
        Slots::adopted(services.into_iter().map(|(number, key)| (key, number)), backends)
    }
}

/// The words of one chained table.
struct Arrays<E: Pod> {
    heads: Array<MapData, u32>,
    entries: Array<MapData, E>,
    names: (&'static str, &'static str),
}

impl<E: Pod + Entry> Arrays<E> {
    fn open(maps: &MapSet, heads: &'static str, entries: &'static str) -> Result<(Self, Chained<E>), PlaneError> {
        let arrays = Self { heads: maps.array(heads)?, entries: maps.array(entries)?, names: (heads, entries) };
        let mut led = Vec::new();
        for (bucket, head) in (0..).zip(arrays.heads.iter()) {
            let head = head.map_err(at(heads))?;
            if head != 0 {
                led.push((bucket, head));
            }
        }
        let found = Chained::found(led, |place| arrays.entries.get(&place, 0).ok());
        Ok((arrays, found))
    }
}

impl<E: Pod> Store<E> for Arrays<E> {
    type Error = PlaneError;

    fn put_head(&mut self, bucket: u32, place: u32) -> Result<(), PlaneError> {
        self.heads.set(bucket, place, 0).map_err(at(self.names.0))
    }

    fn put_entry(&mut self, place: u32, entry: &E) -> Result<(), PlaneError> {
        self.entries.set(place, *entry, 0).map_err(at(self.names.1))
    }
}

fn refused(refusal: Refusal<PlaneError>) -> PlaneError {
    match refusal {
        Refusal::Crowded => PlaneError::Full(MAX_CHAIN),
        Refusal::Store(error) => error,
    }
}

/// Writes an array element unless it holds the value already.
fn put<V: Pod + PartialEq>(map: &mut Array<MapData, V>, index: u32, value: &V, name: &'static str) -> Result<(), PlaneError> {
    if map.get(&index, 0).map_err(at(name))? != *value {
        map.set(index, *value, 0).map_err(at(name))?;
    }
    Ok(())
}

fn at(name: &'static str) -> impl Fn(MapError) -> PlaneError {
    move |source| PlaneError::Map { name, source }
}
