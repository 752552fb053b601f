//! Tunnel backends: encapsulation in IP (RFC 2003, RFC 2473, RFC 4213), and ICMP errors for packets
//! above the tunnel's MTU.

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::programs::XdpContext;
use vrrp_common::counter::Verdict;
use vrrp_common::ip::Address;
use vrrp_common::maps::BackendConf;
use vrrp_common::packet::Packet as _;
use vrrp_common::wire::eth;
use vrrp_common::wire::icmp::{self, QUOTED_V4, QUOTED_V6};
use vrrp_common::wire::ipv4::{self, PROTO_ICMP, PROTO_IPIP, PROTO_IPV6};
use vrrp_common::wire::ipv6::{self, NEXT_ICMPV6};

use crate::context::{Frame, clobber_args};
use crate::packet::Packet;
use crate::rewrite::{self, Link};
use crate::tables;

/// Bits of the word that describes the inner packet: length in bits 0 to 15, traffic class above,
/// then the IPv6 flag.
const CLASS_SHIFT: u32 = 16;
const V6: u32 = 1 << 24;

/// Length of the outer header in bytes.
#[inline(always)]
const fn overhead(backend: &BackendConf) -> u32 {
    if backend.address.is_v4() { ipv4::MIN_HEADER_LEN as u32 } else { ipv6::HEADER_LEN as u32 }
}

/// The verdict for a packet above the tunnel's MTU; `None` if it fits.
///
/// No ICMP error is sent about an ICMP packet or a later fragment (RFC 1122 section 3.2.2).
#[inline(always)]
pub fn too_big(ctx: &XdpContext, packet: &Packet, backend: &BackendConf) -> Option<Verdict> {
    let overhead = overhead(backend);
    if packet.len + overhead <= backend.mtu {
        return None;
    }
    if packet.later_fragment || packet.protocol == PROTO_ICMP || packet.protocol == NEXT_ICMPV6 {
        return Some(Verdict::Drop);
    }
    let (network, mtu) = (packet.network as u32, backend.mtu.saturating_sub(overhead));
    Some(if packet.v6 {
        icmp_too_big_v6(ctx.ctx, network, mtu)
    } else {
        icmp_too_big_v4(ctx.ctx, network, mtu)
    })
}

#[inline(never)]
fn icmp_too_big_v4(ctx: *mut xdp_md, network: u32, mtu: u32) -> Verdict {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    build_too_big_v4(ctx, Frame(ctx).bounded(network as usize), mtu).unwrap_or(Verdict::Drop)
}

#[inline(always)]
fn build_too_big_v4(ctx: &XdpContext, network: usize, mtu: u32) -> Option<Verdict> {
    let frame = Frame(ctx);
    let link = Link::read(ctx)?;
    let (client, own) =
        (frame.bytes(network + ipv4::at::SOURCE)?, frame.bytes(network + ipv4::at::DESTINATION)?);
    let quoted = frame.sum(network, QUOTED_V4)?;
    let head = icmp::too_big_v4(own, client, mtu as u16, quoted);
    rewrite::grow_head(ctx, head.len())?;
    link.write(ctx, network, link.source, link.destination, eth::TYPE_IPV4)?;
    rewrite::put(ctx, network, head)?;
    rewrite::trim(ctx, network + head.len() + QUOTED_V4)?;
    Some(Verdict::Tx)
}

#[inline(never)]
fn icmp_too_big_v6(ctx: *mut xdp_md, network: u32, mtu: u32) -> Verdict {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    build_too_big_v6(ctx, Frame(ctx).bounded(network as usize), mtu).unwrap_or(Verdict::Drop)
}

