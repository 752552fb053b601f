//! The election thread's maps: mastership, lease, fence, and the last advert that the kernel
//! program saw.

use aya::maps::{Array, MapData};
use vrrp_common::lease;
use vrrp_common::maps::{Liveness, RouterConf, name};

use super::PlaneError;
use super::maps::MapSet;
use vrrp_model::RouterIdx;
use vrrp_model::time::Instant;

/// Map handles for the election thread alone.
pub struct MastershipMaps {
    routers: Array<MapData, RouterConf>,
    mastership: Array<MapData, u64>,
    lease: Array<MapData, u64>,
    fence: Array<MapData, u64>,
    liveness: Array<MapData, Liveness>,
}

/// The mastership that an earlier agent left for a virtual router.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inherited {
    /// Epoch of its mastership; 0: none.
    pub mastership: u64,
    pub fence: u64,
}

impl Inherited {
    /// Whether the kernel program still treats the router as active. The lease may have expired: an
    /// advert of another master would have fenced the epoch.
    pub fn is_active(&self) -> bool {
        lease::active(self.mastership, self.fence)
    }
}

/// What the election thread reads and writes of a virtual router in the kernel, by its index in the
/// maps.
///
/// # Errors
/// Each method: the map cannot be read or written.
pub trait Mastership {
    fn inherited(&self, router: RouterIdx) -> Result<Inherited, PlaneError>;

    /// The last epoch that the kernel program fenced.
    fn fenced(&self, router: RouterIdx) -> Result<u64, PlaneError>;

    /// The last valid advert that the kernel program saw; `None` if it saw none.
    fn heard(&self, router: RouterIdx) -> Result<Option<Liveness>, PlaneError>;

    fn set_router(&mut self, router: RouterIdx, conf: &RouterConf) -> Result<(), PlaneError>;

    /// Begins (`Some` epoch) or ends the mastership in the kernel.
    fn set_mastership(&mut self, router: RouterIdx, epoch: Option<u64>) -> Result<(), PlaneError>;

    fn set_lease(&mut self, router: RouterIdx, until: Instant) -> Result<(), PlaneError>;

    /// Frees an index, mastership first.
    fn clear(&mut self, router: RouterIdx) -> Result<(), PlaneError> {
        self.set_mastership(router, None)?;
        self.set_router(router, &RouterConf::default())?;
        self.set_lease(router, Instant::default())
    }
}

impl MastershipMaps {
    /// # Errors
    /// A map is missing or cannot be opened.
    pub fn open(maps: &MapSet) -> Result<Self, PlaneError> {
        Ok(Self {
            routers: maps.array(name::ROUTERS)?,
            mastership: maps.array(name::MASTERSHIP)?,
            lease: maps.array(name::LEASE)?,
            fence: maps.array(name::FENCE)?,
            liveness: maps.array(name::LIVENESS)?,
        })
    }

    /// Assigns map indexes to virtual routers. A router of the same interface, VLAN, family and
    /// VRID keeps the index that an earlier agent gave it, so that mastership, fence and counters
    /// continue; another one gets a free index. Routers that are not wanted any more are cleared,
    /// mastership first.
    ///
    /// # Errors
    /// No index is left, or a map cannot be written.
    pub fn assign_indexes(&mut self, wanted: &[RouterConf]) -> Result<Vec<RouterIdx>, PlaneError> {
        let held: Vec<RouterConf> = self.routers.iter().map(Result::unwrap_or_default).collect();
        let same = |a: &RouterConf, b: &RouterConf| {
            (a.ifindex, a.vlan, a.is_v6(), a.vrid) == (b.ifindex, b.vlan, b.is_v6(), b.vrid)
        };
        let mut indexes: Vec<Option<u32>> = wanted
            .iter()
            .map(|router| {
                held.iter()
                    .position(|old| old.used == 1 && router.ifindex != 0 && same(old, router))
            })
            .map(|slot| slot.map(|index| index as u32))
            .collect();
        for (index, old) in (0..).zip(&held) {
            if old.used == 1 && !indexes.contains(&Some(index)) {
                self.clear(RouterIdx::new(index))?;
            }
        }
        let mut next = 0;
        for slot in indexes.iter_mut().filter(|slot| slot.is_none()) {
            while held.get(next).is_some_and(|old| old.used == 1) {
                next += 1;
            }
            if next >= held.len() {
                return Err(PlaneError::Full(held.len() as u32));
            }
            *slot = Some(next as u32);
            next += 1;
        }
        Ok(indexes.into_iter().flatten().map(RouterIdx::new).collect())
    }

    fn put(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), aya::maps::MapError>,
        name: &'static str,
    ) -> Result<(), PlaneError> {
        write(self).map_err(at(name))
    }
}

impl Mastership for MastershipMaps {
    fn inherited(&self, router: RouterIdx) -> Result<Inherited, PlaneError> {
        Ok(Inherited {
            mastership: self.mastership.get(&router.get(), 0).map_err(at(name::MASTERSHIP))?,
            fence: self.fenced(router)?,
        })
    }

    fn fenced(&self, router: RouterIdx) -> Result<u64, PlaneError> {
        self.fence.get(&router.get(), 0).map_err(at(name::FENCE))
    }

    fn heard(&self, router: RouterIdx) -> Result<Option<Liveness>, PlaneError> {
        let heard = self.liveness.get(&router.get(), 0).map_err(at(name::LIVENESS))?;
        Ok((heard.seen != 0).then_some(heard))
    }

    fn set_router(&mut self, router: RouterIdx, conf: &RouterConf) -> Result<(), PlaneError> {
        self.put(|maps| maps.routers.set(router.get(), conf, 0), name::ROUTERS)
    }

    fn set_mastership(&mut self, router: RouterIdx, epoch: Option<u64>) -> Result<(), PlaneError> {
        self.put(|maps| maps.mastership.set(router.get(), epoch.unwrap_or(0), 0), name::MASTERSHIP)
    }

    fn set_lease(&mut self, router: RouterIdx, until: Instant) -> Result<(), PlaneError> {
        self.put(|maps| maps.lease.set(router.get(), until.as_nanos(), 0), name::LEASE)
    }
}

fn at(name: &'static str) -> impl Fn(aya::maps::MapError) -> PlaneError {
    move |source| PlaneError::Map { name, source }
}
