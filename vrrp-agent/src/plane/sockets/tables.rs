//! The maps that decide where connections go, and the programs' counters.

use std::collections::{BTreeMap, BTreeSet};

use aya::maps::PerCpuValues;
use aya::maps::{Array, HashMap, MapData, MapError, PerCpuArray};
use aya::util::nr_cpus;
use vrrp_common::socket_maps::{
    Backend, Load, MAX_BACKENDS, MAX_MEMBERS, MAX_UPSTREAMS, Member, Outcomes, Upstream,
    UpstreamKey, name,
};

use super::super::PlaneError;
use super::super::maps::MapSet;
use super::super::tables::{at, put_all};
use vrrp_steering::desired::Pool;
use vrrp_steering::map_ids::IdAllocator;

/// Map handles for the agent's loop alone.
pub struct SocketTables {
    upstreams: HashMap<MapData, UpstreamKey, Upstream>,
    backends: Array<MapData, Backend>,
    loads: Array<MapData, Load>,
    outcomes: PerCpuArray<MapData, Outcomes>,
    /// Indexes of backends. A restarted agent finds them again, for connections that an earlier
    /// agent's programs counted.
    backend_indexes: IdAllocator<Backend>,
    indices: IdAllocator<UpstreamKey>,
    /// The contents of the map; `None` if they are not known.
    written: Option<BTreeMap<UpstreamKey, Upstream>>,
}

impl SocketTables {
    /// # Errors
    /// A map is missing or cannot be opened or read.
    pub fn open(maps: &MapSet) -> Result<Self, PlaneError> {
        let upstreams: HashMap<MapData, UpstreamKey, Upstream> = maps.hash_map(name::UPSTREAMS)?;
        let backends: Array<MapData, Backend> = maps.array(name::BACKENDS)?;
        let held = (0..).zip(backends.iter()).map(|(index, backend)| Ok((backend?, index)));
        let held =
            held.collect::<Result<BTreeMap<_, _>, MapError>>().map_err(at(name::BACKENDS))?;
        let known =
            upstreams.iter().map(|entry| entry.map(|(key, upstream)| (key, upstream.index)));
        let known =
            known.collect::<Result<BTreeMap<_, _>, MapError>>().map_err(at(name::UPSTREAMS))?;
        Ok(Self {
            upstreams,
            backends,
            loads: maps.array(name::LOADS)?,
            outcomes: maps.per_cpu_array(name::OUTCOMES)?,
            backend_indexes: IdAllocator::known(
                held.into_iter().filter(|(backend, _)| *backend != Backend::default()),
            ),
            indices: IdAllocator::known(known),
            written: None,
        })
    }

    /// Assigns indexes to these backends, and frees those of all others.
    ///
    /// # Errors
    /// Too many backends, or a map that cannot be written; likewise below.
    pub fn set_backends(&mut self, wanted: &BTreeSet<Backend>) -> Result<(), PlaneError> {
        if self.backend_indexes.are_of(wanted) {
            return Ok(());
        }
        let mut indexes = self.backend_indexes.clone();
        indexes.assign(&wanted.iter().copied().collect::<Vec<_>>());
        for (_, index) in
            self.backend_indexes.iter().filter(|(backend, _)| !wanted.contains(backend))
        {
            self.backends.set(index, Backend::default(), 0).map_err(at(name::BACKENDS))?;
        }
        for (backend, index) in
            indexes.iter().filter(|(backend, _)| self.backend_indexes.get(backend).is_none())
        {
            if index >= MAX_BACKENDS {
                return Err(PlaneError::Full(MAX_BACKENDS));
            }
            begin(&mut self.loads, index, |_| Load::default())?;
            self.backends.set(index, backend, 0).map_err(at(name::BACKENDS))?;
        }
        self.backend_indexes = indexes;
        Ok(())
    }

