//! Reads the kernel program's per-CPU counters and adds them up.

use std::collections::BTreeMap;

use aya::Pod;
use aya::maps::{Array, MapData, PerCpuArray};
use vrrp_common::counter::{self, INTERFACE_COUNTERS, RouterCounter, Verdict};
use vrrp_common::maps::{Traffic, name};
use vrrp_common::reason::Reason;

use super::PlaneError;
use super::maps::MapSet;
use vrrp_model::RouterIdx;
use vrrp_model::time::Instant;

/// Map handles for building the status. A value that cannot be read counts as zero.
pub struct Counters {
    interfaces: PerCpuArray<MapData, u64>,
    routers: PerCpuArray<MapData, u64>,
    backends: PerCpuArray<MapData, Traffic>,
    lease: Array<MapData, u64>,
    fence: Array<MapData, u64>,
}

impl Counters {
    /// # Errors
    /// A map is missing or cannot be opened.
    pub fn open(maps: &MapSet) -> Result<Self, PlaneError> {
        Ok(Self {
            interfaces: maps.per_cpu_array(name::INTERFACE_COUNTERS)?,
            routers: maps.per_cpu_array(name::ROUTER_COUNTERS)?,
            backends: maps.per_cpu_array(name::BACKEND_TRAFFIC)?,
            lease: maps.array(name::LEASE)?,
            fence: maps.array(name::FENCE)?,
        })
    }

    /// Packets per verdict of the interface in `slot`.
    pub fn verdicts(&self, slot: u32) -> BTreeMap<String, u64> {
        let read = |&verdict: &Verdict| {
            (verdict.label().to_owned(), self.interface(slot, counter::verdict(verdict)))
        };
        Verdict::ALL.iter().map(read).collect()
    }

    /// Dropped adverts per reason of the interface in `slot`; every reason is present.
    pub fn dropped_adverts(&self, slot: u32) -> BTreeMap<String, u64> {
        let read = |&reason: &Reason| {
            (reason.label().to_owned(), self.interface(slot, counter::reason(reason)))
        };
        Reason::ALL.iter().map(read).collect()
    }

    /// Adverts that were dropped for `reason` on the interface in `slot`.
    pub fn dropped(&self, slot: u32, reason: Reason) -> u64 {
        self.interface(slot, counter::reason(reason))
    }

    pub fn router(&self, router: RouterIdx, counter: RouterCounter) -> u64 {
        sum(&self.routers, router.get() * RouterCounter::COUNT as u32 + counter as u32)
    }

    pub fn backend(&self, index: u32) -> Traffic {
        let values = self.backends.get(&index, 0);
        let add = |a: Traffic, b: &Traffic| Traffic {
            packets: a.packets + b.packets,
            bytes: a.bytes + b.bytes,
        };
        values.map_or_else(
            |_| Traffic::default(),
            |values| values.iter().fold(Traffic::default(), add),
        )
    }

    /// End of the router's lease; boot time zero if it has none.
    pub fn lease_until(&self, router: RouterIdx) -> Instant {
        Instant::from_nanos(self.lease.get(&router.get(), 0).unwrap_or(0))
    }

    /// The last fenced epoch.
    pub fn fence(&self, router: RouterIdx) -> u64 {
        self.fence.get(&router.get(), 0).unwrap_or(0)
    }

    fn interface(&self, slot: u32, counter: u32) -> u64 {
        sum(&self.interfaces, slot * INTERFACE_COUNTERS as u32 + counter)
    }
}

fn sum<V: Pod + Into<u64>>(map: &PerCpuArray<MapData, V>, index: u32) -> u64 {
    map.get(&index, 0).map_or(0, |values| values.iter().map(|&value| value.into()).sum())
}
