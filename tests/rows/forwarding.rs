//! Rows of the forwarding modes: direct return over IPv6, tunnels of both families, destination NAT
//! in both directions.

use vrrp_common::counter::RouterCounter::{
    AlreadySteered, BackendAccepted, Hairpin, IcmpSteered, NatReturned, NoBackend, NotActive,
    TooBig, TtlExpired,
};
use vrrp_common::counter::Verdict;
use vrrp_common::ip::Address;
use vrrp_common::maps::{ADDRESS_IS_BACKEND, STEERED_TTL};
use vrrp_common::wire::icmp::{QUOTED_V4, QUOTED_V6};

use super::flow::{CLIENT_PORT, Packet, SYN, outer};
use super::world::{
    BACK, BACK_MAC, BACK_V6, CLIENT, CLIENT_MAC, CLIENT_V6, DIRECT, DNS_PORT, LOCAL, MTU, NAT,
    NAT_V6, NODE1_MAC, NODE2_MAC, REAL, REAL_MAC, REAL_PORT, REAL_V6, REDIRECTED, SPREAD,
    SPREAD_V6, TUNNEL, TUNNEL_SPREAD, TUNNEL_V6, TUNNEL_V6_SPREAD, UNUSABLE, VIP_V6, VIP1, VRID1,
    WEB_PORT, WEB_V6_PORT, World,
};
use super::{Count, Row, Seen, row};

const DOT1Q: u16 = 0x8100;
const DOT1AD: u16 = 0x88a8;
/// Index of the IPv6 virtual router.
const V6: usize = 2;

pub fn rows() -> Vec<Row> {
    let mut rows = direct_v6_rows();
    rows.extend(tunnel_rows());
    rows.extend(spread_rows());
    rows.extend(too_big_rows());
    rows.extend(nat_rows());
    rows.extend(nat_refusal_rows());
    rows.extend(reverse_rows());
    rows
}

pub fn web() -> Packet {
    Packet::tcp((VIP1, WEB_PORT))
}

pub fn dns() -> Packet {
    Packet::udp((VIP1, DNS_PORT))
}

pub fn web_v6() -> Packet {
    Packet::tcp((VIP_V6, WEB_V6_PORT))
}

pub fn dns_v6() -> Packet {
    Packet::udp((VIP_V6, DNS_PORT))
}

pub fn seen(packet: &Packet) -> Seen {
    if packet.source.is_v4() { Seen::Ipv4 } else { Seen::Ipv6 }
}

/// Every flow to `backend`, which receives `out`.
pub fn steered(says: &str, packet: &Packet, backend: u16, verdict: Verdict, out: Vec<u8>) -> Row {
    row(says, packet.build(), seen(packet))
        .when(|world| world.only(backend))
        .sends(verdict, out)
        .counts(&[Count::Backend(backend)])
}

fn to_node2(packet: &Packet) -> Vec<u8> {
    packet.clone().macs(NODE2_MAC, NODE1_MAC).ttl(STEERED_TTL).build()
}

