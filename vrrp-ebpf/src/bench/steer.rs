//! Minimal steering: no lookup of virtual address, mastership or service, and no counter.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::Array;
use aya_ebpf::programs::XdpContext;
use vrrp_common::flow::{self, FlowKey, RING_SLOTS};
use vrrp_common::ip::Address;
use vrrp_common::packet::Packet;
use vrrp_common::wire::{eth, ipv4};

use crate::context::Frame;

/// Ethernet, IPv4 without options, and the ports.
const HEADERS: usize = 38;
/// `MF` and the fragment offset.
const FRAGMENT_MASK: u16 = 0x3fff;
/// Both MAC addresses.
const ADDRESSES: usize = 12;

/// As many slots as a service's ring.
#[map]
static RING: Array<[u16; RING_SLOTS + 3]> = Array::with_max_entries(1, 0);

/// Destination and source MAC address of each backend, padded.
#[map]
static NEXT_HOPS: Array<[u8; 16]> = Array::with_max_entries(16, 0);

#[xdp(frags)]
pub fn bench_steer(ctx: XdpContext) -> u32 {
    steer(&ctx).unwrap_or(xdp_action::XDP_PASS)
}

#[inline(always)]
fn steer(ctx: &XdpContext) -> Option<u32> {
    let headers = Frame(ctx).bytes::<HEADERS>(0)?;
    let at = |offset: usize| u16::from_be_bytes([headers[offset], headers[offset + 1]]);
    let address = |offset: usize| {
        Address::v4([
            headers[offset],
            headers[offset + 1],
            headers[offset + 2],
            headers[offset + 3],
        ])
    };
    let protocol = headers[23];
    let has_ports = protocol == ipv4::PROTO_TCP || protocol == ipv4::PROTO_UDP;
    if at(12) != eth::TYPE_IPV4 || headers[14] != 0x45 || at(20) & FRAGMENT_MASK != 0 || !has_ports
    {
        return None;
    }
    let key = FlowKey {
        source: address(26),
        destination: address(30),
        source_port: at(34),
        destination_port: at(36),
        protocol: u32::from(protocol),
    };
    let backend = *RING.get(0)?.get(flow::slot(key.hash()))?;
    let next_hop = NEXT_HOPS.get(u32::from(backend))?.first_chunk::<ADDRESSES>()?;
    crate::write(ctx, 0, *next_hop)?;
    Some(xdp_action::XDP_TX)
}
