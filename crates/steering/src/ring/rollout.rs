//! Rollout of a service's rings: a flow stays with a live backend, and no packet sees a mixed ring.
//!
//! A service has three places for rings in the kernel. The live ring spreads new flows. While flows
//! are drained the base, the ring from before the changes, keeps what began earlier. The idle
//! places are filled next:
//!
//! - Settled, live and base are one place and two are idle. Either may be filled once it has been
//!   out of use for [`GRACE`]; the one that has been so longest is taken.
//! - Drained, live and base are two places and one is idle. A further change fills that one, the
//!   ring that was live leaves, the base stays: so a second change within [`GRACE`] after the first
//!   has to wait for the ring that the first put out of use, or, after
//! - The end of a drain fills the idle place with the live ring without marks; both others leave.
//!
//! A packet reads the word of the rings in use, then one slot. The wait makes sure that it has read
//! the slot by the time its ring is filled again. Should a hypervisor stop the CPU between the two
//! for longer than that, the packet finds a slot of the ring that is about to be live: it is
//! treated as if it had come a moment later.
//!
//! The base stays for the whole drain, whatever else changes meanwhile, and a slot that has had
//! another backend than the base's keeps its mark, also when it gets the base's back: flows that
//! began in it meanwhile are remembered, and must be looked up. Each drain has a number: what an
//! earlier one remembered of a flow may have been overtaken by another flow with the same ports.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use vrrp_common::maps::{RING_CHANGED, RINGS_PER_SERVICE, Ring, RingsInUse};

use super::RingTable;
use vrrp_model::time::Instant;

/// A packet is done with its ring long before this: the kernel program runs for microseconds, with
/// bottom halves off.
pub const GRACE: Duration = Duration::from_millis(10);

const PLACES: usize = RINGS_PER_SERVICE as usize;

/// The rings of a service.
#[derive(Clone)]
pub struct RingRollout {
    plan: Arc<RingTable>,
    in_use: RingsInUse,
    /// When each place went out of use last.
    left: [Instant; PLACES],
    drain: Option<Drain>,
    /// Counts up with each change, from 1.
    generation: u64,
}

/// A drain in progress.
#[derive(Clone)]
pub struct Drain {
    base: Arc<Ring>,
    /// The live ring as it stands in the kernel, with its marks.
    marked: Arc<Ring>,
    /// Backends that any ring since the base names: their flows may still be there.
    named: BTreeSet<u16>,
    /// The last change.
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
    /// Nothing before this time.
    At(Instant),
    Publish(RingUpdate),
}

/// A ring to be written to its place, and then the word that puts it in use.
#[derive(Clone)]
pub struct RingUpdate {
    pub place: u32,
    pub ring: Arc<Ring>,
    pub in_use: RingsInUse,
    plan: Arc<RingTable>,
    drain: Option<Drain>,
}

impl RingUpdate {
    /// Live and base at once: nothing is drained.
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
    /// When it ends, with so much time.
    pub fn until(&self, time: Duration) -> Instant {
        self.since + time
    }

    /// Number of changed slots, whose flows are looked up.
    pub fn marked_slots(&self) -> usize {
        self.marked.0.iter().filter(|&slot| slot & RING_CHANGED != 0).count()
    }
}

impl RingRollout {
    /// The first ring of a service that has not been in use. `in_use` is what its word says all the
    /// same.
    pub fn begin(plan: Arc<RingTable>, in_use: RingsInUse) -> RingUpdate {
        let place = (0..RINGS_PER_SERVICE)
            .find(|&place| place != in_use.live && place != in_use.base)
            .unwrap_or_default();
        RingUpdate::settled(place, in_use.epoch, plan)
    }

    /// As it goes on once the first ring is published at `now`.
    pub fn begun(first: RingUpdate, now: Instant) -> Self {
        let RingUpdate { in_use, plan, drain, .. } = first;
        Self { plan, in_use, left: [now; PLACES], drain, generation: 1 }
    }

    /// Takes over rings that another agent left at some time before `now`. Its changes may be as
    /// young as that: a drain counts again.
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

    /// Whether flows may be with this backend: a ring in use names it, or did since the base.
    pub fn needs(&self, number: u16) -> bool {
        self.plan.slots(number) > 0
            || self.drain.as_ref().is_some_and(|drain| drain.named.contains(&number))
    }

    /// What is to be done so that `wanted` is the live ring, where one is wanted, and flows are
    /// drained for `time`.
    pub fn next(&mut self, now: Instant, wanted: Option<&Arc<RingTable>>, time: Duration) -> Next {
        let over = self.drain.as_ref().is_none_or(|drain| now >= drain.until(time));
        if let Some(plan) = wanted {
            if plan.ring.0 != self.plan.ring.0 {
                return self.publish(now, |place| self.change(now, plan, place, over, time));
            }
            // The same ring: by other weights, or of an agent before this one, which did not tell
            // its members.
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

    /// A publication has been written.
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

    /// A publication in the place that has been out of use longest, if that is long enough.
    fn publish(&self, now: Instant, publication: impl FnOnce(u32) -> RingUpdate) -> Next {
        let idle = (0..RINGS_PER_SERVICE)
            .filter(|&place| place != self.in_use.live && place != self.in_use.base);
        match idle.map(|place| (self.left[place as usize] + GRACE, place)).min() {
            Some((free, place)) if free <= now => Next::Publish(publication(place)),
            Some((free, _)) => Next::At(free),
            None => Next::Nothing,
        }
    }

    /// The ring of `plan`, with a mark on each slot that has had another backend since the base;
    /// `over`: what was drained until now is so no more.
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
        // This is on the way from a decision to the ring: no branch, so that it takes some
        // microseconds.
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
