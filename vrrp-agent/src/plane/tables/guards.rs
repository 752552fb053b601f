//! Writes the connection guards of services: which sources may open connections, and how many.

use std::collections::BTreeMap;

use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, MapData};
use vrrp_common::maps::{GuardConf, GuardedSource, MAX_GUARD_SOURCES, MAX_SERVICES, name};

use super::{at, put};
use crate::plane::PlaneError;
use crate::plane::maps::MapSet;

/// The verdict on a source, by prefix length and key.
pub type Sources = BTreeMap<(u32, GuardedSource), u32>;

/// Limits and source lists.
pub struct Guards {
    limits: Array<MapData, GuardConf>,
    trie: LpmTrie<MapData, GuardedSource, u32>,
    /// The limits in the map.
    limited: BTreeMap<u32, GuardConf>,
    listed: Sources,
}

impl Guards {
    /// Reads what an earlier agent left in the maps.
    ///
    /// # Errors
    /// A map cannot be opened or read; likewise below.
    pub(super) fn open(maps: &MapSet) -> Result<Self, PlaneError> {
        let limits: Array<MapData, GuardConf> = maps.array(name::GUARDS)?;
        let trie: LpmTrie<MapData, GuardedSource, u32> = maps.lpm_trie(name::GUARD_SOURCES)?;
        let mut limited = BTreeMap::new();
        for (service, conf) in (0..).zip(limits.iter()) {
            let conf = conf.map_err(at(name::GUARDS))?;
            if conf != GuardConf::default() {
                limited.insert(service, conf);
            }
        }
        let entry = |entry: Result<(Key<GuardedSource>, u32), _>| {
            entry
                .map(|(key, verdict)| ((key.prefix_len(), key.data()), verdict))
                .map_err(at(name::GUARD_SOURCES))
        };
        let listed = trie.iter().map(entry).collect::<Result<_, _>>()?;
        Ok(Self { limits, trie, limited, listed })
    }

    /// Writes the guards. Sources are added before their service's guard refers to them, and
    /// removed after it: no connection is refused because an entry is not written yet.
    ///
    /// # Errors
    /// Too many sources or services besides.
    pub fn set(
        &mut self,
        limits: &BTreeMap<u32, GuardConf>,
        sources: &Sources,
    ) -> Result<(), PlaneError> {
        if sources.len() > MAX_GUARD_SOURCES as usize {
            return Err(PlaneError::Full(MAX_GUARD_SOURCES));
        }
        for (&(length, source), &verdict) in sources {
            if self.listed.get(&(length, source)) != Some(&verdict) {
                self.trie
                    .insert(&Key::new(length, source), verdict, 0)
                    .map_err(at(name::GUARD_SOURCES))?;
                self.listed.insert((length, source), verdict);
            }
        }
        self.set_limits(limits)?;
        let stray: Vec<(u32, GuardedSource)> =
            self.listed.keys().filter(|key| !sources.contains_key(key)).copied().collect();
        for (length, source) in stray {
            self.trie.remove(&Key::new(length, source)).map_err(at(name::GUARD_SOURCES))?;
            self.listed.remove(&(length, source));
        }
        Ok(())
    }

    fn set_limits(&mut self, wanted: &BTreeMap<u32, GuardConf>) -> Result<(), PlaneError> {
        let stray: Vec<u32> =
            self.limited.keys().filter(|service| !wanted.contains_key(service)).copied().collect();
        for service in stray {
            put(&mut self.limits, service, &GuardConf::default(), name::GUARDS)?;
            self.limited.remove(&service);
        }
        for (&service, &conf) in wanted {
            if service >= MAX_SERVICES {
                return Err(PlaneError::Full(MAX_SERVICES));
            }
            if self.limited.get(&service) != Some(&conf) {
                put(&mut self.limits, service, &conf, name::GUARDS)?;
                self.limited.insert(service, conf);
            }
        }
        Ok(())
    }
}
