//! Rows of ICMP errors about steered flows, which follow them, and of fragments.

use vrrp_common::counter::RouterCounter::{FragmentDropped, IcmpSteered, LocalDelivered};
use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::ip::Address;
use vrrp_common::maps::STEERED_TTL;

use super::flow::{CLIENT_PORT, Packet, outer};
use super::forwarding::{dns, dns_v6, seen, steered, web, web_v6};
use super::world::{
    BACK, BACK_MAC, CLIENT, CLIENT_V6, DIRECT, LOCAL, NAT, NAT_V6, NODE1_MAC, NODE2_MAC, REAL,
    REAL_MAC, REAL_PORT, REAL_V6, STICKY_PORT, TUNNEL, VIP_V6, VIP1, VIP2, WEB_V6_PORT, World,
};
use super::{Count, Row, row};

const V6: usize = 2;
const HEADER: usize = 20;
const HEADER_V6: usize = 40;

/// A router between the node and the client.
const ROUTER: Address = Address::v4([172, 16, 3, 9]);
const ROUTER_V6: Address =
    Address::v6([0x20, 0x01, 0x0d, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);

pub fn rows() -> Vec<Row> {
    let mut rows = followed_rows();
    rows.extend(translated_rows());
    rows.extend(unsteered_rows());
    rows.extend(fragment_rows());
    rows
}

/// A reply of the virtual address to the client of `packet`.
fn reply(packet: &Packet) -> Packet {
    packet
        .clone()
        .to((packet.source, packet.source_port))
        .from((packet.destination, packet.destination_port))
        .payload(vec![0x11; 100])
}

fn router_of(packet: &Packet) -> Address {
    if packet.source.is_v4() { ROUTER } else { ROUTER_V6 }
}

/// An error about a reply, quoting `quoted` bytes behind its IP header.
fn error(packet: &Packet, kind: u8, code: u8, quoted: usize) -> Packet {
    let header = if packet.source.is_v4() { HEADER } else { HEADER_V6 };
    reply(packet).error(router_of(packet), kind, code, [0, 0, 5, 0x14], header + quoted)
}

fn followed(
    says: &str,
    packet: &Packet,
    error: &Packet,
    backend: u16,
    verdict: Verdict,
    out: Vec<u8>,
) -> Row {
    let router = if packet.source.is_v4() { 0 } else { V6 };
    steered(says, error, backend, verdict, out).counts(&[Count::Router(router, IcmpSteered)])
}

fn followed_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let kinds = [
        ("unreachable", 3, 1),
        ("fragmentation needed", 3, 4),
        ("time exceeded", 11, 0),
        ("parameter problem", 12, 0),
    ];
    let kinds_v6 = [
        ("unreachable", 1, 0),
        ("packet too big", 2, 0),
        ("time exceeded", 3, 0),
        ("parameter problem", 4, 1),
    ];
    for (what, packet) in
        [("TCP", web()), ("UDP", dns()), ("IPv6 TCP", web_v6()), ("IPv6 UDP", dns_v6())]
    {
        for (name, kind, code) in if packet.source.is_v4() { kinds } else { kinds_v6 } {
            let error = error(&packet, kind, code, 8);
            let out = error.clone().macs(NODE2_MAC, NODE1_MAC).ttl(STEERED_TTL).build();
            let says =
                format!("ICMP {name} about {what}, eight bytes quoted: to the flow's backend");
            rows.push(followed(&says, &packet, &error, DIRECT, Verdict::Tx, out));
        }
        let long = error(&packet, 3, 1, 64);
        rows.push(followed(
            &format!("ICMP about {what}, much quoted: up the stack"),
            &packet,
            &long,
            LOCAL,
            Verdict::Pass,
            long.build(),
        ));
    }
    let short = error(&web(), 3, 4, 8);
    let (tunnel, real) = (Address::v4(BACK), Address::v4(REAL));
    let inside =
        short.clone().macs(REAL_MAC, BACK_MAC).frame(&outer(tunnel, real, 0, 0, &short.ip()));
    rows.push(followed(
        "ICMP error through a tunnel",
        &web(),
        &short,
        TUNNEL,
        Verdict::Redirect,
        inside,
    ));
    let options = reply(&web()).options(&[1; 20]).error(ROUTER, 3, 4, [0; 4], 48);
    let out = options.clone().macs(NODE2_MAC, NODE1_MAC).ttl(STEERED_TTL).build();
    rows.push(followed(
        "ICMP error about a packet with options",
        &web(),
        &options,
        DIRECT,
        Verdict::Tx,
        out,
    ));
    rows
}

/// An ICMP error as the NAT backend must see it: about its own packet.
fn translated_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, packet) in
        [("TCP", web()), ("UDP", dns()), ("IPv6 TCP", web_v6()), ("IPv6 UDP", dns_v6())]
    {
        let (kind, code) = if packet.source.is_v4() { (3, 4) } else { (2, 0) };
        let (backend, real) =
            if packet.source.is_v4() { (NAT, Address::v4(REAL)) } else { (NAT_V6, REAL_V6) };
        // Eight quoted bytes of TCP hold no checksum; those of UDP do. It is not corrected: no host
        // verifies a quoted one.
        let heard = error(&packet, kind, code, if packet.protocol == 6 { 8 } else { 4 });
        let own = reply(&packet).from((real, REAL_PORT));
        let header = if packet.source.is_v4() { HEADER } else { HEADER_V6 };
        let quoted = if packet.protocol == 6 { 8 } else { 4 };
        let mut told = own.error(router_of(&packet), kind, code, [0, 0, 5, 0x14], header + quoted);
        told = told.hop().macs(REAL_MAC, BACK_MAC);
        let says = format!("ICMP error about {what} through NAT: about what the backend sent");
        rows.push(followed(&says, &packet, &heard, backend, Verdict::Redirect, told.build()));
    }
    rows
}

