//! Cases of tunnels, address translation, errors, guards and changing rings.

use vrrp_common::ip::Address;
use vrrp_common::maps::{GuardConf, RING_CHANGED, Ring, SOURCE_ALLOWED};
use vrrp_common::wire::ipv4::{PROTO_TCP, PROTO_UDP};

use crate::cases::{Case, MANY, PASS, REDIRECT, Reset, TX, steered_to_node2};
use crate::common::traffic::{Reshaped, Traffic};
use crate::rows::flow::{Packet, SYN, outer};
use crate::rows::forwarding::{answer, too_big, translated};
use crate::rows::world::{
    BACK_MAC, CLIENT, CLIENT_MAC, CLIENT_V6, DIRECT, NAT, NAT_V6, NODE1_MAC, REAL, REAL_MAC,
    REAL_PORT, REAL_V6, SPREAD, SPREAD_V6, TUNNEL_SPREAD, TUNNEL_V6_SPREAD, WEB, World,
};

/// A router between the node and a client.
const ROUTER: Address = Address::v4([172, 16, 3, 9]);
/// Bytes of an outer header.
const OUTER: u8 = 20;
const OUTER_V6: u8 = 40;

pub fn cases() -> Vec<Case> {
    let mut cases = tunnels();
    cases.extend(translations());
    cases.extend(errors());
    cases.extend(guards());
    cases.extend(changes());
    cases
}

/// Both leave through the interface that the packet arrived on; the outer source holds the flow's
/// hash.
fn tunnels() -> Vec<Case> {
    let case = |name: &str, traffic: Traffic| {
        let packet = traffic.packet();
        let hash = packet.key().hash();
        let (backend, source, destination) = if traffic.reshaped.head == OUTER {
            let low = (hash as u16).to_be_bytes();
            (TUNNEL_SPREAD, Address::v4([SPREAD[0], SPREAD[1], low[0], low[1]]), Address::v4(REAL))
        } else {
            let mut source = SPREAD_V6.octets();
            source[12..].copy_from_slice(&hash.to_be_bytes());
            (TUNNEL_V6_SPREAD, Address::v6(source), REAL_V6)
        };
        let out = packet.clone().macs(REAL_MAC, NODE1_MAC).frame(&outer(
            source,
            destination,
            0,
            hash,
            &packet.ip(),
        ));
        Case::new(name, &traffic.first(), TX)
            .when(|world| world.only(backend))
            .reset(Reset::Flow(traffic))
            .out(out)
    };
    let [tcp, udp] = [PROTO_TCP, PROTO_UDP].map(|protocol| Traffic::v4(protocol, MANY));
    let tcp_v6 = Traffic::v6(PROTO_TCP, MANY);
    vec![
        case("IPIP, TCP, 1 flow", Traffic { flows: 1, ..tcp }.behind(OUTER)),
        case("IPIP, TCP, 32k flows", tcp.behind(OUTER)),
        case("IPIP, UDP, 32k flows", udp.behind(OUTER)),
        case("IPIP, TCP over IPv6 in IPv4, 32k flows", tcp_v6.behind(OUTER)),
        case("IPIP, TCP in IPv6, 32k flows", tcp.behind(OUTER_V6)),
        case("IPIP, TCP over IPv6 in IPv6, 32k flows", tcp_v6.behind(OUTER_V6)),
        too_long(),
    ]
}

/// A packet that exceeds the tunnel's MTU by one byte.
fn too_long() -> Case {
    let packet = Traffic::v4(PROTO_TCP, 1).packet().payload(vec![0; 74]);
    let (frame, mtu) = (packet.build(), packet.ip().len() as u32 - 1);
    let out = too_big(&packet, mtu);
    // Prepended: an IP and an ICMP header.
    let head = OUTER + 8;
    let cut = (frame.len() + usize::from(head) - out.len()) as u8;
    Case::new("IPIP, too long a packet: answered", &frame, TX)
        .when(|world| {
            world.only(TUNNEL_SPREAD);
            world.backends[usize::from(TUNNEL_SPREAD)].mtu = mtu + u32::from(OUTER);
        })
        .reset(Reset::Frame(Reshaped { head, cut }))
        .out(out)
}

fn translations() -> Vec<Case> {
    let there = |name: &str, traffic: Traffic| {
        let backend = if traffic.destination.is_v4() { NAT } else { NAT_V6 };
        Case::new(name, &traffic.first(), REDIRECT)
            .when(|world| world.only(backend))
            .reset(Reset::Flow(traffic))
            .out(translated(&traffic.packet()))
    };
    let back = |name: &str, packet: &Packet, action: u32, out: Packet| {
        Case::new(name, &answer(packet).build(), action)
            .reset(Reset::Frame(Reshaped::NOT))
            .out(out.build())
    };
    let [tcp, udp] = [PROTO_TCP, PROTO_UDP].map(|protocol| Traffic::v4(protocol, MANY));
    let tcp_v6 = Traffic::v6(PROTO_TCP, MANY);
    // The namespace has a route to this client only.
    let asked = |traffic: Traffic, client: Address| traffic.packet().from((client, 40_000));
    let named =
        |packet: &Packet| answer(packet).from((packet.destination, packet.destination_port));
    let routed = |traffic: Traffic| {
        let packet = asked(traffic, Address::v4(CLIENT));
        let out = named(&packet).hop().macs(CLIENT_MAC, NODE1_MAC);
        (packet, out)
    };
    let ((tcp_asked, tcp_out), (udp_asked, udp_out)) = (routed(tcp), routed(udp));
    let unrouted = asked(tcp_v6, CLIENT_V6);
    vec![
        there("NAT, TCP, 1 flow", Traffic { flows: 1, ..tcp }),
        there("NAT, TCP, 32k flows", tcp),
        there("NAT, UDP, 32k flows", udp),
        there("NAT, TCP over IPv6, 32k flows", tcp_v6),
        back("NAT, TCP, the answer: routed by a FIB lookup", &tcp_asked, REDIRECT, tcp_out),
        back("NAT, UDP, the answer: routed by a FIB lookup", &udp_asked, REDIRECT, udp_out),
        back(
            "NAT, TCP over IPv6, the answer: left to the stack",
            &unrouted,
            PASS,
            named(&unrouted),
        ),
    ]
}

