//! Claims by others of addresses that this node is active for: logged, so that a duplicate address
//! or a forger is seen.

use std::collections::BTreeMap;
use std::time::Duration;
use vrrp_model::RouterIdx;

use aya::maps::{Array, MapData};
use vrrp_common::maps::{AddressClaim, name};

use crate::plane::PlaneError;
use crate::plane::maps::MapSet;
use vrrp_model::Config;
use vrrp_model::time::Instant;
use vrrp_steering::desired::Desired;

/// How often the kernel program's notes are read.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// At most one line for each virtual router in this time; `vrrp_instance_events_total` counts every
/// claim.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The notes of the kernel program, and what was logged of them.
pub struct Claims {
    map: Array<MapData, AddressClaim>,
    look_at: Instant,
    /// By index in the maps: the claim that was logged last, and when the next may be.
    told: BTreeMap<RouterIdx, (Instant, Instant)>,
}

impl Claims {
    /// Claims before `now` were made to an earlier agent.
    ///
    /// # Errors
    /// The map is missing or cannot be opened.
    pub fn open(maps: &MapSet, now: Instant) -> Result<Self, PlaneError> {
        Ok(Self { map: maps.array(name::CLAIMS)?, look_at: now, told: BTreeMap::new() })
    }

    /// Tells of new claims.
    pub fn look(&mut self, now: Instant, config: &Config, desired: &Desired) {
        let since = self.look_at;
        if now < since {
            return;
        }
        self.look_at = now + LOOK_EVERY;
        for &idx in desired.vrids.values() {
            let Ok(claim) = self.map.get(&idx.get(), 0) else { continue };
            let seen = Instant::from_nanos(claim.seen);
            let (last, next) = self.told.get(&idx).copied().unwrap_or((since, now));
            if seen <= last || now < next {
                continue;
            }
            self.told.insert(idx, (seen, now + TELL_EVERY));
            let address = claim.address.ip();
            let owner = config
                .routers
                .iter()
                .find(|router| router.all_addresses().any(|held| held == address));
            let instance = owner.map_or("", |router| router.name.as_str());
            let mac = claim.mac.map(|byte| format!("{byte:02x}")).join(":");
            tracing::warn!(instance, %address, mac, "another host claims a virtual address for which this node is active");
        }
    }
}
