//! The tables that say where connections go, and what the programs counted.

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

/// Handles for the agent's loop alone.
pub struct SocketTables {
    upstreams: HashMap<MapData, UpstreamKey, Upstream>,
    backends: Array<MapData, Backend>,
    loads: Array<MapData, Load>,
    outcomes: PerCpuArray<MapData, Outcomes>,
    /// Places of backends. They are found again after a restart, for connections that an earlier
    /// agent's programs counted.
    places: IdAllocator<Backend>,
    indices: IdAllocator<UpstreamKey>,
    /// What is in the map; `None` where that is not known.
    written: Option<BTreeMap<UpstreamKey, Upstream>>,
}

impl SocketTables {
    /// # Errors
    /// A map is missing or cannot be opened or read.
    pub fn open(maps: &MapSet) -> Result<Self, PlaneError> {
        let upstreams: HashMap<MapData, UpstreamKey, Upstream> = maps.hash_map(name::UPSTREAMS)?;
        let backends: Array<MapData, Backend> = maps.array(name::BACKENDS)?;
        let held = (0..).zip(backends.iter()).map(|(place, backend)| Ok((backend?, place)));
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
            places: IdAllocator::known(
                held.into_iter().filter(|(backend, _)| *backend != Backend::default()),
            ),
            indices: IdAllocator::known(known),
            written: None,
        })
    }

    /// Gives places to these backends, and takes them from all others.
    ///
    /// # Errors
    /// Too many backends, or a map that cannot be written; likewise below.
    pub fn set_backends(&mut self, wanted: &BTreeSet<Backend>) -> Result<(), PlaneError> {
        if self.places.are_of(wanted) {
            return Ok(());
        }
        let mut places = self.places.clone();
        places.assign(&wanted.iter().copied().collect::<Vec<_>>());
        for (_, place) in self.places.iter().filter(|(backend, _)| !wanted.contains(backend)) {
            self.backends.set(place, Backend::default(), 0).map_err(at(name::BACKENDS))?;
        }
        for (backend, place) in
            places.iter().filter(|(backend, _)| self.places.get(backend).is_none())
        {
            if place >= MAX_BACKENDS {
                return Err(PlaneError::Full(MAX_BACKENDS));
            }
            begin(&mut self.loads, place, |_| Load::default())?;
            self.backends.set(place, backend, 0).map_err(at(name::BACKENDS))?;
        }
        self.places = places;
        Ok(())
    }

    /// Puts the pools in force. One without an answer yet, `None`, stays as it is.
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
            .filter_map(|(backend, weight)| Some((self.places.get(backend)?, *weight)));
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

    /// Begins to count anew: connections may have been closed with no program to take them off the
    /// count.
    ///
    /// # Errors
    /// As above.
    pub fn begin_anew(&mut self) -> Result<(), PlaneError> {
        let keep = |held: Load| Load { in_flight: 0, suspect_until: 0, ..held };
        self.places.iter().try_for_each(|(_, place)| begin(&mut self.loads, place, keep))
    }

    /// Where the counters of a backend are.
    pub fn place(&self, backend: &Backend) -> Option<u32> {
        self.places.get(backend)
    }

    /// Where the counters of an upstream are.
    pub fn index(&self, key: &UpstreamKey) -> Option<u32> {
        self.indices.get(key)
    }
}

/// A new epoch of a place, with what stays of its load.
fn begin(
    loads: &mut Array<MapData, Load>,
    place: u32,
    stays: impl Fn(Load) -> Load,
) -> Result<(), PlaneError> {
    let held = loads.get(&place, 0).map_err(at(name::LOADS))?;
    loads.set(place, Load { epoch: held.epoch + 1, ..stays(held) }, 0).map_err(at(name::LOADS))
}

fn cpus() -> Result<usize, PlaneError> {
    nr_cpus().map_err(|(_, error)| PlaneError::Handle(error))
}

/// Handles for whoever builds the status. A value that cannot be read counts as zero.
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

    pub fn load(&self, place: u32) -> Load {
        self.loads.get(&place, 0).unwrap_or_default()
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
