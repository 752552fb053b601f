//! What the election thread shows of itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vrrp_common::reason::Reason as DropReason;

use crate::timing_stats::{Failovers, Lateness, Margins, lateness};
use crate::{Heard, Reason, Role};
use vrrp_model::Degraded;
use vrrp_model::time::Instant;

/// A snapshot of all elections.
#[derive(Debug, Clone)]
pub struct View {
    /// By place.
    pub routers: BTreeMap<u32, RouterView>,
    /// Commands obeyed so far: what a view does not know of yet must not be concluded from it.
    pub obeyed: u64,
    /// Adverts that reached a socket and were dropped there, by interface and reason. With the
    /// kernel program in front nothing is left to drop.
    pub dropped: BTreeMap<(String, DropReason), u64>,
    /// How late the thread acted on its deadlines.
    pub lateness: Lateness,
    /// What the thread was refused at its start.
    pub degraded: Arc<[Degraded]>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            routers: BTreeMap::new(),
            obeyed: 0,
            dropped: BTreeMap::new(),
            lateness: lateness(),
            degraded: Arc::default(),
        }
    }
}

#[derive(Debug, Clone)]
pub struct RouterView {
    pub role: Role,
    /// Why it is in this role; `None` before the first transition.
    pub reason: Option<Reason>,
    /// Since when it is in this role.
    pub since: Instant,
    /// Since when it has been on standby; `None` while it does not.
    pub standby_since: Option<Instant>,
    /// The mastership it acts in: as master, or releasing.
    pub epoch: Option<u64>,
    /// Effective priority.
    pub priority: u8,
    pub heard: Option<Heard>,
    /// Until when its agent has vouched for it; past while it acts for nothing.
    pub lease_until: Instant,
    /// When the role's timer runs out.
    pub deadline: Option<Instant>,
    pub master_down: Duration,
    /// Interval in force: the master's in v3.
    pub interval: Duration,
    pub counts: Counts,
    pub margins: Margins,
    pub failovers: Failovers,
}

impl RouterView {
    /// Whether the virtual addresses belong on this node.
    pub fn is_active(&self) -> bool {
        self.epoch.is_some()
    }
}

/// What one router's thread side did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub adverts_sent: u64,
    pub adverts_received: u64,
    pub priority_zero_sent: u64,
    pub priority_zero_received: u64,
    /// Adverts that the socket refused.
    pub send_errors: u64,
    /// Gratuitous ARP frames and unsolicited neighbour advertisements.
    pub announcements_sent: u64,
    /// Adverts of a lesser master heard while master: evidence of a second one.
    pub lower_priority_received: u64,
    /// Valid adverts with another interval than ours (RFC 8347 `interval-errors`; version 2 drops
    /// them).
    pub interval_errors: u64,
    /// Valid adverts with other addresses than ours (RFC 8347 `address-list-errors`).
    pub address_list_errors: u64,
    /// Valid adverts whose checksum leaves the pseudo-header out, where ours does not.
    pub message_only_received: u64,
    /// Transitions into each role, in the order of [`Role::ALL`].
    pub transitions: [u64; Role::ALL.len()],
}
