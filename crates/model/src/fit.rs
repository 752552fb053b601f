//! How many virtual addresses an advert holds on an interface.

use std::borrow::Cow;

use super::{Family, Router, Version};

/// An advert counts its addresses in one byte (RFC 9568 section 5.2.5).
const MOST: usize = 255;
/// keepalived leaves room for the Ethernet header, which the MTU does not count. The nodes of a
/// router must come to the same number, or each refuses the other's list: so does this.
const ETHERNET: usize = 14;
const VRRP_HEADER: usize = 8;
/// Of version 2 (RFC 3768 section 5.3).
const AUTH_DATA: usize = 8;

impl Router {
    /// How many addresses its advert holds in one packet of `mtu` bytes: an IP fragment of an
    /// advert is accepted by no router.
    pub fn capacity(&self, mtu: u32) -> usize {
        let (ip, address) = match self.family() {
            Family::V4 => (20, 4),
            Family::V6 => (40, 16),
        };
        let auth = if self.version == Version::V2 { AUTH_DATA } else { 0 };
        let signature = if self.hmac.is_some() { vrrp_common::wire::trailer::LEN } else { 0 };
        let room = usize::try_from(mtu)
            .unwrap_or(usize::MAX)
            .saturating_sub(ETHERNET + ip + VRRP_HEADER + auth + signature);
        (room / address).clamp(1, MOST)
    }

    /// The router as it is on an interface with this MTU: the addresses that its advert does not
    /// hold, the last of the list, are excluded ones there.
    pub fn fitted(&self, mtu: u32) -> Cow<'_, Self> {
        if self.addresses.len() <= self.capacity(mtu) {
            return Cow::Borrowed(self);
        }
        let mut fitted = self.clone();
        let excess = fitted.addresses.split_off(self.capacity(mtu));
        fitted.excluded_addresses.splice(..0, excess);
        Cow::Owned(fitted)
    }
}