fn direct_v6_rows() -> Vec<Row> {
    let redirected = web_v6().macs(NODE2_MAC, BACK_MAC).ttl(STEERED_TTL).build();
    let tagged = web_v6().tagged(DOT1Q, 100);
    vec![
        steered(
            "IPv6 to this node's own server: up the stack, untouched",
            &web_v6(),
            LOCAL,
            Verdict::Pass,
            web_v6().build(),
        ),
        steered(
            "IPv6 to node 2: both MACs rewritten",
            &web_v6(),
            DIRECT,
            Verdict::Tx,
            to_node2(&web_v6()),
        ),
        steered("IPv6 UDP to node 2", &dns_v6(), DIRECT, Verdict::Tx, to_node2(&dns_v6())),
        steered("IPv4 UDP to node 2", &dns(), DIRECT, Verdict::Tx, to_node2(&dns())),
        steered(
            "IPv6 through another interface",
            &web_v6(),
            REDIRECTED,
            Verdict::Redirect,
            redirected,
        ),
        steered(
            "IPv6, hop limit 255",
            &web_v6().ttl(255),
            DIRECT,
            Verdict::Tx,
            to_node2(&web_v6()),
        ),
        row(
            "IPv6, steered before and no backend here: not steered again",
            web_v6().ttl(STEERED_TTL).build(),
            Seen::Ipv6,
        )
        .when(|world| world.only(DIRECT))
        .drops()
        .counts(&[Count::Router(V6, AlreadySteered)]),
        row("IPv6, steered before: this backend takes it", web_v6().ttl(1).build(), Seen::Ipv6)
            .when(|world| {
                world.only(DIRECT);
                world.addresses[2].1.flags |= ADDRESS_IS_BACKEND;
            })
            .counts(&[Count::Router(V6, BackendAccepted)]),
        row(
            "IPv6, a frame for another host: passes",
            web_v6().macs(NODE2_MAC, CLIENT_MAC).build(),
            Seen::Ipv6,
        )
        .when(|world| world.only(DIRECT)),
        steered("IPv6, a VLAN tag stays", &tagged, DIRECT, Verdict::Tx, to_node2(&tagged))
            .when(|world| world.addresses[2].0.vlan = 100),
        row("IPv6: a backend that is not to be used", web_v6().build(), Seen::Ipv6)
            .when(|world| world.only(UNUSABLE))
            .drops()
            .counts(&[Count::Router(V6, NoBackend)]),
    ]
}

/// The packet that leaves for the backend behind the tunnel.
fn tunnelled(packet: &Packet, backend: u16) -> Vec<u8> {
    let (source, destination) = match backend {
        TUNNEL => (Address::v4(BACK), Address::v4(REAL)),
        _ => (BACK_V6, REAL_V6),
    };
    let label = packet.key().hash();
    packet.clone().macs(REAL_MAC, BACK_MAC).frame(&outer(
        source,
        destination,
        packet.class,
        label,
        &packet.ip(),
    ))
}

fn tunnel_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let packets =
        [("IPv4 TCP", web()), ("IPv4 UDP", dns()), ("IPv6 TCP", web_v6()), ("IPv6 UDP", dns_v6())];
    for (what, packet) in &packets {
        for (backend, family) in [(TUNNEL, "IPv4"), (TUNNEL_V6, "IPv6")] {
            let mut add = |says: String, packet: &Packet| {
                rows.push(steered(
                    &says,
                    packet,
                    backend,
                    Verdict::Redirect,
                    tunnelled(packet, backend),
                ));
            };
            add(format!("{what} in {family}: whole, with an outer header before it"), packet);
            add(format!("{what} in {family}: class copied"), &packet.clone().class(0xb9));
            add(format!("{what} in {family}: no payload"), &packet.clone().payload(Vec::new()));
        }
    }
    for backend in [TUNNEL, TUNNEL_V6] {
        let tagged = web().tagged(DOT1Q, 100);
        let twice = web().tagged(DOT1AD, 7).tagged(DOT1Q, 100);
        let tagged_v6 = web_v6().tagged(DOT1Q, 100);
        let mut add = |says: &str, packet: &Packet, place: usize, vlan: u32| {
            let says = format!("{says}, tunnel {backend}");
            let row =
                steered(&says, packet, backend, Verdict::Redirect, tunnelled(packet, backend));
            rows.push(row.when(|world| world.addresses[place].0.vlan = vlan));
        };
        add("tunnel: a VLAN tag goes before the outer header", &tagged, 0, 100);
        add("tunnel: two VLAN tags go before the outer header", &twice, 0, 7 << 12 | 100);
        add("tunnel: a VLAN tag before IPv6", &tagged_v6, 2, 100);
        add("tunnel: IPv4 options stay inside", &web().options(&[1; 12]), 0, 0);
    }
    rows
}

