//! The client path: from a packet's virtual address to its service, ring slot and backend.

use aya_ebpf::programs::XdpContext;
use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::flow::{self, Changed, FlowKey};
use vrrp_common::maps::{
    ADDRESS_HAS_SERVICES, ADDRESS_IS_BACKEND, AddressConf, BackendConf, FORWARD_DR, FORWARD_IPIP,
    FORWARD_LOCAL, FORWARD_NAT, FlowRecord, NO_BACKEND, RING_CHANGED, ROUTER_HMAC_REQUIRED,
    RingsInUse, SERVICE_BY_SOURCE, SERVICE_GUARDED, STEERED_TTL, ServiceKey,
};
use vrrp_common::wire::ipv4::{PROTO_ICMP, PROTO_TCP, PROTO_UDP};
use vrrp_common::wire::ipv6::NEXT_ICMPV6;
use vrrp_common::wire::{icmp, l4};

use crate::capture::drop_counted;
use crate::context::{Frame, clobber_args, linear_len};
use crate::maps::opaque;
use crate::packet::Packet;
use crate::{count, guard, maps, nat, rewrite, tables, tunnel};

/// A packet's service and flow.
struct ServiceFlow {
    service: u32,
    flags: u32,
    flow: FlowKey,
    /// The packet opens a TCP connection.
    begins: bool,
    /// Offset of the packet that an ICMP error quotes; 0 for any other packet.
    quoted: usize,
}

/// Result of the lookup of a packet's service.
enum Lookup {
    Service(ServiceFlow),
    /// No service: for the stack of this node.
    Stack,
    Drop(RouterCounter),
    /// The packet ends before its ports.
    Truncated,
}

/// The verdict for a packet that is neither VRRP nor neighbour discovery.
#[inline(always)]
pub fn client(ctx: &XdpContext, slot: u32, packet: &Packet) -> Verdict {
    let Some((place, address)) = tables::address(ctx, &packet.destination, packet.vlan) else {
        return nat::backend_response(ctx, slot, packet);
    };
    match maps::addressee(slot, packet.receiver, packet.vlan) {
        // The stack drops it, or a bridge forwards it.
        maps::TO_OTHER => return Verdict::Pass,
        // A unicast address in a multicast frame must be discarded (RFC 1122 section 3.3.6).
        maps::TO_GROUP => return Verdict::Drop,
        _ => {}
    }
    let router = address.router;
    if maps::active(router).is_none() {
        return as_backend(ctx, address, packet);
    }
    if address.flags & ADDRESS_HAS_SERVICES == 0 {
        count::router(router, RouterCounter::LocalDelivered);
        return Verdict::Pass;
    }
    match find_service(ctx, packet, place, address) {
        Lookup::Service(found) => steer(ctx, packet, address, &found),
        Lookup::Stack => {
            count::router(router, RouterCounter::LocalDelivered);
            Verdict::Pass
        }
        Lookup::Drop(counter) => drop_counted(ctx, router, counter),
        Lookup::Truncated => Verdict::Drop,
    }
}

/// A packet for an address while this node is not active: accepted only if this node is a
/// direct-return backend and another node has steered the packet.
///
/// The XDP program of the other node marks the packets that it steers. IPVS does not: its packets
/// are recognised by the MAC address of the followed master. A client with a stale neighbour entry
/// matches neither.
#[inline(always)]
fn as_backend(ctx: &XdpContext, address: &AddressConf, packet: &Packet) -> Verdict {
    if address.flags & ADDRESS_IS_BACKEND != 0
        && (packet.ttl <= STEERED_TTL || is_masters_mac(address.router, packet.sender))
    {
        count::router(address.router, RouterCounter::BackendAccepted);
        return Verdict::Pass;
    }
    drop_counted(ctx, address.router, RouterCounter::NotActive)
}

/// Whether the router's master sends from `mac`. Before the first advert every MAC matches. With
/// mandatory authentication none does, because this program cannot verify adverts; a peer that
/// signs adverts also marks the packets that it steers.
#[inline(always)]
fn is_masters_mac(router: u32, mac: [u8; 6]) -> bool {
    maps::router_at(router).is_some_and(|conf| conf.flags & ROUTER_HMAC_REQUIRED == 0)
        && maps::followed(router).is_some_and(|master| master.seen == 0 || master.mac == mac)
}

