//! Publishing rings: only what changed, never into a ring that a packet may still be reading.

use std::collections::BTreeMap;
use std::time::Duration;

use vrrp_common::maglev::Member;

use super::Problems;
use crate::plane::tables::{Base, Tables};
use crate::ring::Plan;
use crate::time::Instant;

/// A packet is done with its ring long before this: the kernel program runs for microseconds with preemption off.
const GRACE: Duration = Duration::from_millis(50);

/// The rings in force, by service number.
#[derive(Default)]
pub struct Rings(BTreeMap<u32, Published>);

pub struct Published {
    pub plan: Plan,
    /// Counts up with each change, from 1.
    pub generation: u64,
    at: Instant,
}

impl Rings {
    pub fn published(&self, service: u32) -> Option<&Published> {
        self.0.get(&service)
    }

    /// Publishes the rings whose members changed. Returns when to come back for one that must wait.
    pub fn publish(
        &mut self,
        now: Instant,
        members: &BTreeMap<u32, Option<Vec<Member>>>,
        tables: &mut Tables,
        problems: &mut Problems,
    ) -> Option<Instant> {
        let mut again: Option<Instant> = None;
        self.0.retain(|service, _| members.contains_key(service));
        for (&service, wanted) in members {
            let Some(wanted) = wanted else {
                continue;
            };
            let generation = match self.0.get(&service) {
                Some(published) if published.plan.is_of(wanted) => continue,
                Some(published) if now < published.at + GRACE => {
                    let ready = published.at + GRACE;
                    again = Some(again.map_or(ready, |earlier| earlier.min(ready)));
                    continue;
                }
                Some(published) => published.generation + 1,
                None => 1,
            };
            let what = format!("ring of service {service}");
            let Ok(plan) = Plan::new(wanted) else {
                problems.note(&what, Err("too many backends for one ring"));
                continue;
            };
            let outcome = tables.publish_ring(service, &plan.ring, Base::Itself);
            if outcome.is_ok() {
                let digest = format!("{:016x}", plan.digest);
                tracing::info!(service, generation, digest, backends = wanted.len(), "ring published");
                self.0.insert(service, Published { plan, generation, at: now });
            }
            problems.note(&what, outcome);
        }
        again
    }
}