fn spread_rows() -> Vec<Row> {
    let spread = |packet: &Packet, backend| {
        let hash = packet.key().hash();
        let (source, destination) = if backend == TUNNEL_SPREAD {
            let [a, b, _, _] = SPREAD;
            let [_, _, c, d] = hash.to_be_bytes();
            (Address::v4([a, b, c, d]), Address::v4(REAL))
        } else {
            let mut octets = SPREAD_V6.octets();
            octets[12..].copy_from_slice(&hash.to_be_bytes());
            (Address::v6(octets), REAL_V6)
        };
        let out = packet.clone().macs(REAL_MAC, NODE1_MAC).frame(&outer(
            source,
            destination,
            0,
            hash,
            &packet.ip(),
        ));
        let says = format!(
            "tunnel {backend}: the outer source carries the flow's hash, port {}",
            packet.source_port
        );
        steered(&says, packet, backend, Verdict::Tx, out)
    };
    let mut rows = Vec::new();
    for port in [1_024, 40_000, 65_535] {
        rows.push(spread(&web().from((CLIENT, port)), TUNNEL_SPREAD));
        rows.push(spread(&web_v6().from((CLIENT_V6, port)), TUNNEL_V6_SPREAD));
    }
    rows
}

/// A packet of `len` bytes.
fn long(packet: Packet, len: usize) -> Packet {
    let rest = len - packet.clone().payload(Vec::new()).ip().len();
    packet.payload(vec![0x6c; rest])
}

/// "Too big" about `packet`, from the virtual address to the client, returned to the frame's
/// sender.
pub fn too_big(packet: &Packet, mtu: u32) -> Vec<u8> {
    let back = |mut error: Packet| {
        error.source = packet.destination;
        error.tags.clone_from(&packet.tags);
        (error.identification, error.label) = ([0; 2], [0; 2]);
        error.macs(packet.source_mac, packet.destination_mac).build()
    };
    let [m0, m1, m2, m3] = mtu.to_be_bytes();
    if packet.source.is_v4() {
        back(packet.error(packet.destination, 3, 4, [0, 0, m2, m3], QUOTED_V4))
    } else {
        back(packet.error(packet.destination, 2, 0, [m0, m1, m2, m3], QUOTED_V6))
    }
}

fn too_big_rows() -> Vec<Row> {
    let answered = |says: &str, packet: &Packet, backend: u16, mtu: u32| {
        let router = if packet.source.is_v4() { 0 } else { V6 };
        row(says, packet.build(), seen(packet))
            .when(|world| world.only(backend))
            .sends(Verdict::Tx, too_big(packet, mtu))
            .counts(&[Count::Router(router, TooBig)])
    };
    let fits = |says: &str, packet: &Packet, backend: u16| {
        steered(says, packet, backend, Verdict::Redirect, tunnelled(packet, backend))
    };
    let (room, room_v6) = (MTU as usize - 20, MTU as usize - 40);
    let tagged = long(web(), room + 1).tagged(DOT1Q, 100);
    let tagged_v6 = long(web_v6(), room + 1).tagged(DOT1AD, 7).tagged(DOT1Q, 100);
    let dropped = |says: &str, packet: &Packet| {
        let counts = [Count::Router(0, TooBig), Count::Router(0, IcmpSteered)];
        row(says, packet.build(), seen(packet))
            .when(|world| world.only(TUNNEL))
            .drops()
            .counts(&counts)
    };
    let error = long(web().to((CLIENT, CLIENT_PORT)).from((VIP1, WEB_PORT)), room + 1).error(
        Address::v4([10, 9, 9, 9]),
        3,
        1,
        [0; 4],
        1_490,
    );
    vec![
        fits("tunnel: the longest packet that fits", &long(web(), room), TUNNEL),
        answered(
            "tunnel: one byte too long: answered, fragmentation needed",
            &long(web(), room + 1),
            TUNNEL,
            room as u32,
        ),
        answered("tunnel: a full-sized packet", &long(web(), 1_500), TUNNEL, room as u32),
        fits("tunnel: the longest that fits into IPv6", &long(web(), room_v6), TUNNEL_V6),
        answered(
            "tunnel: one byte too long for IPv6",
            &long(web(), room_v6 + 1),
            TUNNEL_V6,
            room_v6 as u32,
        ),
        fits("tunnel: the longest IPv6 packet that fits", &long(web_v6(), room), TUNNEL),
        answered(
            "tunnel: an IPv6 packet too long: packet too big",
            &long(web_v6(), room + 1),
            TUNNEL,
            room as u32,
        ),
        answered(
            "tunnel: an IPv6 packet too long for IPv6",
            &long(web_v6(), 1_500),
            TUNNEL_V6,
            room_v6 as u32,
        ),
        answered("tunnel: UDP too long", &long(dns(), 1_500), TUNNEL, room as u32),
        answered(
            "tunnel: options are quoted",
            &long(web().options(&[1; 40]), 1_500),
            TUNNEL,
            room as u32,
        ),
        answered("tunnel: the answer keeps the VLAN tag", &tagged, TUNNEL, room as u32)
            .when(|world| world.addresses[0].0.vlan = 100),
        answered("tunnel: the answer keeps both VLAN tags", &tagged_v6, TUNNEL, room as u32)
            .when(|world| world.addresses[2].0.vlan = 7 << 12 | 100),
        dropped("tunnel: an ICMP error too long is dropped, not answered", &error),
    ]
}

