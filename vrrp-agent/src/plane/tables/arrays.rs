//! Stores chained tables in the maps.

use aya::Pod;
use aya::maps::{Array, MapData};
use vrrp_common::maps::MAX_CHAIN;

use super::at;
use crate::plane::PlaneError;
use crate::plane::bucket_table::{BucketTable, Entry, Refusal, Store};
use crate::plane::maps::MapSet;

/// The two arrays of one chained table.
pub(super) struct Arrays<E: Pod> {
    heads: Array<MapData, u32>,
    entries: Array<MapData, E>,
    names: (&'static str, &'static str),
}

impl<E: Pod + Entry> Arrays<E> {
    /// Opens the arrays and reads the entries in them.
    pub(super) fn open(
        maps: &MapSet,
        heads: &'static str,
        entries: &'static str,
    ) -> Result<(Self, BucketTable<E>), PlaneError> {
        let arrays = Self {
            heads: maps.array(heads)?,
            entries: maps.array(entries)?,
            names: (heads, entries),
        };
        let mut led = Vec::new();
        for (bucket, head) in (0..).zip(arrays.heads.iter()) {
            let head = head.map_err(at(heads))?;
            if head != 0 {
                led.push((bucket, head));
            }
        }
        let found = BucketTable::found(led, |index| arrays.entries.get(&index, 0).ok());
        Ok((arrays, found))
    }
}

impl<E: Pod> Store<E> for Arrays<E> {
    type Error = PlaneError;

    fn put_head(&mut self, bucket: u32, index: u32) -> Result<(), PlaneError> {
        self.heads.set(bucket, index, 0).map_err(at(self.names.0))
    }

    fn put_entry(&mut self, index: u32, entry: &E) -> Result<(), PlaneError> {
        self.entries.set(index, *entry, 0).map_err(at(self.names.1))
    }
}

pub(super) fn refused(refusal: Refusal<PlaneError>) -> PlaneError {
    match refusal {
        Refusal::Crowded => PlaneError::Full(MAX_CHAIN),
        Refusal::Store(error) => error,
    }
}
