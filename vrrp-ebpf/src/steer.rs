//! The client path: a packet for a virtual address, from the ring to its backend.

use aya_ebpf::programs::XdpContext;
use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::flow::{self, FlowKey};
use vrrp_common::ip::Address;
use vrrp_common::maps::{ADDRESS_HAS_SERVICES, ADDRESS_IS_BACKEND, AddressConf, FORWARD_DR, FORWARD_LOCAL, ServiceKey};
use vrrp_common::wire::eth::Ethernet;
use vrrp_common::wire::ipv4::{Ipv4, PROTO_TCP, PROTO_UDP};
use vrrp_common::wire::ipv6::Ipv6;
use vrrp_common::wire::l4;

use crate::context::Frame;
use crate::{count, maps, rewrite};

/// Decides about an IPv4 packet that is not VRRP.
#[inline(always)]
pub fn client(ctx: &XdpContext, ethernet: &Ethernet, ip: &Ipv4) -> Verdict {
    let key = maps::address_key(ctx, &Address::v4(ip.destination), ethernet.vlan);
    let Some(address) = maps::address(&key) else {
        return Verdict::Pass;
    };
    if maps::acting(address.router).is_none() {
        return as_backend(address, ethernet.source);
    }
    if address.flags & ADDRESS_HAS_SERVICES == 0 || !has_ports(ip.protocol) {
        count::router(address.router, RouterCounter::LocalDelivered);
        return Verdict::Pass;
    }
    if ip.fragment {
        // Later fragments carry no ports: they could not follow the first to its backend.
        count::router(address.router, RouterCounter::FragmentDropped);
        return Verdict::Drop;
    }
    steer(ctx, ethernet, ip, address)
}

/// Decides about an IPv6 packet that is neither VRRP nor neighbour discovery. Services are of IPv4 alone: while this node acts
/// its own stack serves.
#[inline(always)]
pub fn client_v6(ctx: &XdpContext, ethernet: &Ethernet, ip: &Ipv6) -> Verdict {
    let key = maps::address_key(ctx, &ip.destination, ethernet.vlan);
    let Some(address) = maps::address(&key) else {
        return Verdict::Pass;
    };
    if maps::acting(address.router).is_none() {
        return as_backend(address, ethernet.source);
    }
    count::router(address.router, RouterCounter::LocalDelivered);
    Verdict::Pass
}

#[inline(always)]
fn has_ports(protocol: u8) -> bool {
    protocol == PROTO_TCP || protocol == PROTO_UDP
}

/// A packet for an address this node does not act for: taken only as a direct-return backend, and only from the master.
///
/// A client whose neighbour table is stale is not the master. Before any advert was heard the sender cannot be told.
#[inline(always)]
fn as_backend(address: &AddressConf, sender: [u8; 6]) -> Verdict {
    if address.flags & ADDRESS_IS_BACKEND != 0
        && let Some(master) = maps::liveness(address.router)
        && (master.seen == 0 || master.mac == sender)
    {
        count::router(address.router, RouterCounter::BackendAccepted);
        return Verdict::Pass;
    }
    count::router(address.router, RouterCounter::NotActing);
    Verdict::Drop
}

#[inline(always)]
fn steer(ctx: &XdpContext, ethernet: &Ethernet, ip: &Ipv4, address: &AddressConf) -> Verdict {
    let Some(ports) = l4::ports(&Frame(ctx), ethernet.network + ip.header_len) else {
        return Verdict::Drop;
    };
    let key = ServiceKey { address: ip.destination, port: ports.destination, protocol: ip.protocol, pad: 0 };
    let Some(service) = maps::service(&key) else {
        count::router(address.router, RouterCounter::LocalDelivered);
        return Verdict::Pass;
    };
    let flow = FlowKey {
        source: ip.source,
        destination: ip.destination,
        source_port: ports.source,
        destination_port: ports.destination,
        protocol: ip.protocol,
    };
    let Some((index, backend)) = maps::backend(service, flow::slot(flow.hash())) else {
        count::router(address.router, RouterCounter::NoBackend);
        return Verdict::Drop;
    };
    match backend.forward {
        FORWARD_LOCAL => {
            count::backend(index, linear_len(ctx));
            Verdict::Pass
        }
        FORWARD_DR => {
            count::backend(index, linear_len(ctx));
            rewrite::direct_return(ctx, backend.ifindex, backend.mac, backend.source_mac)
        }
        _ => {
            count::router(address.router, RouterCounter::NoBackend);
            Verdict::Drop
        }
    }
}

/// Length of the frame's linear part in bytes: all of it, unless it is a jumbo.
#[inline(always)]
fn linear_len(ctx: &XdpContext) -> u64 {
    (ctx.data_end() - ctx.data()) as u64
}
