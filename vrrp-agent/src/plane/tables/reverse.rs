//! Writes the source addresses that answers of NAT backends get.

use std::collections::{BTreeMap, BTreeSet};

use aya::maps::{Array, MapData};
use vrrp_common::maps::{MAX_BACKENDS, ReverseConf, ReverseEntry, ReverseKey, name, reverse_hint};

use super::arrays::{Arrays, refused};
use super::{at, put};
use crate::plane::PlaneError;
use crate::plane::bucket_table::BucketTable;
use crate::plane::maps::MapSet;

/// The entries, and the hints that save other packets the lookup.
pub struct Reverse {
    hints: Array<MapData, u32>,
    /// Hints that are set.
    hinted: BTreeSet<u32>,
    entries: BucketTable<ReverseEntry>,
    arrays: Arrays<ReverseEntry>,
    /// Where the search for a free index begins.
    next_index: u32,
    /// What was written last; `None` at first, and after a failure.
    written: Option<BTreeMap<ReverseKey, ReverseConf>>,
}

impl Reverse {
    /// Reads the entries that an earlier agent wrote.
    ///
    /// # Errors
    /// A map cannot be opened or read; likewise below.
    pub(super) fn open(maps: &MapSet) -> Result<Self, PlaneError> {
        let hints: Array<MapData, u32> = maps.array(name::REVERSE_HINTS)?;
        let (arrays, entries) = Arrays::open(maps, name::REVERSE_BUCKETS, name::REVERSE)?;
        let mut hinted = BTreeSet::new();
        for (index, hint) in (0..).zip(hints.iter()) {
            if hint.map_err(at(name::REVERSE_HINTS))? != 0 {
                hinted.insert(index);
            }
        }
        Ok(Self { hints, hinted, entries, arrays, next_index: 0, written: None })
    }

    /// Writes the entries. A hint is set before its entries are written, and cleared after they are
    /// removed.
    ///
    /// # Errors
    /// Too many entries besides.
    pub fn set(&mut self, wanted: &BTreeMap<ReverseKey, ReverseConf>) -> Result<(), PlaneError> {
        if self.written.as_ref() == Some(wanted) {
            return Ok(());
        }
        self.written = None;
        let indexes =
            self.entries.assign(wanted.keys().copied(), &mut self.next_index, MAX_BACKENDS);
        let indexes = indexes.ok_or(PlaneError::Full(MAX_BACKENDS))?;
        let hints: BTreeSet<u32> = wanted.keys().map(|key| reverse_hint(&key.address)).collect();
        for &hint in hints.difference(&self.hinted.clone()) {
            put(&mut self.hints, hint, &1, name::REVERSE_HINTS)?;
            self.hinted.insert(hint);
        }
        let entries = wanted
            .iter()
            .map(|(key, &conf)| (indexes[key], ReverseEntry { key: *key, next: 0, pad: 0, conf }));
        self.entries.set(&entries.collect(), &mut self.arrays).map_err(refused)?;
        let idle: Vec<u32> = self.hinted.difference(&hints).copied().collect();
        for hint in idle {
            put(&mut self.hints, hint, &0, name::REVERSE_HINTS)?;
            self.hinted.remove(&hint);
        }
        self.written = Some(wanted.clone());
        Ok(())
    }
}
