//! Any bytes as a frame, and as a packet from the raw socket: no panic, and both readings of a valid advert agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_common::classify::{self, Class};
use vrrp_common::wire::ipv4;

fuzz_target!(|bytes: &[u8]| {
    if let Class::Vrrp(vrrp) = classify::classify(bytes) {
        let packet = &bytes[vrrp.ethernet.network..];
        let again = ipv4::parse(packet, 0).map(|ip| classify::advert(packet, 0, &ip));
        assert_eq!(again, Some(vrrp.advert));
    }
});
