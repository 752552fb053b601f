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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use crate::config::{self, Language, Mode, Source};
    use crate::model::Router;

    fn router(version: u8, addresses: &[&str]) -> Router {
        let list: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
        let text = format!(
            "[[virtual_router]]\nname = \"VI\"\ninterface = \"eth1\"\nvrid = 51\nversion = {version}\naddresses = [{}]\n",
            list.join(", ")
        );
        let outcome = config::parse(
            &Source::new("test.toml", text.as_bytes()),
            Language::Toml,
            Mode::Strict,
            "node",
        );
        outcome.config.expect("a configuration").routers.remove(0)
    }

    /// The log lines of keepalived 2.2.7: "max 131 addresses" and so on.
    #[test]
    fn as_many_addresses_are_advertised_as_keepalived_advertises() {
        let (v2, v3, v6) =
            (router(2, &["192.0.2.1"]), router(3, &["192.0.2.1"]), router(3, &["fe80::1"]));
        assert_eq!((v2.capacity(576), v3.capacity(576)), (131, 133));
        assert_eq!((v2.capacity(1_500), v3.capacity(9_000)), (255, 255));
        assert_eq!((v6.capacity(1_400), v6.capacity(1_500)), (83, 89));
        assert_eq!(v6.capacity(0), 1, "an MTU that is not known yet");
    }

    #[test]
    fn what_does_not_fit_is_excluded_in_the_order_of_the_file() {
        let mut router = router(3, &["fe80::1", "2001:db8::1", "2001:db8::2", "2001:db8::3"]);
        router.excluded_addresses = vec![router.addresses.remove(3)];
        let before: Vec<_> = router.all_addresses().collect();
        let fitted = router.fitted(14 + 40 + 8 + 2 * 16);
        assert_eq!((fitted.addresses.len(), fitted.excluded_addresses.len()), (2, 2));
        assert_eq!(fitted.all_addresses().collect::<Vec<_>>(), before);
        assert!(matches!(router.fitted(1_500), Cow::Borrowed(_)));
    }
}
