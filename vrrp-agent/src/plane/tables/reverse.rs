//! The names that answers of NAT backends get.

use std::collections::{BTreeMap, BTreeSet};

use aya::maps::{Array, HashMap, MapData};
use vrrp_common::maps::{MAX_BACKENDS, ReverseConf, ReverseKey, name, reverse_hint};

use super::{at, put};
use crate::plane::PlaneError;
use crate::plane::maps::MapSet;

/// The entries, and the hints that spare other packets the lookup.
pub struct Reverse {
    hints: Array<MapData, u32>,
    entries: HashMap<MapData, ReverseKey, ReverseConf>,
    /// What stands in each.
    hinted: BTreeSet<u32>,
    held: BTreeMap<ReverseKey, ReverseConf>,
}

impl Reverse {
    /// With what an earlier agent left there.
    ///
    /// # Errors
    /// A map cannot be opened or read; likewise below.
    pub(super) fn open(maps: &MapSet) -> Result<Self, PlaneError> {
        let hints: Array<MapData, u32> = maps.array(name::REVERSE_HINTS)?;
        let entries: HashMap<MapData, ReverseKey, ReverseConf> = maps.hash_map(name::REVERSE)?;
        let held = entries.iter().collect::<Result<_, _>>().map_err(at(name::REVERSE))?;
        let mut hinted = BTreeSet::new();
        for (index, hint) in (0..).zip(hints.iter()) {
            if hint.map_err(at(name::REVERSE_HINTS))? != 0 {
                hinted.insert(index);
            }
        }
        Ok(Self { hints, entries, hinted, held })
    }

    /// Makes these the names. A hint is there before its entries and stays longer.
    ///
    /// # Errors
    /// Too many entries besides.
    pub fn set(&mut self, wanted: &BTreeMap<ReverseKey, ReverseConf>) -> Result<(), PlaneError> {
        if wanted.len() > MAX_BACKENDS as usize {
            return Err(PlaneError::Full(MAX_BACKENDS));
        }
        let hints: BTreeSet<u32> = wanted.keys().map(|key| reverse_hint(&key.address)).collect();
        for &hint in &hints {
            if !self.hinted.contains(&hint) {
                put(&mut self.hints, hint, &1, name::REVERSE_HINTS)?;
                self.hinted.insert(hint);
            }
        }
        // First out, so that there is room for what comes in.
        let stray: Vec<ReverseKey> = self.held.keys().filter(|key| !wanted.contains_key(key)).copied().collect();
        for key in stray {
            self.entries.remove(&key).map_err(at(name::REVERSE))?;
            self.held.remove(&key);
        }
        for (&key, &conf) in wanted {
            if self.held.get(&key) != Some(&conf) {
                self.entries.insert(key, conf, 0).map_err(at(name::REVERSE))?;
                self.held.insert(key, conf);
            }
        }
        let idle: Vec<u32> = self.hinted.difference(&hints).copied().collect();
        for hint in idle {
            put(&mut self.hints, hint, &0, name::REVERSE_HINTS)?;
            self.hinted.remove(&hint);
        }
        Ok(())
    }
}
