//! Rollout of a service's rings: a flow stays with a live backend, and no packet sees a mixed ring.
//!
//! A service has three rings in the kernel. The live ring spreads new flows. During a drain the
//! base ring, from before the changes, keeps the flows that began earlier. The idle rings are
//! filled next:
//!
//! - Without a drain, live and base are the same ring and two rings are idle. A ring may be filled
//!   [`GRACE`] after it went out of use; the one that has been idle longest is taken.
//! - During a drain, live and base are two rings and one is idle. A further change fills the idle
//!   ring, and the ring that was live goes out of use; the base stays. So a second change within
//!   [`GRACE`] of the first waits for the ring that the first put out of use.
//! - The end of a drain fills the idle ring with a copy of the live ring without marks; both others
//!   go out of use.
//!
//! A packet reads the word of the rings in use, then one slot of a ring. The wait ensures that it
//! has read the slot before its ring is filled again. If a hypervisor stops the CPU between the two
//! reads for longer, the packet reads a slot of the next live ring: it is treated as if it had
//! arrived a moment later.
//!
//! The base stays for the whole drain, through all other changes. A slot that has had another
//! backend than the base's keeps its mark, even when it gets the base's backend back: flows that
//! began in it in the meantime are recorded, and must be looked up. Each drain has a number: the
//! flow record of an earlier drain may belong to an earlier flow with the same ports.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use vrrp_common::maps::{RING_CHANGED, RINGS_PER_SERVICE, Ring, RingsInUse};

use super::RingTable;
use vrrp_model::time::Instant;

/// A packet finishes with its ring long before this: the kernel program runs for microseconds, with
/// softirqs disabled.
pub const GRACE: Duration = Duration::from_millis(10);

const PLACES: usize = RINGS_PER_SERVICE as usize;

/// The rings of a service.
#[derive(Clone)]
pub struct RingRollout {
    plan: Arc<RingTable>,
    in_use: RingsInUse,
    /// When each ring last went out of use.
    left: [Instant; PLACES],
    drain: Option<Drain>,
    /// Raised with each change, from 1.
    generation: u64,
}

/// A drain in progress.
#[derive(Clone)]
pub struct Drain {
    base: Arc<Ring>,
    /// The live ring in the kernel, with its marks.
    marked: Arc<Ring>,
    /// Backends of all rings since the base: they may still have flows.
    named: BTreeSet<u16>,
    /// Time of the last change.
    since: Instant,
}

/// Rings that an earlier agent left in the maps.
#[derive(Clone)]
pub struct Found {
    pub in_use: RingsInUse,
    pub live: Arc<Ring>,
    pub base: Arc<Ring>,
}

/// The next step.
#[derive(Clone)]
pub enum Next {
    Nothing,
    /// Nothing to do before this time.
    At(Instant),
    Publish(RingUpdate),
}

/// A ring to write, and then the word that puts it in use.
#[derive(Clone)]
pub struct RingUpdate {
    pub place: u32,
    pub ring: Arc<Ring>,
    pub in_use: RingsInUse,
    plan: Arc<RingTable>,
    drain: Option<Drain>,
}

impl RingUpdate {
    /// The same ring is live and base: nothing is drained.
    fn settled(place: u32, epoch: u16, plan: Arc<RingTable>) -> Self {
        Self {
            place,
            ring: plan.ring.clone(),
            in_use: RingsInUse { live: place, base: place, epoch },
            plan,
            drain: None,
        }
    }

    pub fn plan(&self) -> &RingTable {
        &self.plan
    }
}

impl Drain {
    /// Its end, with this drain time.
    pub fn until(&self, time: Duration) -> Instant {
        self.since + time
    }

    /// Number of changed slots, whose flows are looked up.
    pub fn marked_slots(&self) -> usize {
        self.marked.0.iter().filter(|&slot| slot & RING_CHANGED != 0).count()
    }
}

impl RingRollout {
    /// The first ring of a service that is not in use yet. `in_use` is the word in the map,
    /// whatever it holds.
    pub fn begin(plan: Arc<RingTable>, in_use: RingsInUse) -> RingUpdate {
        let place = (0..RINGS_PER_SERVICE)
            .find(|&place| place != in_use.live && place != in_use.base)
            .unwrap_or_default();
        RingUpdate::settled(place, in_use.epoch, plan)
    }

    /// The state after the first ring is published at `now`.
    pub fn begun(first: RingUpdate, now: Instant) -> Self {
        let RingUpdate { in_use, plan, drain, .. } = first;
        Self { plan, in_use, left: [now; PLACES], drain, generation: 1 }
    }