/// ICMP errors about an answer of the virtual address, with eight bytes behind its IP header.
fn errors() -> Vec<Case> {
    let traffic = Traffic::v4(PROTO_TCP, 1);
    let packet = traffic.packet();
    let reply = packet
        .clone()
        .to((packet.source, packet.source_port))
        .from((packet.destination, packet.destination_port));
    let about = |reply: &Packet| reply.error(ROUTER, 3, 4, [0, 0, 5, 0x14], 28);
    let error = about(&reply);
    let told = about(&translated_reply(&reply)).hop();
    vec![
        Case::new("ICMP error about a flow, direct return", &error.build(), TX)
            .reset(Reset::Frame(Reshaped::NOT))
            .out(steered_to_node2(&error.build())),
        Case::new("ICMP error about a flow, NAT", &error.build(), REDIRECT)
            .when(|world| world.only(NAT))
            .reset(Reset::Frame(Reshaped::NOT))
            .out(told.macs(REAL_MAC, BACK_MAC).build()),
    ]
}

/// The same answer as its backend sent it.
fn translated_reply(reply: &Packet) -> Packet {
    reply.clone().from((REAL, REAL_PORT))
}

/// A limit that refuses no connection.
const GENEROUS: GuardConf = GuardConf {
    source_rate: u32::MAX,
    source_burst: u32::MAX,
    total_rate: 0,
    total_burst: 0,
    closed: 0,
    listed: 0,
};

fn guards() -> Vec<Case> {
    let syn = |flows| Traffic::v4(PROTO_TCP, flows).flags(SYN);
    let case = |name: &str, traffic: Traffic, guard: GuardConf| {
        Case::new(name, &traffic.first(), TX)
            .out(steered_to_node2(&traffic.first()))
            .reset(Reset::Flow(traffic))
            .when(|world| world.guarded(WEB, guard))
    };
    let limited = GENEROUS;
    let total = GuardConf {
        source_rate: 0,
        source_burst: 0,
        total_rate: u32::MAX,
        total_burst: u32::MAX,
        ..GENEROUS
    };
    let listed = GuardConf { source_rate: 0, source_burst: 0, ..GENEROUS };
    let allowed =
        |world: &mut World| world.lists(WEB, Address::v4([10, 0, 0, 0]), 96 + 8, SOURCE_ALLOWED);
    vec![
        case("guard, rate of a source: SYN, 1 source", syn(1), limited),
        case("guard, rate of a source: SYN, 32k sources", syn(MANY), limited),
        case("guard, rate of the service: SYN", syn(MANY), total),
        case("guard, rates: established", Traffic::v4(PROTO_TCP, MANY), limited),
        case("guard, a list of sources: established", Traffic::v4(PROTO_TCP, MANY), listed)
            .when(allowed),
    ]
}

/// Every slot has the same backend as before, but is marked as changed.
fn changes() -> Vec<Case> {
    let case = |name: &str, traffic: Traffic| {
        Case::new(name, &traffic.first(), TX)
            .out(steered_to_node2(&traffic.first()))
            .reset(Reset::Flow(traffic))
            .when(changed)
    };
    let [one, many] = [1, MANY].map(|flows| Traffic::v4(PROTO_TCP, flows));
    let known = move |flows: u32| {
        move |world: &mut World| {
            world.flows.extend((0..flows).map(|number| (many.nth(number).key(), DIRECT)))
        }
    };
    vec![
        case("changed slot, nothing remembered, 32k flows", many),
        case("changed slot, UDP, 32k flows", Traffic::v4(PROTO_UDP, MANY)),
        case("changed slot, a remembered flow", one).when(known(1)),
        case("changed slot, SYN of a remembered flow", one.flags(SYN)).when(known(1)),
        // Except for the few that fit the budget.
        case("changed slot, SYN, 32k flows, too many to remember", many.flags(SYN)),
    ]
}

fn changed(world: &mut World) {
    for service in &mut world.services {
        service.live.0.fill(DIRECT | RING_CHANGED);
        let mut base = Box::new(Ring::EMPTY);
        base.0.fill(DIRECT);
        service.base = Some(base);
    }
    world.backends[usize::from(DIRECT)].service = WEB as u16;
}