    /// Writes the pools. A pool that is `None`, without a result yet, stays as it is.
    pub fn set_pools(
        &mut self,
        wanted: &BTreeMap<UpstreamKey, Option<Pool>>,
    ) -> Result<(), PlaneError> {
        let mut indices = self.indices.clone();
        indices.assign(&wanted.keys().copied().collect::<Vec<_>>());
        for (_, index) in indices.iter().filter(|(key, _)| self.indices.get(key).is_none()) {
            if index >= MAX_UPSTREAMS {
                return Err(PlaneError::Full(MAX_UPSTREAMS));
            }
            let zero = PerCpuValues::try_from(vec![Outcomes::default(); cpus()?]);
            let zero = zero.map_err(|error| at(name::OUTCOMES)(error.into()))?;
            self.outcomes.set(index, zero, 0).map_err(at(name::OUTCOMES))?;
        }
        self.indices = indices;
        let held = match self.written.take() {
            Some(written) => written,
            None => self
                .upstreams
                .iter()
                .collect::<Result<_, MapError>>()
                .map_err(at(name::UPSTREAMS))?,
        };
        let of = |(key, pool): (&UpstreamKey, &Option<Pool>)| {
            let upstream = match pool {
                Some(pool) => self.upstream(key, pool),
                None => held.get(key).copied(),
            };
            Some((*key, upstream?))
        };
        let entries: BTreeMap<UpstreamKey, Upstream> = wanted.iter().filter_map(of).collect();
        if entries != held {
            put_all(&mut self.upstreams, &entries, name::UPSTREAMS)?;
        }
        self.written = Some(entries);
        Ok(())
    }

    fn upstream(&self, key: &UpstreamKey, pool: &Pool) -> Option<Upstream> {
        let mut members = [Member::default(); MAX_MEMBERS];
        let placed = pool
            .members
            .iter()
            .filter_map(|(backend, weight)| Some((self.backend_indexes.get(backend)?, *weight)));
        let mut count = 0;
        for (member, (backend, weight)) in members.iter_mut().zip(placed) {
            *member = Member { backend, weight };
            count += 1;
        }
        Some(Upstream {
            index: self.indices.get(key)?,
            balance: pool.balance,
            count,
            pad: 0,
            members,
        })
    }

    /// Restarts the counts: connections may have been closed without a program that counted it.
    ///
    /// # Errors
    /// As above.
    pub fn restart_counts(&mut self) -> Result<(), PlaneError> {
        let keep = |held: Load| Load { in_flight: 0, suspect_until: 0, ..held };
        self.backend_indexes.iter().try_for_each(|(_, index)| begin(&mut self.loads, index, keep))
    }

    /// Index of a backend's counters.
    pub fn backend_index(&self, backend: &Backend) -> Option<u32> {
        self.backend_indexes.get(backend)
    }

    /// Index of an upstream's counters.
    pub fn upstream_index(&self, key: &UpstreamKey) -> Option<u32> {
        self.indices.get(key)
    }
}

/// Begins a new epoch of a backend index, with what stays of its load.
fn begin(
    loads: &mut Array<MapData, Load>,
    index: u32,
    stays: impl Fn(Load) -> Load,
) -> Result<(), PlaneError> {
    let held = loads.get(&index, 0).map_err(at(name::LOADS))?;
    loads.set(index, Load { epoch: held.epoch + 1, ..stays(held) }, 0).map_err(at(name::LOADS))
}

fn cpus() -> Result<usize, PlaneError> {
    nr_cpus().map_err(|(_, error)| PlaneError::Handle(error))
}

/// Map handles for building the status. A value that cannot be read counts as zero.
pub struct SocketCounters {
    loads: Array<MapData, Load>,
    outcomes: PerCpuArray<MapData, Outcomes>,
}

impl SocketCounters {
    /// # Errors
    /// A map is missing or cannot be opened.
    pub fn open(maps: &MapSet) -> Result<Self, PlaneError> {
        Ok(Self { loads: maps.array(name::LOADS)?, outcomes: maps.per_cpu_array(name::OUTCOMES)? })
    }

    pub fn load(&self, index: u32) -> Load {
        self.loads.get(&index, 0).unwrap_or_default()
    }

    pub fn outcomes(&self, index: u32) -> Outcomes {
        let add = |a: Outcomes, b: &Outcomes| Outcomes {
            steered: a.steered + b.steered,
            refused: a.refused + b.refused,
            uncounted: a.uncounted + b.uncounted,
        };
        self.outcomes
            .get(&index, 0)
            .map_or_else(|_| Outcomes::default(), |all| all.iter().fold(Outcomes::default(), add))
    }
}
