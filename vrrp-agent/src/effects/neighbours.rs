//! The MAC addresses of next hops: asked for where they are not known, confirmed where no other
//! traffic would.

use std::time::Duration;

use crate::net::Netlink;
use vrrp_model::host::HostView;
use vrrp_model::time::Instant;
use vrrp_steering::desired::Desired;

/// The kernel does not see that the program sends to a neighbour, so the entry would go stale and
/// stay so: it is told this often. It asks neighbours it has not heard from for half a minute, and
/// forgets those that are silent.
const CONFIRM_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub struct Neighbours {
    confirm_at: Instant,
}

impl Neighbours {
    pub async fn resolve(
        &mut self,
        now: Instant,
        netlink: &Netlink,
        desired: &Desired,
        host: &HostView,
    ) {
        let confirm = now >= self.confirm_at;
        if confirm {
            self.confirm_at = now + CONFIRM_EVERY;
        }
        for &(ifindex, address) in &desired.next_hops {
            if !confirm && host.neighbours.contains_key(&(ifindex, address)) {
                continue;
            }
            if let Err(error) = netlink.resolve_neighbour(ifindex, address).await {
                tracing::debug!(%address, %error, "cannot ask for a backend's MAC address");
            }
        }
    }
}

#[cfg(test)]
mod tests;