    /// Takes over rings that another agent left before `now`. Its last change may be recent: a
    /// drain starts its full time again.
    pub fn adopt(found: Found, now: Instant) -> Self {
        let Found { in_use, live, base } = found;
        let plan = Arc::new(RingTable::found(live.clone(), &[]));
        let base = RingTable::found(base, &[]);
        let drained =
            in_use.live != in_use.base || live.0.iter().any(|slot| slot & RING_CHANGED != 0);
        let named = plan.named().chain(base.named()).collect();
        let drain = drained.then_some(Drain { base: base.ring, marked: live, named, since: now });
        Self { plan, in_use, left: [now; PLACES], drain, generation: 1 }
    }

    pub fn plan(&self) -> &Arc<RingTable> {
        &self.plan
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn drain(&self) -> Option<&Drain> {
        self.drain.as_ref()
    }

    /// Whether the backend may have flows: a ring in use contains it, or one did since the base.
    pub fn needs(&self, number: u16) -> bool {
        self.plan.slots(number) > 0
            || self.drain.as_ref().is_some_and(|drain| drain.named.contains(&number))
    }

    /// The next step to make `wanted` the live ring, if there is one, and to drain flows for
    /// `time`.
    pub fn next(&mut self, now: Instant, wanted: Option<&Arc<RingTable>>, time: Duration) -> Next {
        let over = self.drain.as_ref().is_none_or(|drain| now >= drain.until(time));
        if let Some(plan) = wanted {
            if plan.ring.0 != self.plan.ring.0 {
                return self.publish(now, |place| self.change(now, plan, place, over, time));
            }
            // The same ring: with other weights, or from an earlier agent, which did not store its
            // members.
            self.plan = Arc::clone(plan);
        }
        match &self.drain {
            None => Next::Nothing,
            Some(drain) if !over => Next::At(drain.until(time)),
            Some(_) => self.publish(now, |place| {
                RingUpdate::settled(place, self.in_use.epoch, Arc::clone(&self.plan))
            }),
        }
    }

    /// Records that an update has been written.
    pub fn published(&mut self, publication: RingUpdate, now: Instant) {
        let RingUpdate { in_use, plan, drain, .. } = publication;
        for place in [self.in_use.live, self.in_use.base] {
            if place != in_use.live && place != in_use.base {
                self.left[place as usize] = now;
            }
        }
        self.generation += u64::from(self.plan.ring.0 != plan.ring.0);
        (self.plan, self.in_use, self.drain) = (plan, in_use, drain);
    }

    /// An update in the ring that has been out of use longest, if that is long enough.
    fn publish(&self, now: Instant, publication: impl FnOnce(u32) -> RingUpdate) -> Next {
        let idle = (0..RINGS_PER_SERVICE)
            .filter(|&place| place != self.in_use.live && place != self.in_use.base);
        match idle.map(|place| (self.left[place as usize] + GRACE, place)).min() {
            Some((free, place)) if free <= now => Next::Publish(publication(place)),
            Some((free, _)) => Next::At(free),
            None => Next::Nothing,
        }
    }

    /// The ring of `plan`, with a mark on each slot that has had another backend since the base.
    /// `over`: the earlier drain has ended.
    fn change(
        &self,
        now: Instant,
        plan: &Arc<RingTable>,
        place: u32,
        over: bool,
        time: Duration,
    ) -> RingUpdate {
        if time.is_zero() {
            return RingUpdate::settled(place, self.in_use.epoch, Arc::clone(plan));
        }
        let before = self.drain.as_ref().filter(|_| !over);
        let RingsInUse { live, base, epoch } = self.in_use;
        let (base, in_use) = match before {
            Some(drain) => (drain.base.clone(), RingsInUse { live: place, base, epoch }),
            None => (
                self.plan.ring.clone(),
                RingsInUse { live: place, base: live, epoch: epoch.wrapping_add(1) },
            ),
        };
        let mut marked = Arc::clone(&plan.ring);
        let slots = Arc::make_mut(&mut marked).0.iter_mut();
        // On the path from a decision to the ring: no branch, so that it takes some microseconds.
        match before {
            Some(drain) => {
                slots.zip(&base.0).zip(&drain.marked.0).for_each(|((held, base), touched)| {
                    *held |= (RING_CHANGED * u16::from(*held != *base)) | (touched & RING_CHANGED);
                })
            }
            None => slots
                .zip(&base.0)
                .for_each(|(held, base)| *held |= RING_CHANGED * u16::from(*held != *base)),
        }
        let mut named: BTreeSet<u16> = before.map(|drain| drain.named.clone()).unwrap_or_default();
        named.extend(self.plan.named().chain(plan.named()));
        let drain = Drain { base, marked: marked.clone(), named, since: now };
        RingUpdate { place, ring: marked, in_use, plan: Arc::clone(plan), drain: Some(drain) }
    }
}
