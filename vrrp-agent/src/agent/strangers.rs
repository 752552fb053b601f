//! Says that another cluster uses a VRID of ours. The kernel program drops its adverts, so no
//! election hears of them.

use std::collections::BTreeMap;

use vrrp_common::reason::Reason;

use super::observed::Observed;
use super::snapshot::Fixed;
use crate::elector::View;

/// How many such adverts there were at the last line of the log, by interface.
#[derive(Default)]
pub struct Strangers(BTreeMap<String, u64>);

impl Strangers {
    /// Logs the first one on an interface, and each time that there are twice as many.
    pub fn follow(&mut self, fixed: &Fixed, view: &View, observed: &Observed) {
        for (ifindex, hook) in &observed.plane.hooks {
            let Some(name) = observed.host.links.get(ifindex).map(|link| link.name.as_str()) else {
                continue;
            };
            let counted = fixed.counters.as_ref().zip(hook.slot);
            let by_program =
                counted.map_or(0, |(counters, slot)| counters.dropped(slot, Reason::AddressList));
            self.note(name, by_program + by_sockets(view, name));
        }
        let others = view.dropped.keys().filter(|(name, reason)| {
            *reason == Reason::AddressList
                && !observed.plane.hooks.keys().any(|ifindex| {
                    observed.host.links.get(ifindex).is_some_and(|link| link.name == *name)
                })
        });
        for (name, _) in others {
            self.note(name, by_sockets(view, name));
        }
    }

    fn note(&mut self, interface: &str, count: u64) {
        let said = self.0.entry(interface.to_owned()).or_default();
        if count > 0 && count >= *said * 2 && count > *said {
            *said = count;
            let text = "adverts with a VRID of ours name none of our addresses, and are dropped: \
                        another cluster on this link uses the same VRID, or the files of our nodes have no address in common";
            tracing::error!(interface, count, "{text}");
        }
    }
}

fn by_sockets(view: &View, interface: &str) -> u64 {
    view.dropped
        .iter()
        .filter(|((name, reason), _)| name == interface && *reason == Reason::AddressList)
        .map(|(_, count)| count)
        .sum()
}