#[inline(always)]
fn find_service(ctx: &XdpContext, packet: &Packet, place: u32, address: &AddressConf) -> Lookup {
    match packet.protocol {
        PROTO_TCP | PROTO_UDP if packet.later_fragment => later_fragment(packet, address),
        PROTO_TCP | PROTO_UDP => connection(ctx, packet, place, address),
        PROTO_ICMP | NEXT_ICMPV6 if !packet.fragment => error(ctx, packet, place, address),
        _ => Lookup::Stack,
    }
}

#[inline(always)]
fn connection(ctx: &XdpContext, packet: &Packet, place: u32, address: &AddressConf) -> Lookup {
    let Some(ports) = l4::ports(&Frame(ctx), packet.transport) else {
        return Lookup::Truncated;
    };
    let key =
        ServiceKey { address: place, port: ports.destination, protocol: packet.protocol, pad: 0 };
    let Some((service, flags)) = tables::service(&key, address) else {
        return Lookup::Stack;
    };
    if packet.fragment && flags & SERVICE_BY_SOURCE == 0 {
        // Later fragments carry no ports, so they could not follow the first fragment.
        return Lookup::Drop(RouterCounter::FragmentDropped);
    }
    let flow = FlowKey {
        source: packet.source,
        destination: packet.destination,
        source_port: ports.source,
        destination_port: ports.destination,
        protocol: u32::from(packet.protocol),
    };
    let begins = packet.protocol == PROTO_TCP && l4::begins(&Frame(ctx), packet.transport);
    Lookup::Service(ServiceFlow { service, flags, flow, begins, quoted: 0 })
}

/// A later fragment belongs to the one service of its address that accepts fragments.
#[inline(always)]
fn later_fragment(packet: &Packet, address: &AddressConf) -> Lookup {
    let taken_by =
        if packet.protocol == PROTO_UDP { address.udp_fragments } else { address.tcp_fragments };
    let flags = match u32::from(taken_by).checked_sub(1) {
        Some(service) => tables::service_flags(service).map(|flags| (service, flags)),
        None => None,
    };
    let Some((service, flags)) = flags else {
        return Lookup::Drop(RouterCounter::FragmentDropped);
    };
    let flow = FlowKey {
        source: packet.source,
        destination: packet.destination,
        protocol: u32::from(packet.protocol),
        ..FlowKey::default()
    };
    Lookup::Service(ServiceFlow { service, flags, flow, begins: false, quoted: 0 })
}

/// An ICMP error goes to the backend of the connection that it quotes.
#[inline(always)]
fn error(ctx: &XdpContext, packet: &Packet, place: u32, address: &AddressConf) -> Lookup {
    let quoted = if packet.v6 {
        icmp::error_v6(&Frame(ctx), packet.transport, &packet.destination)
    } else {
        icmp::error_v4(&Frame(ctx), packet.transport, packet.destination.low())
    };
    let Some(quoted) = quoted else {
        return Lookup::Stack;
    };
    let key =
        ServiceKey { address: place, port: quoted.own_port, protocol: quoted.protocol, pad: 0 };
    let Some((service, flags)) = tables::service(&key, address) else {
        return Lookup::Stack;
    };
    let flow = FlowKey {
        source: quoted.peer,
        destination: packet.destination,
        source_port: quoted.peer_port,
        destination_port: quoted.own_port,
        protocol: u32::from(quoted.protocol),
    };
    Lookup::Service(ServiceFlow { service, flags, flow, begins: false, quoted: quoted.network })
}

#[inline(always)]
fn steer(ctx: &XdpContext, packet: &Packet, address: &AddressConf, found: &ServiceFlow) -> Verdict {
    let router = address.router;
    if found.flags & SERVICE_GUARDED != 0
        && let Some(refused) =
            guard::drop_reason(found.service, &opaque(&packet.source), found.begins)
    {
        return drop_counted(ctx, router, refused);
    }
    let hash = if found.flags & SERVICE_BY_SOURCE != 0 {
        FlowKey { source_port: 0, destination_port: 0, ..found.flow }.hash()
    } else {
        found.flow.hash()
    };
    let Some((number, backend)) = choose(found, router, hash) else {
        return drop_counted(ctx, router, RouterCounter::NoBackend);
    };
    if found.quoted != 0 {
        count::router(router, RouterCounter::IcmpSteered);
    }
    deliver(ctx, packet, address, found, number, backend, hash)
}

