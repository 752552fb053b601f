//! The kernel program's tables and rings, in the order in which packets may see them change.

use std::collections::BTreeMap;

use vrrp_common::maps::InterfaceConf;

use super::claims::Claims;
use super::problems::Problems;
use super::rings::Rings;
use super::tags::Tags;
use crate::plane::PlaneError;
use crate::plane::loader::Plane;
use crate::plane::tables::Tables;
use vrrp_model::time::Instant;
use vrrp_steering::desired::Desired;

/// The kernel program and its tables.
pub struct Kernel {
    pub plane: Plane,
    pub tables: Tables,
    pub rings: Rings,
    pub claims: Claims,
    pub tags: Tags,
}

impl Kernel {
    /// # Errors
    /// Maps that cannot be opened or read.
    pub fn new(plane: Plane, now: Instant) -> Result<Self, PlaneError> {
        let tables = Tables::open(&plane.maps)?;
        let rings = Rings::adopt(&tables, now)?;
        let claims = Claims::open(&plane.maps, now)?;
        let tags = Tags::open(&plane.maps)?;
        Ok(Self { plane, tables, rings, claims, tags })
    }

    /// Who serves the services of `desired`, as decided at `decided`. Backends that take packets
    /// from now on are written before the rings that name them, those that take none after the
    /// rings that do not. Returns when to come back for what must wait.
    pub fn steer(
        &mut self,
        decided: Instant,
        desired: &Desired,
        problems: &mut Problems,
    ) -> Option<Instant> {
        problems.note("backends that come", self.tables.raise_backends(&desired.backends));
        let again = self.rings.publish(decided, &desired.rosters, &mut self.tables, problems);
        let named = |number: u32| self.rings.name(number as u16);
        problems.note("backends that go", self.tables.lower_backends(&desired.backends, named));
        again
    }

    /// Everything. Returns when to come back for what must wait.
    pub fn apply(
        &mut self,
        now: Instant,
        desired: &Desired,
        interfaces: &BTreeMap<u32, InterfaceConf>,
        problems: &mut Problems,
    ) -> Option<Instant> {
        self.rings.retain(&desired.rosters);
        let again = self.steer(now, desired, problems);
        let tables = &mut self.tables;
        problems.note("virtual addresses", tables.set_addresses(&desired.addresses));
        problems.note("interfaces", tables.set_interfaces(interfaces, &desired.vrids));
        problems.note("names of NAT answers", tables.reverse.set(&desired.reverse));
        problems.note("guards", tables.guards.set(&desired.guards, &desired.guard_sources));
        // A service begins to steer with its first ring; until then its packets go to the local
        // stack.
        let ready = desired
            .services
            .iter()
            .filter(|&(&service, _)| self.rings.published(service).is_some());
        let ready: BTreeMap<_, _> = ready.map(|(&service, &conf)| (service, conf)).collect();
        problems.note("services", tables.set_services(&ready));
        let needed = |number: u32| self.rings.need(number as u16);
        problems.note("former backends", tables.forget_backends(&desired.backends, needed));
        if let Some(pins) = &self.plane.pins {
            pins.retain_links_of(&desired.interfaces);
        }
        match self.rings.prepare() {
            true => Some(now),
            false => again,
        }
    }
}
