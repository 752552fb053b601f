//! Makes the kernel resolve a next hop before the data plane needs it.

use std::net::IpAddr;

use netlink_packet_route::neighbour::{NeighbourFlags, NeighbourState};

use super::netlink::{Netlink, NetlinkError, request};

impl Netlink {
    /// Tells the kernel that `address` on interface `index` is about to be used (NTF_USE), as if a packet were sent to it.
    ///
    /// An unknown neighbour is asked for at once, a stale one is confirmed after the kernel's delay (5 s), a good one is left
    /// alone. Does not wait for the answer: that shows in the host view's neighbours.
    ///
    /// # Errors
    /// When the interface is gone or down, or without CAP_NET_ADMIN.
    pub async fn resolve_neighbour(&self, index: u32, address: IpAddr) -> Result<(), NetlinkError> {
        let add =
            self.handle()?.neighbours().add(index, address).replace().state(NeighbourState::None).flags(NeighbourFlags::Use);
        request(|| format!("resolve {address} on interface {index}"), add.execute()).await
    }
}

#[cfg(test)]
#[path = "neighbour_tests.rs"]
mod tests;