/// The backend of a flow: the one in its ring slot, unless the slot has changed since the base
/// ring.
#[inline(always)]
fn choose(found: &ServiceFlow, router: u32, hash: u32) -> Option<(u32, &'static BackendConf)> {
    let slot = flow::slot(hash);
    let rings = tables::rings(found.service)?;
    let live = tables::ring_slot(found.service, rings.live, slot)?;
    let number = if live & RING_CHANGED == 0 {
        live
    } else {
        let known =
            u64::from(rings.word()) << 32 | u64::from(router) << 1 | u64::from(found.begins);
        let flow = FlowKey {
            source: opaque(&found.flow.source),
            destination: opaque(&found.flow.destination),
            ..found.flow
        };
        choose_changed(found.service, live & !RING_CHANGED, slot as u32, known, &flow)
    };
    if number == NO_BACKEND {
        return None;
    }
    Some((u32::from(number), tables::backend(u32::from(number))?))
}

/// The backend of a flow whose slot has changed. `known` holds the word of the rings that `live`
/// was read with in the upper half, then the router, and in bit 0 whether the packet opens a
/// connection.
#[inline(never)]
fn choose_changed(service: u32, live: u16, slot: u32, known: u64, key: &FlowKey) -> u16 {
    clobber_args();
    let (router, begins) = (known as u32 >> 1, known & 1 != 0);
    let rings = RingsInUse::of((known >> 32) as u32);
    let base = tables::ring_slot(service, rings.base, slot as usize);
    let base = base.and_then(|base| tables::alive(service, base & !RING_CHANGED));
    let epoch = u32::from(rings.epoch);
    let mut record = tables::flow(key);
    let recorded = match &record {
        Some(record) if record.epoch == epoch => tables::alive(service, record.backend as u16),
        _ => None,
    };
    let changed = Changed { live, base, recorded, begins };
    let choice = changed.choose();
    if !choice.record {
        return choice.backend;
    }
    let remembered = FlowRecord { backend: u32::from(choice.backend), epoch };
    if let Some(record) = &mut record {
        **record = remembered;
        return choice.backend;
    }
    if guard::take_flow_token() && tables::record_flow(key, remembered) {
        count::router(router, RouterCounter::FlowRecorded);
        return choice.backend;
    }
    count::router(router, RouterCounter::FlowUnrecorded);
    changed.unrecorded()
}

#[inline(always)]
fn deliver(
    ctx: &XdpContext,
    packet: &Packet,
    address: &AddressConf,
    found: &ServiceFlow,
    number: u32,
    backend: &BackendConf,
    hash: u32,
) -> Verdict {
    let router = address.router;
    let (verdict, len) = match backend.forward {
        FORWARD_LOCAL => (Verdict::Pass, linear_len(ctx) as u64),
        FORWARD_DR if packet.ttl <= STEERED_TTL => return already_steered(ctx, address),
        FORWARD_DR => {
            let len = linear_len(ctx) as u64;
            if rewrite::mark_steered(ctx, packet.v6, packet.network).is_none() {
                return Verdict::Drop;
            }
            (rewrite::send_to_mac(ctx, backend.ifindex, backend.mac, backend.source_mac), len)
        }
        FORWARD_IPIP => {
            let len = linear_len(ctx) as u64;
            let answer = tunnel::too_big(ctx, packet, backend);
            if let Some(verdict) = answer {
                count::router(router, RouterCounter::TooBig);
                return verdict;
            }
            (tunnel::send(ctx, packet, number, hash), len)
        }
        FORWARD_NAT => {
            let len = linear_len(ctx) as u64;
            if let Some(refused) = nat::drop_reason(packet, backend) {
                return drop_counted(ctx, router, refused);
            }
            (nat::send(ctx, packet, number, found.quoted), len)
        }
        _ => return drop_counted(ctx, router, RouterCounter::NoBackend),
    };
    count::backend(number, len);
    verdict
}

/// A packet that another node steered to this node, while this node's ring selects another backend.
/// It ends at the first backend that it reaches, so that two nodes with different rings do not loop
/// it.
#[inline(always)]
fn already_steered(ctx: &XdpContext, address: &AddressConf) -> Verdict {
    if address.flags & ADDRESS_IS_BACKEND != 0 {
        count::router(address.router, RouterCounter::BackendAccepted);
        return Verdict::Pass;
    }
    drop_counted(ctx, address.router, RouterCounter::AlreadySteered)
}
