//! The tables that say whose packets are whose: interfaces, VRIDs, addresses, services, backends, rings.
//!
//! Each setter takes the whole of what should be there and writes only what differs. Nobody else writes these maps while the
//! agent runs: what a setter wrote last is remembered, and not looked up again in the kernel, a system call for each entry.

use std::collections::{BTreeMap, BTreeSet};

use aya::Pod;
use aya::maps::{Array, HashMap, MapData, MapError};
use vrrp_common::maps::{
    AddressConf, AddressKey, BackendConf, InterfaceConf, MAX_BACKENDS, MAX_IFINDEX, MAX_INTERFACES, Ring, ServiceKey,
    address_hint, name, vrid_slot,
};

use super::PlaneError;
use super::maps::MapSet;

/// Handles for the agent's loop alone.
pub struct Tables {
    interfaces: Array<MapData, u32>,
    interface_conf: Array<MapData, InterfaceConf>,
    vrids: Array<MapData, u32>,
    addresses: HashMap<MapData, AddressKey, AddressConf>,
    hints: Array<MapData, u32>,
    services: HashMap<MapData, ServiceKey, u32>,
    generations: Array<MapData, u32>,
    rings: Array<MapData, Ring>,
    backends: Array<MapData, BackendConf>,
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
        Ok(Self {
            interfaces: maps.array(name::INTERFACES)?,
            interface_conf,
            vrids: maps.array(name::VRIDS)?,
            addresses: maps.hash_map(name::ADDRESSES)?,
            hints: maps.array(name::ADDRESS_HINTS)?,
            services: maps.hash_map(name::SERVICES)?,
            generations: maps.array(name::GENERATIONS)?,
            rings: maps.array(name::RINGS)?,
            backends: maps.array(name::BACKENDS)?,
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
        let hints: BTreeSet<u32> = wanted.keys().map(|key| address_hint(&key.address)).collect();
        let held = self.addresses.keys().map(|key| key.map(|key| address_hint(&key.address)));
        let held = held.collect::<Result<BTreeSet<u32>, MapError>>().map_err(at(name::ADDRESSES))?;
        // A hint covers its addresses from before the first comes until after the last is gone.
        for &hint in &hints {
            put(&mut self.hints, hint, &1, name::ADDRESS_HINTS)?;
        }
        put_all(&mut self.addresses, wanted, name::ADDRESSES)?;
        for &hint in held.difference(&hints) {
            put(&mut self.hints, hint, &0, name::ADDRESS_HINTS)?;
        }
        self.written.addresses = Some(wanted.clone());
        Ok(())
    }

    pub fn set_services(&mut self, wanted: &BTreeMap<ServiceKey, u32>) -> Result<(), PlaneError> {
        put_all(&mut self.services, wanted, name::SERVICES)
    }

    pub fn set_backends(&mut self, wanted: &BTreeMap<u32, BackendConf>) -> Result<(), PlaneError> {
        for (&index, conf) in wanted {
            if index >= MAX_BACKENDS {
                return Err(PlaneError::Full(MAX_BACKENDS));
            }
            put(&mut self.backends, index, conf, name::BACKENDS)?;
        }
        Ok(())
    }

    /// Fills the service's idle ring and makes it the live one. Packets see the old ring or the new one, never a mixture.
    ///
    /// The caller lets a grace period pass between two calls for a service: a packet may still be reading the ring that was
    /// live before the last flip.
    pub fn publish_ring(&mut self, service: u32, ring: &Ring) -> Result<(), PlaneError> {
        let live = self.generations.get(&service, 0).map_err(at(name::GENERATIONS))? & 1;
        let idle = 1 - live;
        self.rings.set(service * 2 + idle, ring, 0).map_err(at(name::RINGS))?;
        self.generations.set(service, idle, 0).map_err(at(name::GENERATIONS))
    }
}

/// Writes an array element unless it holds the value already.
fn put<V: Pod + PartialEq>(map: &mut Array<MapData, V>, index: u32, value: &V, name: &'static str) -> Result<(), PlaneError> {
    if map.get(&index, 0).map_err(at(name))? != *value {
        map.set(index, *value, 0).map_err(at(name))?;
    }
    Ok(())
}

/// Makes a hash hold just these entries.
pub(super) fn put_all<K: Pod + Ord, V: Pod + PartialEq>(
    map: &mut HashMap<MapData, K, V>,
    wanted: &BTreeMap<K, V>,
    name: &'static str,
) -> Result<(), PlaneError> {
    let held: BTreeMap<K, V> = map.iter().collect::<Result<_, MapError>>().map_err(at(name))?;
    for key in held.keys().filter(|key| !wanted.contains_key(key)) {
        map.remove(key).map_err(at(name))?;
    }
    for (key, value) in wanted {
        if held.get(key) != Some(value) {
            map.insert(key, value, 0).map_err(at(name))?;
        }
    }
    Ok(())
}

pub(super) fn at(name: &'static str) -> impl Fn(MapError) -> PlaneError {
    move |source| PlaneError::Map { name, source }
}
