//! NAT backends (LVS-NAT): the destination address and port are rewritten towards the backend, the
//! source towards the client.
//!
//! There is no per-flow state. The ring determines the backend of a flow, and the backend's address
//! and port identify a response. So either node of the pair can carry either direction of a flow
//! that it has not seen before.

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::programs::XdpContext;
use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::ip::Address;
use vrrp_common::maps::{BackendConf, NAT_ONLY_V4, NAT_ONLY_V6, ReverseKey};
use vrrp_common::packet::Packet as _;
use vrrp_common::wire::ipv4::{self, PROTO_TCP, PROTO_UDP};
use vrrp_common::wire::{checksum, ipv6, l4};

use crate::capture::drop_counted;
use crate::context::{Frame, clobber_args};
use crate::packet::Packet;
use crate::rewrite::{self, put};
use crate::{count, fib, maps, tables};

/// Offset of the checksum in ICMP.
const ICMP_CHECKSUM: usize = 2;
const SOURCE_PORT: usize = 0;
const DESTINATION_PORT: usize = 2;

/// Bits of the word that describes the packet to rewrite.
const PROTOCOL_SHIFT: u32 = 16;
const V6: u32 = 1 << 24;
/// No transport header follows.
const PORTLESS: u32 = 1 << 25;

/// One rewritten end of a packet: old and new address and port.
struct Change<'a> {
    old: &'a Address,
    new: &'a Address,
    old_port: u16,
    new_port: u16,
}

/// Offsets of the headers, and what the transport header holds.
#[derive(Clone, Copy)]
struct Offsets {
    network: usize,
    transport: usize,
    protocol: u8,
    portless: bool,
}

/// Why a packet cannot go to this backend.
#[inline(always)]
pub fn drop_reason(packet: &Packet, backend: &BackendConf) -> Option<RouterCounter> {
    if packet.ttl <= 1 {
        return Some(RouterCounter::TtlExpired);
    }
    // The backend would receive a packet from its own address and drop it.
    packet.source.is(&backend.address).then_some(RouterCounter::Hairpin)
}

/// Sends the packet to the backend `number`. `quoted` is the offset of the packet that an ICMP
/// error quotes, 0 for none.
#[inline(always)]
pub fn send(ctx: &XdpContext, packet: &Packet, number: u32, quoted: usize) -> Verdict {
    let flags = if packet.v6 { V6 } else { 0 } | if packet.later_fragment { PORTLESS } else { 0 };
    let what =
        (packet.transport as u32 & 0xffff) | u32::from(packet.protocol) << PROTOCOL_SHIFT | flags;
    if quoted != 0 {
        return send_error(ctx.ctx, number, packet.network as u32, what, quoted as u32);
    }
    send_connection(ctx.ctx, number, packet.network as u32, what)
}

#[inline(always)]
fn offsets(ctx: &XdpContext, network: u32, what: u32) -> Offsets {
    Offsets {
        network: Frame(ctx).bounded(network as usize),
        transport: Frame(ctx).bounded(what as usize & 0x1fff),
        protocol: (what >> PROTOCOL_SHIFT) as u8,
        portless: what & PORTLESS != 0,
    }
}

#[inline(never)]
fn send_connection(ctx: *mut xdp_md, number: u32, network: u32, what: u32) -> Verdict {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    let Some(backend) = tables::backend(number) else {
        return Verdict::Drop;
    };
    let offsets = offsets(ctx, network, what);
    let done = if what & V6 != 0 {
        destination_v6(ctx, offsets, backend)
    } else {
        destination_v4(ctx, offsets, backend)
    };
    match done {
        Some(()) => rewrite::send_to_mac(ctx, backend.ifindex, backend.mac, backend.source_mac),
        None => Verdict::Drop,
    }
}

#[inline(always)]
fn destination_v4(ctx: &XdpContext, offsets: Offsets, backend: &BackendConf) -> Option<()> {
    let frame = Frame(ctx);
    let old = frame.bytes(offsets.network + ipv4::at::DESTINATION)?;
    let old_port =
        if offsets.portless { 0 } else { frame.be16(offsets.transport + DESTINATION_PORT)? };
    let old_address = Address::v4(old);
    let change =
        Change { old: &old_address, new: &backend.address, old_port, new_port: backend.port };
    header_v4(ctx, offsets, &change, ipv4::at::DESTINATION, true)?;
    transport(ctx, offsets, &change, DESTINATION_PORT)
}

#[inline(always)]
fn destination_v6(ctx: &XdpContext, offsets: Offsets, backend: &BackendConf) -> Option<()> {
    let frame = Frame(ctx);
    let old = frame.address(offsets.network + ipv6::at::DESTINATION)?;
    let old_port =
        if offsets.portless { 0 } else { frame.be16(offsets.transport + DESTINATION_PORT)? };
    let change = Change { old: &old, new: &backend.address, old_port, new_port: backend.port };
    header_v6(ctx, offsets, &change, ipv6::at::DESTINATION, true)?;
    transport(ctx, offsets, &change, DESTINATION_PORT)
}

