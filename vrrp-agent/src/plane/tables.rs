//! The maps of the data path: interfaces, VRIDs, addresses, services, backends, rings, guards, and
//! the sources of answers of NAT backends.
//!
//! Each setter takes the whole wanted state and writes only the differences. No other process
//! writes these maps while the agent runs, so a setter remembers what it wrote last. Reading it
//! back would cost a system call for each entry.

mod arrays;
mod guards;
mod reverse;
mod rings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aya::Pod;
use aya::maps::{Array, HashMap, MapData, MapError};
use vrrp_common::maps::{
    AddressConf, AddressEntry, AddressKey, BackendConf, InterfaceConf, MAX_ADDRESSES, MAX_IFINDEX,
    MAX_INTERFACES, MAX_SERVICES, Ring, ServiceEntry, ServiceKey, name, vrid_slot,
};

use super::PlaneError;
use super::bucket_table::BucketTable;
use super::maps::MapSet;
use arrays::{Arrays, refused};
use guards::Guards;
use reverse::Reverse;
use vrrp_model::RouterIdx;
use vrrp_steering::desired::ServiceConf;

/// Map handles for the agent's loop alone.
pub struct Tables {
    interfaces: Array<MapData, u32>,
    interface_conf: Array<MapData, InterfaceConf>,
    vrids: Array<MapData, u32>,
    addresses: BucketTable<AddressEntry>,
    address_arrays: Arrays<AddressEntry>,
    /// Where the search for a free index begins.
    next_index: u32,
    services: BucketTable<ServiceEntry>,
    service_arrays: Arrays<ServiceEntry>,
    service_rings: Array<MapData, u32>,
    rings: Array<MapData, Ring>,
    backends: Array<MapData, BackendConf>,
    pub guards: Guards,
    pub reverse: Reverse,
    /// Interface index of each slot; 0: free.
    slots: Vec<u32>,
    /// What was written last; `None` at first, and after a failure.
    written: Written,
}

#[derive(Default)]
struct Written {
    interfaces: Option<BTreeMap<u32, InterfaceConf>>,
    vrids: Option<BTreeMap<(u32, bool, u8), RouterIdx>>,
    addresses: Option<BTreeMap<AddressKey, AddressConf>>,
    /// All entries that are not empty.
    backends: BTreeMap<u32, BackendConf>,
}

impl Tables {
    /// # Errors
    /// A map is missing or cannot be opened or read.
    pub fn open(maps: &MapSet) -> Result<Self, PlaneError> {
        let interface_conf: Array<MapData, InterfaceConf> = maps.array(name::INTERFACE_CONF)?;
        let slots = interface_conf.iter().map(|conf| conf.map_or(0, |conf| conf.ifindex)).collect();
        let (address_arrays, addresses) =
            Arrays::open(maps, name::ADDRESS_BUCKETS, name::ADDRESSES)?;
        let (service_arrays, services) = Arrays::open(maps, name::SERVICE_BUCKETS, name::SERVICES)?;
        let backends: Array<MapData, BackendConf> = maps.array(name::BACKENDS)?;
        let mut written = Written::default();
        for (number, conf) in (0..).zip(backends.iter()) {
            let conf = conf.map_err(at(name::BACKENDS))?;
            if conf != BackendConf::default() {
                written.backends.insert(number, conf);
            }
        }
        Ok(Self {
            interfaces: maps.array(name::INTERFACES)?,
            interface_conf,
            vrids: maps.array(name::VRIDS)?,
            addresses,
            address_arrays,
            next_index: 0,
            services,
            service_arrays,
            service_rings: maps.array(name::SERVICE_RINGS)?,
            rings: maps.array(name::RINGS)?,
            backends,
            guards: Guards::open(maps)?,
            reverse: Reverse::open(maps)?,
            slots,
            written,
        })
    }

    /// The slot of an interface, which is the index of its counters.
    pub fn slot(&self, ifindex: u32) -> Option<u32> {
        self.slots.iter().position(|&held| held == ifindex && ifindex != 0).map(|slot| slot as u32)
    }