/// The packet that leaves for the NAT backend.
pub fn translated(packet: &Packet) -> Vec<u8> {
    let real = if packet.source.is_v4() { Address::v4(REAL) } else { REAL_V6 };
    packet.clone().to((real, REAL_PORT)).hop().macs(REAL_MAC, BACK_MAC).build()
}

fn nat_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |says: String, packet: &Packet| {
        let backend = if packet.source.is_v4() { NAT } else { NAT_V6 };
        rows.push(steered(&says, packet, backend, Verdict::Redirect, translated(packet)));
    };
    for (what, packet) in
        [("IPv4 TCP", web()), ("IPv4 UDP", dns()), ("IPv6 TCP", web_v6()), ("IPv6 UDP", dns_v6())]
    {
        add(
            format!("NAT {what}: address and port of the backend, one hop less, checksums right"),
            &packet,
        );
        add(format!("NAT {what}: SYN"), &packet.clone().flags(SYN));
        add(format!("NAT {what}: no payload"), &packet.clone().payload(Vec::new()));
        add(format!("NAT {what}: odd length"), &packet.clone().payload(vec![0xee; 33]));
        add(format!("NAT {what}: class stays"), &packet.clone().class(0x2c));
        add(format!("NAT {what}: TTL 2"), &packet.clone().ttl(2));
        for port in [1, 255, 256, 65_535] {
            add(
                format!("NAT {what}: client port {port}"),
                &packet.clone().from((packet.source, port)),
            );
        }
    }
    add("NAT: UDP without a checksum stays without".to_owned(), &dns().unsummed());
    add("NAT: IPv4 options".to_owned(), &web().options(&[1; 16]));
    add("NAT: a full-sized packet".to_owned(), &web().payload(vec![0xa5; 1_460]));
    for tags in [vec![(DOT1Q, 100)], vec![(DOT1AD, 7), (DOT1Q, 100)]] {
        let vlan = tags.iter().fold(0, |vlan, &(_, vid)| vlan << 12 | u32::from(vid));
        let packet = Packet { tags, ..web() };
        let says = format!("NAT: VLAN tags stay, {}", packet.tags.len());
        let row = steered(&says, &packet, NAT, Verdict::Redirect, translated(&packet));
        rows.push(row.when(|world| world.addresses[0].0.vlan = vlan));
    }
    rows
}

fn nat_refusal_rows() -> Vec<Row> {
    let refused = |says: &str, packet: &Packet, router, counter| {
        let backend = if packet.source.is_v4() { NAT } else { NAT_V6 };
        row(says, packet.build(), seen(packet))
            .when(|world| world.only(backend))
            .drops()
            .counts(&[Count::Router(router, counter)])
    };
    vec![
        refused("NAT: TTL 1 ends here", &web().ttl(1), 0, TtlExpired),
        refused("NAT: TTL 0 ends here", &web().ttl(0), 0, TtlExpired),
        refused("NAT: hop limit 1 ends here", &web_v6().ttl(1), V6, TtlExpired),
        refused(
            "NAT: a backend's own packet would come back to it",
            &web().from((REAL, CLIENT_PORT)),
            0,
            Hairpin,
        ),
        refused(
            "NAT: an IPv6 backend's own packet",
            &web_v6().from((REAL_V6, CLIENT_PORT)),
            V6,
            Hairpin,
        ),
    ]
}

/// An answer of a NAT backend to the client.
pub fn answer(packet: &Packet) -> Packet {
    let real = if packet.source.is_v4() { Address::v4(REAL) } else { REAL_V6 };
    packet
        .clone()
        .to((packet.source, packet.source_port))
        .from((real, REAL_PORT))
        .macs(NODE1_MAC, REAL_MAC)
}

