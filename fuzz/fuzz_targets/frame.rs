//! Any bytes as an Ethernet frame: no panic, and the packet alone, as the raw socket of its family
//! receives it, is parsed as in the frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_common::classify::{self, Class, Vrrp};
use vrrp_common::wire::{arp, eth, ipv4, ipv6};

fuzz_target!(|bytes: &[u8]| match classify::classify(bytes) {
    Class::Vrrp(vrrp) => vrrp_alone(bytes, &vrrp),
    Class::Arp { ethernet, arp } => {
        assert_eq!(ethernet.ethertype, eth::TYPE_ARP);
        assert_eq!(arp::parse(&bytes[ethernet.network..], 0), Some(arp));
    }
    Class::Ipv4 { ethernet, ip } => {
        assert_eq!(ethernet.ethertype, eth::TYPE_IPV4);
        assert!(ip.is_sane() && ip.protocol != ipv4::PROTO_VRRP);
        assert_eq!(ipv4::parse(&bytes[ethernet.network..], 0), Some(ip));
    }
    Class::Neighbour { ethernet, ip, .. } | Class::Ipv6 { ethernet, ip } => {
        assert_eq!(ethernet.ethertype, eth::TYPE_IPV6);
        assert_eq!(ipv6::parse(&bytes[ethernet.network..], 0), Some(ip));
    }
    Class::Other => {}
});

fn vrrp_alone(frame: &[u8], vrrp: &Vrrp) {
    let packet = &frame[vrrp.ethernet.network..];
    match vrrp.ethernet.ethertype {
        eth::TYPE_IPV4 => {
            let ip = ipv4::parse(packet, 0).expect("read in the frame");
            assert_eq!(classify::advert(packet, 0, &ip), vrrp.advert);
            assert!(vrrp.source.is_v4() && vrrp.destination.is_v4());
        }
        eth::TYPE_IPV6 => {
            let ip = ipv6::parse(packet, 0).expect("read in the frame");
            assert_eq!(classify::advert_v6(packet, ip.header_len, &ip), vrrp.advert);
            // The family of the addresses is the family of the advert: an IPv4-mapped address is
            // never valid over IPv6.
            let mapped = vrrp.source.is_v4() || vrrp.destination.is_v4();
            assert!(vrrp.advert.is_err() || !mapped, "an IPv4 address over IPv6: {vrrp:?}");
        }
        other => panic!("VRRP in a frame of type {other:#06x}"),
    }
}
