//! What the thread finds without walking through all its routers: whose deadline is next, and whom
//! an advert is for.
//!
//! With a thousand virtual routers an advert comes every few microseconds: what each of them costs
//! must not grow with their number.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::sockets::SocketKey;
use vrrp_model::RouterIdx;
use vrrp_model::time::Instant;

/// Whom an advert is for: where it came in, and its VRID.
pub type Addressee = (SocketKey, u8);

#[derive(Default)]
pub struct Index {
    deadlines: BTreeSet<(Instant, RouterIdx)>,
    addressees: HashMap<Addressee, RouterIdx>,
    /// The entries above, by index in the maps.
    known: BTreeMap<RouterIdx, (Option<Instant>, Option<Addressee>)>,
}

impl Index {
    /// Updates the entry of the router at `idx`; returns whether it has another addressee
    /// than before.
    pub fn update(
        &mut self,
        idx: RouterIdx,
        deadline: Option<Instant>,
        addressee: Option<Addressee>,
    ) -> bool {
        let known = self.known.entry(idx).or_default();
        if known.0 != deadline {
            if let Some(old) = known.0 {
                self.deadlines.remove(&(old, idx));
            }
            self.deadlines.extend(deadline.map(|deadline| (deadline, idx)));
            known.0 = deadline;
        }
        if known.1 == addressee {
            return false;
        }
        if let Some(old) = known.1 {
            // Another may have taken its name in the meantime, while a reload is under way.
            if self.addressees.get(&old) == Some(&idx) {
                self.addressees.remove(&old);
            }
        }
        self.addressees.extend(addressee.map(|addressee| (addressee, idx)));
        known.1 = addressee;
        true
    }

    pub fn remove(&mut self, idx: RouterIdx) {
        self.update(idx, None, None);
        self.known.remove(&idx);
    }

    /// The next deadline of all.
    pub fn next(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Places whose deadlines have come, the earliest first.
    pub fn due(&self, now: Instant) -> Vec<RouterIdx> {
        self.deadlines.range(..=(now, RouterIdx::MAX)).map(|&(_, idx)| idx).collect()
    }

    pub fn addressee(&self, key: SocketKey, vrid: u8) -> Option<RouterIdx> {
        self.addressees.get(&(key, vrid)).copied()
    }
}

#[cfg(test)]
mod tests;
