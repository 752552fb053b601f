//! The device's unicast filter: MACs besides its own that an interface accepts frames for.

use netlink_packet_route::neighbour::NeighbourFlags;
use nix::errno::Errno;

use super::netlink::{Netlink, NetlinkError, request, unless_so};

impl Netlink {
    /// Adds `mac` to the unicast filter of interface `index` or removes it, as `bridge fdb add MAC
    /// dev IF self` does. Returns true if anything changed.
    ///
    /// An interface that is gone has no entry. The filter keeps no reference count: an entry that
    /// another program added is removed too.
    ///
    /// # Errors
    /// `add` on an interface that is gone, a device without such a filter (EOPNOTSUPP), or without
    /// CAP_NET_ADMIN.
    pub async fn filter_mac(
        &self,
        index: u32,
        mac: [u8; 6],
        add: bool,
    ) -> Result<bool, NetlinkError> {
        let neighbours = self.handle()?.neighbours();
        let mut entry = neighbours.add_bridge(index, &mac).flags(NeighbourFlags::Own);
        let text = mac.map(|byte| format!("{byte:02x}")).join(":");
        if add {
            let outcome = request(
                || format!("accept frames for {text} on interface {index}"),
                entry.execute(),
            )
            .await;
            return unless_so(outcome, &[Errno::EEXIST]);
        }
        let del = neighbours.del(entry.message_mut().clone()).execute();
        let outcome =
            request(|| format!("accept no frames for {text} on interface {index}"), del).await;
        unless_so(outcome, &[Errno::ENOENT, Errno::ENODEV])
    }
}

#[cfg(test)]
mod tests;
