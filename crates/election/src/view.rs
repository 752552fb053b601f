//! The snapshot that the election thread publishes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use vrrp_model::RouterIdx;

use vrrp_common::reason::Reason as DropReason;

use crate::timing_stats::{Failovers, Lateness, Margins, lateness};
use crate::{Heard, Reason, Role};
use vrrp_model::Degraded;
use vrrp_model::time::Instant;

/// A snapshot of all elections.
#[derive(Debug, Clone)]
pub struct View {
    /// By index in the maps.
    pub routers: BTreeMap<RouterIdx, RouterView>,
    /// Number of executed commands. A view does not show the effect of later commands.
    pub handled: u64,
    /// Adverts dropped at a socket, by interface and reason. With the kernel program attached it is
    /// empty, because that program drops them first.
    pub dropped: BTreeMap<(String, DropReason), u64>,
    /// Lateness of the thread at its deadlines.
    pub lateness: Lateness,
    /// Privileges that the system denied the thread at its start.
    pub degraded: Arc<[Degraded]>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            routers: BTreeMap::new(),
            handled: 0,
            dropped: BTreeMap::new(),
            lateness: lateness(),
            degraded: Arc::default(),
        }
    }
}

#[derive(Debug, Clone)]
pub struct RouterView {
    pub role: Role,
    /// Reason of the last transition; `None` before the first.
    pub reason: Option<Reason>,
    /// Time of the last transition.
    pub since: Instant,
    /// Start of the standby; `None` without one.
    pub standby_since: Option<Instant>,
    /// Epoch of the mastership, as master or releasing.
    pub epoch: Option<u64>,
    /// Effective priority.
    pub priority: u8,
    pub heard: Option<Heard>,
    /// End of the lease; in the past while the node is not active.
    pub lease_until: Instant,
    /// Expiry of the role's timer.
    pub deadline: Option<Instant>,
    pub master_down: Duration,
    /// Interval of the timers: the master's in v3.
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

/// Counters of one router in the election thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub adverts_sent: u64,
    pub adverts_received: u64,
    pub priority_zero_sent: u64,
    pub priority_zero_received: u64,
    /// Adverts that the socket failed to send.
    pub send_errors: u64,
    /// Gratuitous ARP frames and unsolicited neighbour advertisements.
    pub announcements_sent: u64,
    /// Adverts of a lower-priority master received as master: a second master exists.
    pub lower_priority_received: u64,
    /// Valid adverts whose interval differs from the configured one (RFC 8347 `interval-errors`;
    /// version 2 drops them).
    pub interval_errors: u64,
    /// Valid adverts whose address list differs from the configured one (RFC 8347
    /// `address-list-errors`).
    pub address_list_errors: u64,
    /// Valid adverts whose checksum omits the pseudo-header that this node includes.
    pub message_only_received: u64,
    /// Transitions into each role, in the order of [`Role::ALL`].
    pub transitions: [u64; Role::ALL.len()],
}
