//! Typed handles to the maps. Every thread opens its own, so no thread waits for another.

use std::collections::HashMap;
use std::os::fd::AsFd;

use aya::Pod;
use aya::maps::lpm_trie::LpmTrie;
use aya::maps::{Array, Map, MapData, MapError, PerCpuArray};

use super::PlaneError;

/// The loaded maps by name.
pub struct MapSet(HashMap<&'static str, MapData>);

impl MapSet {
    pub(super) fn new(maps: HashMap<&'static str, MapData>) -> Self {
        Self(maps)
    }

    /// A new handle to an ARRAY of `V`.
    ///
    /// # Errors
    /// The map is missing, is of another type, or no file descriptor is left.
    pub fn array<V: Pod>(&self, name: &'static str) -> Result<Array<MapData, V>, PlaneError> {
        Array::try_from(self.open(name)?).map_err(|source| PlaneError::Map { name, source })
    }

    /// A new handle to a PERCPU_ARRAY of `V`; errors as for [`MapSet::array`].
    pub fn per_cpu_array<V: Pod>(
        &self,
        name: &'static str,
    ) -> Result<PerCpuArray<MapData, V>, PlaneError> {
        PerCpuArray::try_from(self.open(name)?).map_err(|source| PlaneError::Map { name, source })
    }

    /// A new handle to a HASH; errors as for [`MapSet::array`].
    pub fn hash_map<K: Pod, V: Pod>(
        &self,
        name: &'static str,
    ) -> Result<aya::maps::HashMap<MapData, K, V>, PlaneError> {
        aya::maps::HashMap::try_from(self.open(name)?)
            .map_err(|source| PlaneError::Map { name, source })
    }

    /// A new handle to an LPM_TRIE; errors as for [`MapSet::array`].
    pub fn lpm_trie<K: Pod, V: Pod>(
        &self,
        name: &'static str,
    ) -> Result<LpmTrie<MapData, K, V>, PlaneError> {
        LpmTrie::try_from(self.open(name)?).map_err(|source| PlaneError::Map { name, source })
    }

    fn open(&self, name: &'static str) -> Result<Map, PlaneError> {
        let data = self.0.get(name).ok_or(PlaneError::NoMap(name))?;
        let fd = data.fd().as_fd().try_clone_to_owned().map_err(PlaneError::Handle)?;
        let open = |fd| -> Result<Map, MapError> { Map::from_map_data(MapData::from_fd(fd)?) };
        open(fd).map_err(|source| PlaneError::Map { name, source })
    }
}