fn unsteered_rows() -> Vec<Row> {
    let to_stack = |says: &str, error: &Packet, router| {
        row(says, error.build(), seen(error))
            .when(|world| world.only(DIRECT))
            .counts(&[Count::Router(router, LocalDelivered)])
    };
    let about = |packet: Packet| packet.error(ROUTER, 3, 1, [0; 4], 28);
    let ping = {
        let mut echo = error(&web(), 8, 0, 8);
        echo.body.as_mut().expect("set")[..2].copy_from_slice(&[8, 0]);
        echo
    };
    let own = |port| web().to((CLIENT, CLIENT_PORT)).from((VIP1, port));
    let ping_v6 = error(&web_v6(), 128, 0, 8);
    let stranger = own(80).from((VIP2, 80)).error(ROUTER, 3, 1, [0; 4], 28).to((VIP1, 0));
    let extended = web_v6().to((CLIENT_V6, CLIENT_PORT)).from((VIP_V6, WEB_V6_PORT)).piece(0, true);
    vec![
        to_stack("ICMP echo to a virtual address: the stack answers", &ping, 0),
        to_stack("ICMPv6 echo to a virtual address: the stack answers", &ping_v6, V6),
        to_stack("ICMP error about a port without a service", &about(own(22)), 0),
        to_stack("ICMP error about another address's packet", &stranger, 0),
        to_stack(
            "ICMP error about a later fragment: it has no port",
            &about(own(80).piece(8, false)),
            0,
        ),
        to_stack(
            "ICMP error about ICMP",
            &about(Packet::client(1, (CLIENT, 0)).from((VIP1, 0))),
            0,
        ),
        to_stack("ICMP error whose quote is cut off before the ports", &error(&web(), 3, 1, 3), 0),
        to_stack("ICMP error that quotes nothing", &error(&web(), 3, 1, 0), 0),
        to_stack("ICMPv6 error about a fragment", &extended.error(ROUTER_V6, 1, 0, [0; 4], 60), V6),
        to_stack("ICMPv6 error whose quote is cut off", &error(&web_v6(), 1, 0, 2), V6),
    ]
}

fn sticky() -> Packet {
    Packet::tcp((VIP1, STICKY_PORT))
}

fn sticky_v6() -> Packet {
    Packet::tcp((VIP_V6, STICKY_PORT))
}

fn fragment_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let to_node2 =
        |packet: &Packet| packet.clone().macs(NODE2_MAC, NODE1_MAC).ttl(STEERED_TTL).build();
    for (what, packet) in [("IPv4", sticky()), ("IPv6", sticky_v6())] {
        for (name, offset, more) in [("first", 0, true), ("middle", 64, true), ("last", 128, false)]
        {
            let piece = packet.clone().piece(offset, more);
            rows.push(
                steered(
                    &format!("{what} {name} fragment of a service that takes them"),
                    &piece,
                    DIRECT,
                    Verdict::Tx,
                    to_node2(&piece),
                )
                .when(World::takes_fragments),
            );
        }
        rows.push(
            steered(
                &format!("{what}: and whole packets"),
                &packet,
                DIRECT,
                Verdict::Tx,
                to_node2(&packet),
            )
            .when(World::takes_fragments),
        );
    }
    let later = sticky().piece(64, true);
    let mut translated = later.clone().to((REAL, REAL_PORT)).hop().macs(REAL_MAC, BACK_MAC);
    translated.body.clone_from(&later.body);
    rows.push(
        steered(
            "a later fragment through NAT: its address alone",
            &later,
            NAT,
            Verdict::Redirect,
            translated.build(),
        )
        .when(World::takes_fragments),
    );
    let inside = later.clone().macs(REAL_MAC, BACK_MAC).frame(&outer(
        Address::v4(BACK),
        Address::v4(REAL),
        0,
        0,
        &later.ip(),
    ));
    rows.push(
        steered("a later fragment through a tunnel", &later, TUNNEL, Verdict::Redirect, inside)
            .when(World::takes_fragments),
    );
    let dropped = |says: &str, packet: Packet, router, counter: RouterCounter| {
        row(says, packet.build(), seen(&packet))
            .when(|world| world.only(DIRECT))
            .drops()
            .counts(&[Count::Router(router, counter)])
    };
    rows.extend([
        dropped(
            "IPv6 first fragment of a service that takes none",
            web_v6().piece(0, true),
            V6,
            FragmentDropped,
        ),
        dropped(
            "IPv6 later fragment, and no service takes them",
            web_v6().piece(8, false),
            V6,
            FragmentDropped,
        ),
        dropped(
            "UDP fragment, and only TCP's are taken",
            dns().piece(8, false),
            0,
            FragmentDropped,
        )
        .when(World::takes_fragments),
        dropped(
            "first fragment of a service beside one that takes them",
            web().piece(0, true),
            0,
            FragmentDropped,
        )
        .when(World::takes_fragments),
    ]);
    rows
}