/// Writes the new address into the IPv4 header, decrements the TTL if `hop`, and updates the header
/// checksum.
#[inline(always)]
fn header_v4(
    ctx: &XdpContext,
    offsets: Offsets,
    change: &Change,
    at: usize,
    hop: bool,
) -> Option<()> {
    let frame = Frame(ctx);
    let [ttl, protocol, c0, c1] = frame.bytes(offsets.network + ipv4::at::TTL)?;
    let new_ttl = if hop { ttl.wrapping_sub(1) } else { ttl };
    let (old, new) = (change.old.low(), change.new.low());
    let was = checksum::add4(checksum::add4(0, old), [ttl, protocol, 0, 0]);
    let is = checksum::add4(checksum::add4(0, new), [new_ttl, protocol, 0, 0]);
    let [c0, c1] = checksum::adjusted(u16::from_be_bytes([c0, c1]), was, is).to_be_bytes();
    put(ctx, offsets.network + ipv4::at::TTL, [new_ttl, protocol, c0, c1])?;
    put(ctx, offsets.network + at, new)
}

#[inline(always)]
fn header_v6(
    ctx: &XdpContext,
    offsets: Offsets,
    change: &Change,
    at: usize,
    hop: bool,
) -> Option<()> {
    if hop {
        let limit = Frame(ctx).byte(offsets.network + ipv6::at::HOP_LIMIT)?;
        put(ctx, offsets.network + ipv6::at::HOP_LIMIT, [limit.wrapping_sub(1)])?;
    }
    put(ctx, offsets.network + at, change.new.octets())
}

/// Writes the new port and updates the transport checksum, which covers the address too.
#[inline(always)]
fn transport(ctx: &XdpContext, offsets: Offsets, change: &Change, port_at: usize) -> Option<()> {
    if offsets.portless {
        return Some(());
    }
    put(ctx, offsets.transport + port_at, change.new_port.to_be_bytes())?;
    let at = offsets.transport + l4::checksum_at(offsets.protocol);
    let sum = Frame(ctx).be16(at)?;
    if offsets.protocol == PROTO_UDP && sum == 0 {
        return Some(());
    }
    let was = port(checksum::add_address(0, change.old), change.old_port);
    let is = port(checksum::add_address(0, change.new), change.new_port);
    let sum = l4::sent_checksum(offsets.protocol, checksum::adjusted(sum, was, is));
    put(ctx, at, sum.to_be_bytes())
}

/// Adds a port at an even offset of the data.
#[inline(always)]
fn port(sum: u64, port: u16) -> u64 {
    let [high, low] = port.to_be_bytes();
    checksum::add4(sum, [high, low, 0, 0])
}

#[inline(never)]
fn send_error(ctx: *mut xdp_md, number: u32, network: u32, what: u32, quoted: u32) -> Verdict {
    clobber_args();
    let ctx = &XdpContext::new(ctx);
    let Some(backend) = tables::backend(number) else {
        return Verdict::Drop;
    };
    let offsets = offsets(ctx, network, what);
    let quoted = Frame(ctx).bounded(quoted as usize & 0x1fff);
    let done = if what & V6 != 0 {
        error_v6(ctx, offsets, backend, quoted)
    } else {
        error_v4(ctx, offsets, backend, quoted)
    };
    match done {
        Some(()) => rewrite::send_to_mac(ctx, backend.ifindex, backend.mac, backend.source_mac),
        None => Verdict::Drop,
    }
}

/// The source of the quoted packet is the virtual address; it is rewritten to the backend's. The
/// changes of the quoted address and of the quoted header's checksum cancel each other in the ICMP
/// checksum; the change of the port does not.
#[inline(always)]
fn error_v4(
    ctx: &XdpContext,
    offsets: Offsets,
    backend: &BackendConf,
    quoted: usize,
) -> Option<()> {
    let frame = Frame(ctx);
    let old = Address::v4(frame.bytes(offsets.network + ipv4::at::DESTINATION)?);
    let words = usize::from(frame.byte(quoted)? & 0x0f);
    let inner =
        Offsets { network: quoted, transport: frame.bounded(quoted + words * 4), ..offsets };
    let old_port = frame.be16(inner.transport + SOURCE_PORT)?;
    let change = Change { old: &old, new: &backend.address, old_port, new_port: backend.port };
    header_v4(ctx, inner, &change, ipv4::at::SOURCE, false)?;
    put(ctx, inner.transport + SOURCE_PORT, change.new_port.to_be_bytes())?;
    header_v4(ctx, offsets, &change, ipv4::at::DESTINATION, true)?;
    let at = offsets.transport + ICMP_CHECKSUM;
    let sum =
        checksum::adjusted(frame.be16(at)?, port(0, change.old_port), port(0, change.new_port));
    put(ctx, at, sum.to_be_bytes())
}

