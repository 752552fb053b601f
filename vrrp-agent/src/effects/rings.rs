//! Publishing rings: only what changed, never into a ring that a packet may still be reading, and
//! measured.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vrrp_common::maglev::TooManyMembers;

use super::Problems;
use crate::clock;
use crate::plane::PlaneError;
use crate::plane::tables::Tables;
use vrrp_model::histogram::Histogram;
use vrrp_model::time::Instant;
use vrrp_steering::ring::{Likely, Membership, Next, RingRollout};

const FLIP_BUCKETS: usize = 9;

/// The aim is 100 us; a ring that waits for the one before it takes milliseconds.
const FLIP: [Duration; FLIP_BUCKETS] = [
    Duration::from_micros(25),
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(10),
    Duration::from_millis(50),
];

/// From a decision about a service's backends until every packet sees it.
pub type Flips = Histogram<FLIP_BUCKETS>;

/// Rings made ahead in one go: some milliseconds, so that news need not wait for long.
const AHEAD: usize = 4;

/// The rings of all services, by service number.
pub struct Rings {
    services: BTreeMap<u32, Published>,
    precomputed: Likely,
    flips: Flips,
}

/// What is in force for a service.
pub struct Published {
    pub course: RingRollout,
    /// Who was wanted last.
    pub roster: Membership,
    /// Since when a change that had to wait is wanted.
    asked: Option<Instant>,
}

#[derive(Debug, thiserror::Error)]
enum RingError {
    #[error("too many backends for one ring")]
    TooMany(TooManyMembers),
    #[error(transparent)]
    Plane(#[from] PlaneError),
}

impl Rings {
    /// Takes over the rings of the services that the agent before this one left in the maps.
    ///
    /// # Errors
    /// A map that cannot be read.
    pub fn adopt(tables: &Tables, now: Instant) -> Result<Self, PlaneError> {
        let mut services = BTreeMap::new();
        for service in tables.services() {
            let course = RingRollout::adopt(tables.rings_of(service)?, now);
            services
                .insert(service, Published { course, roster: Membership::default(), asked: None });
        }
        Ok(Self { services, precomputed: Likely::default(), flips: Histogram::new(&FLIP) })
    }

    pub fn published(&self, service: u32) -> Option<&Published> {
        self.services.get(&service)
    }

    pub const fn flips(&self) -> &Flips {
        &self.flips
    }

    /// Whether flows may be with a backend.
    pub fn need(&self, backend: u16) -> bool {
        self.services.values().any(|published| published.course.needs(backend))
    }

    /// Whether new flows may go to a backend.
    pub fn name(&self, backend: u16) -> bool {
        self.services.values().any(|published| published.course.plan().slots(backend) > 0)
    }

    /// Forgets services that are not among these.
    pub fn retain(&mut self, rosters: &BTreeMap<u32, Membership>) {
        self.services.retain(|service, _| rosters.contains_key(service));
    }

    /// Publishes the rings of the services whose roster, as it was decided at `decided`, asks for
    /// another one, and ends drains that are over. Returns when to come back for what must wait.
    pub fn publish(
        &mut self,
        decided: Instant,
        rosters: &BTreeMap<u32, Membership>,
        tables: &mut Tables,
        problems: &mut Problems,
    ) -> Option<Instant> {
        let mut again: Option<Instant> = None;
        let mut told = Vec::new();
        for (&service, roster) in rosters {
            let outcome = self.follow(service, roster, decided, tables, &mut told);
            if let Ok(Some(at)) = outcome {
                again = Some(again.map_or(at, |earlier| earlier.min(at)));
            }
            problems.note(&format!("ring of service {service}"), outcome.map(drop));
        }
        // Only now: the next ring does not wait for a line about the one before it.
        told.into_iter().for_each(|service| self.tell(service));
        again
    }

    /// Makes rings ahead that one failure or return would ask for. Returns whether some are still
    /// to be made.
    pub fn prepare(&mut self) -> bool {
        self.precomputed.prepare(self.services.values().map(|published| &published.roster), AHEAD)
    }

    fn follow(
        &mut self,
        service: u32,
        roster: &Membership,
        decided: Instant,
        tables: &mut Tables,
        told: &mut Vec<u32>,
    ) -> Result<Option<Instant>, RingError> {
        let wanted = match &roster.members {
            Some(members) => Some(match self.services.get(&service) {
                Some(published) if published.course.plan().is_of(members) => {
                    Arc::clone(published.course.plan())
                }
                _ => self.precomputed.plan(members).map_err(RingError::TooMany)?,
            }),
            None => None,
        };
        let Some(published) = self.services.get_mut(&service) else {
            if let Some(plan) = wanted {
                let first = RingRollout::begin(plan, tables.rings_in_use(service)?);
                tables.publish(service, &first)?;
                told.push(service);
                let course = RingRollout::begun(first, clock::now());
                self.services
                    .insert(service, Published { course, roster: roster.clone(), asked: None });
            }
            return Ok(None);
        };
        if published.roster != *roster {
            published.roster = roster.clone();
        }
        match published.course.next(decided, wanted.as_ref(), roster.drain) {
            Next::Nothing => {
                published.asked = None;
                Ok(None)
            }
            Next::At(at) => {
                if wanted.is_some_and(|plan| plan.ring.0 != published.course.plan().ring.0) {
                    published.asked.get_or_insert(decided);
                }
                Ok(Some(at))
            }
            Next::Publish(publication) => {
                tables.publish(service, &publication)?;
                let now = clock::now();
                let changes = publication.plan().ring.0 != published.course.plan().ring.0;
                if changes {
                    self.flips
                        .record(now.saturating_since(published.asked.take().unwrap_or(decided)));
                }
                let drains = publication.in_use.live != publication.in_use.base;
                told.push(service);
                published.course.published(publication, now);
                Ok(drains.then(|| now + roster.drain))
            }
        }
    }

    fn tell(&self, service: u32) {
        let Some(Published { course, .. }) = self.services.get(&service) else {
            return;
        };
        let (generation, digest) = (course.generation(), format!("{:016x}", course.plan().digest));
        let backends = course.plan().named().count();
        let drains =
            if course.drain().is_some() { "older flows are drained" } else { "nothing is drained" };
        tracing::info!(service, generation, digest, backends, "ring in force, {drains}");
    }
}

#[cfg(test)]
mod tests;
