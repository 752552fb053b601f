//! The header fields of an IPv4 or IPv6 packet that the client path reads.

use vrrp_common::ip::Address;
use vrrp_common::wire::eth::Ethernet;
use vrrp_common::wire::ipv4::Ipv4;
use vrrp_common::wire::ipv6::Ipv6;

pub struct Packet {
    pub v6: bool,
    /// MAC addresses of its frame.
    pub sender: [u8; 6],
    pub receiver: [u8; 6],
    /// As [`Ethernet::vlan`].
    pub vlan: u32,
    pub source: Address,
    pub destination: Address,
    pub protocol: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Type of service or traffic class.
    pub class: u8,
    pub fragment: bool,
    pub later_fragment: bool,
    /// Length of the IP packet in bytes, from its header.
    pub len: u32,
    /// Offsets of the IP header and of the transport header.
    pub network: usize,
    pub transport: usize,
}

impl Packet {
    #[inline(always)]
    pub fn v4(ethernet: &Ethernet, ip: &Ipv4) -> Self {
        Self {
            v6: false,
            sender: ethernet.source,
            receiver: ethernet.destination,
            vlan: ethernet.vlan,
            source: Address::v4(ip.source),
            destination: Address::v4(ip.destination),
            protocol: ip.protocol,
            ttl: ip.ttl,
            class: ip.tos,
            fragment: ip.fragment,
            later_fragment: ip.later_fragment,
            len: u32::from(ip.total_len),
            network: ethernet.network,
            transport: ethernet.network + ip.header_len,
        }
    }

    #[inline(always)]
    pub fn v6(ethernet: &Ethernet, ip: &Ipv6) -> Self {
        Self {
            v6: true,
            sender: ethernet.source,
            receiver: ethernet.destination,
            vlan: ethernet.vlan,
            source: ip.source,
            destination: ip.destination,
            protocol: ip.protocol,
            ttl: ip.hop_limit,
            class: ip.traffic_class,
            fragment: ip.fragment,
            later_fragment: ip.later_fragment,
            len: ip.total_len(),
            network: ethernet.network,
            transport: ethernet.network + ip.header_len,
        }
    }
}