/// Likewise. The ICMPv6 checksum covers the address twice: as the quoted source and, in the
/// pseudo-header, as the destination.
#[inline(always)]
fn error_v6(
    ctx: &XdpContext,
    offsets: Offsets,
    backend: &BackendConf,
    quoted: usize,
) -> Option<()> {
    let frame = Frame(ctx);
    let old = frame.address(offsets.network + ipv6::at::DESTINATION)?;
    let inner =
        Offsets { network: quoted, transport: frame.bounded(quoted + ipv6::HEADER_LEN), ..offsets };
    let old_port = frame.be16(inner.transport + SOURCE_PORT)?;
    let change = Change { old: &old, new: &backend.address, old_port, new_port: backend.port };
    header_v6(ctx, inner, &change, ipv6::at::SOURCE, false)?;
    put(ctx, inner.transport + SOURCE_PORT, change.new_port.to_be_bytes())?;
    header_v6(ctx, offsets, &change, ipv6::at::DESTINATION, true)?;
    let twice =
        |address: &Address| checksum::add_address(checksum::add_address(0, address), address);
    let at = offsets.transport + ICMP_CHECKSUM;
    let (was, is) =
        (port(twice(&old), change.old_port), port(twice(&backend.address), change.new_port));
    put(ctx, at, checksum::adjusted(frame.be16(at)?, was, is).to_be_bytes())
}

/// A packet to no virtual address: a response of a NAT backend gets the virtual address as its
/// source; others pass, or are dropped if only NAT made the host forward them.
#[inline(always)]
pub fn backend_response(ctx: &XdpContext, slot: u32, packet: &Packet) -> Verdict {
    let Some(interface) = maps::interface(slot) else {
        return Verdict::Pass;
    };
    // On any other interface the source address of a backend is forged.
    if interface.nat == 0 {
        return Verdict::Pass;
    }
    // Otherwise each node that receives a flooded frame would forward it, and so would a backup for
    // a frame to the virtual MAC.
    if maps::addressee(slot, packet.receiver, packet.vlan) < maps::TO_ACTIVE {
        return Verdict::Pass;
    }
    if tables::may_be_reverse(&packet.source)
        && matches!(packet.protocol, PROTO_TCP | PROTO_UDP)
        && let Some(verdict) = reverse(ctx, packet)
    {
        return verdict;
    }
    // NAT alone enabled forwarding on the host, so only responses may be forwarded.
    let only = if packet.v6 { NAT_ONLY_V6 } else { NAT_ONLY_V4 };
    if interface.nat & only != 0 && fib::is_forwarded(ctx, packet) {
        return drop_counted(ctx, interface.nat_router, RouterCounter::NotForwarded);
    }
    Verdict::Pass
}

/// The verdict for a response; `None` if the packet is none.
#[inline(always)]
fn reverse(ctx: &XdpContext, packet: &Packet) -> Option<Verdict> {
    // Later fragments carry no ports, so a fragmented response cannot be distinguished from the
    // backend's other traffic.
    if packet.fragment {
        return None;
    }
    let ports = l4::ports(&Frame(ctx), packet.transport)?;
    let key = ReverseKey {
        address: crate::maps::opaque(&packet.source),
        port: u32::from(ports.source),
        protocol: u32::from(packet.protocol),
    };
    let name = tables::reverse(&key)?;
    let hop = match fib::next_hop(ctx, packet, &name.address) {
        fib::Next::Hop(hop) => Some(hop),
        fib::Next::Stack => None,
        // A response to this node itself: a health check.
        fib::Next::Local => return Some(Verdict::Pass),
    };
    if packet.ttl <= 1 {
        return Some(drop_counted(ctx, name.router, RouterCounter::TtlExpired));
    }
    count::router(name.router, RouterCounter::NatReturned);
    let offsets = Offsets {
        network: packet.network,
        transport: packet.transport,
        protocol: packet.protocol,
        portless: false,
    };
    let change = Change {
        old: &packet.source,
        new: &name.address,
        old_port: ports.source,
        new_port: name.port,
    };
    let done = if packet.v6 {
        header_v6(ctx, offsets, &change, ipv6::at::SOURCE, hop.is_some())
    } else {
        header_v4(ctx, offsets, &change, ipv4::at::SOURCE, hop.is_some())
    };
    if done.and_then(|()| transport(ctx, offsets, &change, SOURCE_PORT)).is_none() {
        return Some(Verdict::Drop);
    }
    Some(match hop {
        Some(hop) => rewrite::send_to_mac(ctx, hop.ifindex, hop.mac, hop.source_mac),
        // The stack routes the packet and decrements the TTL itself.
        None => Verdict::Pass,
    })
}