#[inline(always)]
fn build_too_big_v6(ctx: &XdpContext, network: usize, mtu: u32) -> Option<Verdict> {
    let frame = Frame(ctx);
    let link = Link::read(ctx)?;
    let (client, own) = (
        frame.address(network + ipv6::at::SOURCE)?,
        frame.address(network + ipv6::at::DESTINATION)?,
    );
    let quoted = frame.sum(network, QUOTED_V6)?;
    let (head, message) = icmp::too_big_v6(&own, &client, mtu, quoted);
    let added = ipv6::HEADER_LEN + icmp::HEADER_LEN;
    rewrite::grow_head(ctx, added)?;
    link.write(ctx, network, link.source, link.destination, eth::TYPE_IPV6)?;
    rewrite::put(ctx, network, head)?;
    rewrite::put(ctx, network + ipv6::at::SOURCE, own.octets())?;
    rewrite::put(ctx, network + ipv6::at::DESTINATION, client.octets())?;
    rewrite::put(ctx, network + ipv6::HEADER_LEN, message)?;
    rewrite::trim(ctx, network + added + QUOTED_V6)?;
    Some(Verdict::Tx)
}

/// Encapsulates the packet and sends it to the backend `number`.
#[inline(always)]
pub fn send(ctx: &XdpContext, packet: &Packet, number: u32, hash: u32) -> Verdict {
    let v6 = if packet.v6 { V6 } else { 0 };
    let inner = (packet.len & 0xffff) | u32::from(packet.class) << CLASS_SHIFT | v6;
    encapsulate(ctx.ctx, number, packet.network as u32, inner, hash)
}

#[inline(never)]
fn encapsulate(ctx: *mut xdp_md, number: u32, network: u32, inner: u32, hash: u32) -> Verdict {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    let Some(backend) = tables::backend(number) else {
        return Verdict::Drop;
    };
    let network = Frame(ctx).bounded(network as usize);
    let written = if backend.address.is_v4() {
        outer_v4(ctx, network, backend, inner, hash)
    } else {
        outer_v6(ctx, network, backend, inner, hash)
    };
    match written {
        Some(()) => rewrite::send(ctx, backend.ifindex),
        None => Verdict::Drop,
    }
}

/// The outer source: the configured entropy bits hold the flow's hash.
#[inline(always)]
fn source(backend: &BackendConf, hash: u32) -> [u8; 4] {
    (u32::from_be_bytes(backend.source.low()) | (hash & backend.entropy)).to_be_bytes()
}

#[inline(always)]
fn protocol(inner: u32) -> u8 {
    if inner & V6 != 0 { PROTO_IPV6 } else { PROTO_IPIP }
}

#[inline(always)]
fn outer_v4(
    ctx: &XdpContext,
    network: usize,
    backend: &BackendConf,
    inner: u32,
    hash: u32,
) -> Option<()> {
    let len = (inner & 0xffff) as u16 + ipv4::MIN_HEADER_LEN as u16;
    let class = (inner >> CLASS_SHIFT) as u8;
    let header =
        ipv4::header(class, len, protocol(inner), source(backend, hash), backend.address.low());
    let link = Link::read(ctx)?;
    rewrite::grow_head(ctx, header.len())?;
    link.write(ctx, network, backend.mac, backend.source_mac, eth::TYPE_IPV4)?;
    rewrite::put(ctx, network, header)
}

#[inline(always)]
fn outer_v6(
    ctx: &XdpContext,
    network: usize,
    backend: &BackendConf,
    inner: u32,
    hash: u32,
) -> Option<()> {
    let head =
        ipv6::head((inner >> CLASS_SHIFT) as u8, hash, (inner & 0xffff) as u16, protocol(inner));
    let [high, low] = backend.source.words();
    let entropy = u64::from(hash & backend.entropy).to_be();
    let source = Address::from_words([high, low | entropy]);
    let link = Link::read(ctx)?;
    rewrite::grow_head(ctx, ipv6::HEADER_LEN)?;
    link.write(ctx, network, backend.mac, backend.source_mac, eth::TYPE_IPV6)?;
    rewrite::put(ctx, network, head)?;
    rewrite::put(ctx, network + ipv6::at::SOURCE, source.octets())?;
    rewrite::put(ctx, network + ipv6::at::DESTINATION, backend.address.octets())
}