    /// Assigns slots to the interfaces and routers to their VRIDs, and frees those of interfaces
    /// that are gone.
    ///
    /// # Errors
    /// Too many interfaces, an interface index out of range, or a map that cannot be written;
    /// likewise below.
    pub fn set_interfaces(
        &mut self,
        interfaces: &BTreeMap<u32, InterfaceConf>,
        vrids: &BTreeMap<(u32, bool, u8), RouterIdx>,
    ) -> Result<(), PlaneError> {
        if self.written.interfaces.as_ref() == Some(interfaces)
            && self.written.vrids.as_ref() == Some(vrids)
        {
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
            let slot = self
                .slot(ifindex)
                .or_else(|| self.slots.iter().position(|&held| held == 0).map(|slot| slot as u32));
            let slot = slot.ok_or(PlaneError::Full(MAX_INTERFACES))?;
            self.slots[slot as usize] = ifindex;
            put(&mut self.interface_conf, slot, conf, name::INTERFACE_CONF)?;
            for (v6, vrid) in (0..=u8::MAX).flat_map(|vrid| [(false, vrid), (true, vrid)]) {
                let router = vrids.get(&(ifindex, v6, vrid)).map_or(0, |idx| idx.get() + 1);
                put(&mut self.vrids, vrid_slot(slot, v6, vrid), &router, name::VRIDS)?;
            }
            // Last: from here on the program filters the interface's packets.
            put(&mut self.interfaces, ifindex, &(slot + 1), name::INTERFACES)?;
        }
        (self.written.interfaces, self.written.vrids) =
            (Some(interfaces.clone()), Some(vrids.clone()));
        Ok(())
    }

    fn free_slot(&mut self, slot: u32, ifindex: u32) -> Result<(), PlaneError> {
        put(&mut self.interfaces, ifindex, &0, name::INTERFACES)?;
        put(&mut self.interface_conf, slot, &InterfaceConf::default(), name::INTERFACE_CONF)?;
        self.slots[slot as usize] = 0;
        Ok(())
    }

    pub fn set_addresses(
        &mut self,
        wanted: &BTreeMap<AddressKey, AddressConf>,
    ) -> Result<(), PlaneError> {
        if self.written.addresses.as_ref() == Some(wanted) {
            return Ok(());
        }
        self.written.addresses = None;
        let indexes =
            self.addresses.assign(wanted.keys().copied(), &mut self.next_index, MAX_ADDRESSES);
        let indexes = indexes.ok_or(PlaneError::Full(MAX_ADDRESSES))?;
        let entries = wanted
            .iter()
            .map(|(key, &conf)| (indexes[key], AddressEntry { key: *key, next: 0, conf }))
            .collect::<BTreeMap<_, _>>();
        self.addresses.set(&entries, &mut self.address_arrays).map_err(refused)?;
        self.written.addresses = Some(wanted.clone());
        Ok(())
    }

    /// Writes the services, by number. A service whose address is not in the program's map is left
    /// out.
    pub fn set_services(&mut self, wanted: &BTreeMap<u32, ServiceConf>) -> Result<(), PlaneError> {
        let mut entries = BTreeMap::new();
        for (&number, conf) in wanted {
            if number >= MAX_SERVICES {
                return Err(PlaneError::Full(MAX_SERVICES));
            }
            if let Some(address) = self.addresses.index(&conf.address) {
                let key = ServiceKey { address, port: conf.port, protocol: conf.protocol, pad: 0 };
                entries.insert(number, ServiceEntry { key, next: 0, flags: conf.flags });
            }
        }
        self.services.set(&entries, &mut self.service_arrays).map_err(refused)
    }
}

/// Writes an array element unless it has the value already.
fn put<V: Pod + PartialEq>(
    map: &mut Array<MapData, V>,
    index: u32,
    value: &V,
    name: &'static str,
) -> Result<(), PlaneError> {
    if map.get(&index, 0).map_err(at(name))? != *value {
        map.set(index, *value, 0).map_err(at(name))?;
    }
    Ok(())
}

/// Makes a hash hold exactly these entries.
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