fn reverse_rows() -> Vec<Row> {
    // The test's namespace has no route to the client: the answer goes through the stack, which
    // decrements the TTL.
    let returned = |says: String, packet: &Packet, answer: Packet| {
        let router = if packet.source.is_v4() { 0 } else { V6 };
        let out = answer.clone().from((packet.destination, packet.destination_port)).build();
        row(says, answer.build(), seen(packet))
            .becomes(out)
            .counts(&[Count::Router(router, NatReturned)])
    };
    let mut rows = Vec::new();
    for (what, packet) in
        [("IPv4 TCP", web()), ("IPv4 UDP", dns()), ("IPv6 TCP", web_v6()), ("IPv6 UDP", dns_v6())]
    {
        rows.push(returned(
            format!("NAT answer {what}: comes from the virtual address"),
            &packet,
            answer(&packet),
        ));
        rows.push(
            returned(
                format!("NAT answer {what}: the other node carries it too"),
                &packet,
                answer(&packet),
            )
            .when(|world| world.words = Default::default()),
        );
        rows.push(returned(
            format!("NAT answer {what}: odd length"),
            &packet,
            answer(&packet).payload(vec![0x99; 7]),
        ));
    }
    rows.push(returned(
        "NAT answer: UDP without a checksum".to_owned(),
        &dns(),
        answer(&dns()).unsummed(),
    ));
    rows.push(returned("NAT answer: options".to_owned(), &web(), answer(&web()).options(&[1; 8])));
    let tagged = answer(&web()).tagged(DOT1Q, 100);
    rows.push(returned("NAT answer: in a VLAN".to_owned(), &web(), tagged));
    let virtual_mac = [0, 0, 0x5e, 0, 1, VRID1];
    let at_virtual_mac = answer(&web()).macs(virtual_mac, REAL_MAC);
    rows.push(
        row(
            "NAT answer: at the virtual MAC of the gateway this node is",
            at_virtual_mac.build(),
            Seen::Ipv4,
        )
        .when(|world| {
            world.active();
            world.virtual_macs();
        })
        .becomes(answer(&web()).from((VIP1, WEB_PORT)).build())
        .counts(&[Count::Router(0, NatReturned)]),
    );
    rows.push(
        row(
            "NAT answer: at the virtual MAC of the gateway the other node is",
            at_virtual_mac.build(),
            Seen::Ipv4,
        )
        .when(World::virtual_macs)
        .drops()
        .counts(&[Count::Router(0, NotActive)]),
    );
    let untouched = |says: &str, packet: Packet| row(says, packet.build(), seen(&packet));
    rows.push(untouched(
        "NAT answer: flooded, for another host",
        answer(&web()).macs(NODE2_MAC, REAL_MAC),
    ));
    rows.push(untouched(
        "NAT answer: in a broadcast frame",
        answer(&web()).macs([0xff; 6], REAL_MAC),
    ));
    rows.push(untouched(
        "NAT backend: another port is its own business",
        answer(&web()).from((REAL, 22)),
    ));
    rows.push(untouched(
        "NAT backend: an address with the same hint",
        answer(&web()).from(([10, 1, 0, 22], REAL_PORT)),
    ));
    rows.push(untouched("NAT backend: a fragment is not an answer", answer(&web()).piece(0, true)));
    rows.push(untouched("NAT backend: a later fragment neither", answer(&web()).piece(8, false)));
    rows.push(
        row("NAT answer: TTL 1 ends here", answer(&web()).ttl(1).build(), Seen::Ipv4)
            .drops()
            .counts(&[Count::Router(0, TtlExpired)]),
    );
    rows.push(
        row(
            "NAT answer by an interface that leads to no NAT backend",
            answer(&web()).build(),
            Seen::Ipv4,
        )
        .when(|world| {
            if let Some(interface) = &mut world.interface {
                interface.nat = 0;
            }
        }),
    );
    rows.push(
        row("NAT answer by an interface that is not ours", answer(&web()).build(), Seen::Ipv4)
            .when(|world| world.interface = None),
    );
    rows
}
