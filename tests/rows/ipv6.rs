//! Rows of IPv6: adverts, neighbour discovery for a virtual address, packets to one.

use vrrp_common::counter::RouterCounter::{
    AddressClaimed, ArpAnswered, ArpSuppressed, Fenced, LocalDelivered, LowerPriorityReceived,
    NotActive, PriorityZeroReceived,
};
use vrrp_common::counter::Verdict;
use vrrp_common::ip::Address;
use vrrp_common::reason::Reason;
use vrrp_common::wire::ipv6::{MAX_EXTENSIONS, NEXT_ICMPV6};
use vrrp_common::wire::vrrp::GROUP;

use super::frame::Frame;
use super::frame_v6::{Frame6, neighbour_answer};
use super::world::{
    CLIENT, CLIENT_MAC, CLIENT_V6, NODE1, NODE1_MAC, NODE1_V6, NODE2, NODE2_MAC, NODE2_V6, VIP_V6,
    VIP_V6_LOCAL, VIP1, VRID1, VRID2, World,
};
use super::{Count, Row, Seen, accepted, rejected, row};

/// Index of the IPv6 virtual router.
const V6: usize = 2;
const PRIORITY: usize = 2;
const DOT1Q: u16 = 0x8100;
const TCP: u8 = 6;

pub fn rows() -> Vec<Row> {
    let mut rows = carrier_rows();
    rows.extend(extension_rows());
    rows.extend(message_rows());
    rows.extend(fence_rows());
    rows.extend(neighbour_rows());
    rows.extend(client_rows());
    rows.extend(mapped_rows());
    rows
}

fn global(last: u8) -> Address {
    Address::v6([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
}

fn carrier_rows() -> Vec<Row> {
    let hops = |limit| {
        let frame = Frame6::advert().set(PRIORITY, &[255]).hop_limit(limit).build();
        rejected(format!("VC-002 IPv6 hop limit {limit}"), frame, Reason::Ttl)
    };
    let from = |says: &str, source| {
        rejected(says, Frame6::advert().source(source).build(), Reason::Source)
    };
    vec![
        accepted(
            "IPv6: an advert to ff02::12 from a link-local address",
            Frame6::advert().build(),
            V6,
        ),
        hops(0),
        hops(64),
        hops(254),
        from("VC-013 IPv6 source is a global address", global(6)),
        from(
            "VC-013 IPv6 source just outside fe80::/10",
            Address::v6([0xfe, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6]),
        ),
        from("VC-012 IPv6 source unspecified", Address::UNSPECIFIED),
        from(
            "VC-012 IPv6 source loopback",
            Address::v6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ),
        from(
            "VC-012 IPv6 source multicast",
            Address::v6([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12]),
        ),
        rejected(
            "VC-011 IPv6: our own source address",
            Frame6::advert().source(NODE1_V6).build(),
            Reason::OwnSource,
        ),
        rejected(
            "VC-009 IPv6: sent to us alone, and the virtual router listens to the group",
            Frame6::advert().destination(NODE1_V6).build(),
            Reason::Destination,
        ),
        rejected(
            "VC-010 IPv6: sent to the group, and the virtual router is unicast",
            Frame6::advert().build(),
            Reason::Destination,
        )
        .when(|world| world.routers[V6].destination = NODE1_V6),
        accepted(
            "VC-010 IPv6: sent to us, and the virtual router is unicast",
            Frame6::advert().destination(NODE1_V6).build(),
            V6,
        )
        .when(|world| world.routers[V6].destination = NODE1_V6),
        rejected(
            "VC-014 IPv6: an unknown source, and there is only one peer",
            Frame6::advert().build(),
            Reason::Peer,
        )
        .when(|world| {
            world.routers[V6].peers[0] = global(9);
            world.routers[V6].peer_count = 1;
        }),
        accepted("VC-008 IPv6: one VLAN tag", Frame6::advert().tagged(DOT1Q, 100).build(), V6)
            .when(|world| world.routers[V6].vlan = 100),
        row(
            "VC-008 IPv6: another VLAN's advert",
            Frame6::advert().tagged(DOT1Q, 101).build(),
            Seen::Foreign,
        ),
        accepted(
            "VC-016 IPv6: source MAC of the virtual router",
            Frame6::advert().source_mac([0, 0, 0x5e, 0, 2, VRID1]).build(),
            V6,
        ),
    ]
}

fn extension_rows() -> Vec<Row> {
    let options = [112, 0, 0, 0, 0, 0, 0, 0];
    let many = [60, 0, 0, 0, 0, 0, 0, 0].repeat(MAX_EXTENSIONS);
    let fragment = |says: &str, offset: [u8; 2]| {
        let header = [112, 0, offset[0], offset[1], 0, 0, 0, 1];
        rejected(says, Frame6::advert().behind(44, &header).build(), Reason::Fragment)
    };
    let mut six = [60, 0, 0, 0, 0, 0, 0, 0].repeat(MAX_EXTENSIONS - 1);
    six.extend(options);
    vec![
        fragment("VC-004 IPv6 first fragment", [0, 1]),
        fragment("VC-004 IPv6 later fragment", [0, 9]),
        fragment("VC-004 IPv6 atomic fragment", [0, 0]),
        accepted(
            "VC-004 IPv6 destination options before the advert",
            Frame6::advert().behind(60, &options).build(),
            V6,
        ),
        accepted(
            "VC-004 IPv6 hop-by-hop options before the advert",
            Frame6::advert().behind(0, &options).build(),
            V6,
        ),
        accepted(
            "VC-004 IPv6 as many extension headers as are walked",
            Frame6::advert().behind(60, &six).build(),
            V6,
        ),
        rejected(
            "VC-004 IPv6 one extension header too many",
            Frame6::advert().behind(60, &many).build(),
            Reason::Extension,
        ),
        rejected(
            "VC-004 IPv6 an extension header longer than the frame",
            Frame6::advert().behind(60, &[112, 255, 0, 0, 0, 0, 0, 0]).build(),
            Reason::Length,
        ),
        row(
            "IPv6: too many extension headers, not to the group: the stack's business",
            Frame6::client(TCP, global(5)).behind(60, &many).build(),
            Seen::Ipv6,
        ),
    ]
}

fn message_rows() -> Vec<Row> {
    let short = |len| {
        rejected(
            format!("VC-020 IPv6: a message of {len} bytes"),
            Frame6::advert().resize(len).build(),
            Reason::Length,
        )
    };
    let version = |version: u8| {
        let frame = Frame6::advert().set(0, &[version << 4 | 1]).build();
        rejected(format!("VC-021 IPv6: version {version}"), frame, Reason::Version)
    };
    vec![
        short(0),
        short(7),
        short(8),
        version(0),
        version(1),
        rejected(
            "VC-023 version 2 over IPv6",
            Frame6::advert().set(0, &[0x21]).build(),
            Reason::Version,
        ),
        version(4),
        rejected("VC-024 IPv6: type 2", Frame6::advert().set(0, &[0x32]).build(), Reason::Type),
        rejected(
            "VC-025 IPv6: a VRID that is configured nowhere",
            Frame6::advert().set(1, &[99]).build(),
            Reason::Vrid,
        ),
        rejected(
            "VC-027 a VRID that is configured for IPv4 only",
            Frame6::advert().set(1, &[VRID2]).build(),
            Reason::Vrid,
        ),
        rejected("VC-028 IPv6: VRID 0", Frame6::advert().set(1, &[0]).build(), Reason::Vrid),
        accepted("VC-027 VRID 51 over IPv4 is another virtual router", Frame::v2().build(), 0),
        rejected(
            "VC-029 IPv6: three addresses announced, two there",
            Frame6::advert().set(3, &[3]).build(),
            Reason::Length,
        ),
        rejected(
            "VC-029 IPv6: one address announced, two there",
            Frame6::advert().set(3, &[1]).build(),
            Reason::Length,
        ),
        rejected(
            "VC-030 IPv6: 28 bytes of a keepalived HMAC behind the list, no authentication",
            Frame6::advert().resize(68).build(),
            Reason::Length,
        ),
        rejected(
            "VC-030 IPv6: 28 bytes behind the list that the checksum leaves out",
            Frame6::advert().trailing(28).build(),
            Reason::Checksum,
        ),
        rejected("VC-032 IPv6: no addresses", Frame6::advert_of(&[]).build(), Reason::CountZero),
        accepted(
            "VC-033 IPv6: ninety addresses",
            Frame6::advert_of(&[VIP_V6.octets(); 90]).build(),
            V6,
        ),
        rejected(
            "VC-037 IPv6: a wrong checksum",
            Frame6::advert().corrupt(6, &[0, 1]).build(),
            Reason::Checksum,
        ),
        rejected(
            "VC-037 IPv6: a checksum without pseudo-header",
            Frame6::advert().seal_without_pseudo_header().build(),
            Reason::Checksum,
        ),
        accepted(
            "VC-042 IPv6: reserved bits are ignored",
            Frame6::advert().set(4, &[0xf0]).build(),
            V6,
        ),
        rejected(
            "VC-043 IPv6: interval 0",
            Frame6::advert().set(4, &[0, 0]).build(),
            Reason::IntervalZero,
        ),
        accepted(
            "VC-045 IPv6: the first address is not link-local",
            Frame6::advert_of(&[VIP_V6.octets()]).build(),
            V6,
        ),
        rejected(
            "VC-006 IPv6: payload length beyond the frame",
            Frame6::advert().payload_len(200).build(),
            Reason::Length,
        ),
        rejected(
            "VC-006 IPv6: payload length 2^15 too long",
            Frame6::advert().payload_len(40 + (1 << 15)).build(),
            Reason::Length,
        ),
        rejected(
            "VC-006 IPv6: payload length 2^13 too long",
            Frame6::advert().payload_len(40 + (1 << 13)).build(),
            Reason::Length,
        ),
        rejected(
            "VC-006 IPv6: payload length 0",
            Frame6::advert().payload_len(0).build(),
            Reason::Length,
        ),
        rejected(
            "VC-059 IPv6: hop limit, checksum and VRID wrong: the first rule counts",
            Frame6::advert().set(1, &[99]).corrupt(6, &[0, 1]).hop_limit(64).build(),
            Reason::Ttl,
        ),
    ]
}

fn fence_rows() -> Vec<Row> {
    let better = Frame6::advert().set(PRIORITY, &[200]).build();
    vec![
        accepted("IPv6: a better master fences this node", better, V6)
            .when(World::active_v6)
            .counts(&[Count::Router(V6, Fenced)]),
        accepted(
            "IPv6: equal priority, higher address fences",
            Frame6::advert().set(PRIORITY, &[100]).build(),
            V6,
        )
        .when(World::active_v6)
        .counts(&[Count::Router(V6, Fenced)]),
        accepted("IPv6: a lesser master, lease good: only counted", Frame6::advert().build(), V6)
            .when(World::active_v6)
            .counts(&[Count::Router(V6, LowerPriorityReceived)]),
        accepted("VC-060 IPv6: priority 0", Frame6::advert().set(PRIORITY, &[0]).build(), V6)
            .counts(&[Count::Router(V6, PriorityZeroReceived)]),
    ]
}

fn neighbour_rows() -> Vec<Row> {
    let asks = |target| Frame6::solicitation(CLIENT_V6, target);
    let answered = |says: &str, target, frame: Vec<u8>, asker| {
        row(says, frame, Seen::Neighbour)
            .when(World::active_v6)
            .sends(Verdict::Tx, neighbour_answer(NODE1_MAC, target, CLIENT_MAC, asker))
            .counts(&[Count::Router(V6, ArpAnswered)])
    };
    let probe = Frame6::solicitation(Address::UNSPECIFIED, VIP_V6);
    let announced = neighbour_answer(NODE2_MAC, VIP_V6, CLIENT_MAC, Address::UNSPECIFIED);
    vec![
        answered(
            "VC-091 a solicitation for the VIP, active: answered",
            VIP_V6,
            asks(VIP_V6).build(),
            CLIENT_V6,
        ),
        answered(
            "VC-091 likewise for the link-local VIP",
            VIP_V6_LOCAL,
            asks(VIP_V6_LOCAL).build(),
            CLIENT_V6,
        ),
        answered(
            "VC-091 a host probes whether the VIP is free: answered, to all nodes",
            VIP_V6,
            probe.build(),
            Address::UNSPECIFIED,
        ),
        row(
            "VC-068 a solicitation for the VIP, in backup: silence",
            asks(VIP_V6).build(),
            Seen::Neighbour,
        )
        .drops()
        .counts(&[Count::Router(V6, ArpSuppressed)]),
        row("VC-068 a probe for the VIP, in backup: silence", probe.build(), Seen::Neighbour)
            .drops()
            .counts(&[Count::Router(V6, ArpSuppressed)]),
        row("VC-018 a solicitation for our own address", asks(NODE1_V6).build(), Seen::Neighbour)
            .when(World::active_v6),
        row(
            "a solicitation with hop limit 64 is no neighbour discovery",
            asks(VIP_V6).hop_limit(64).build(),
            Seen::Ipv6,
        )
        .when(World::active_v6),
        row(
            "a solicitation with a wrong checksum is none",
            asks(VIP_V6).corrupt(2, &[0, 1]).build(),
            Seen::Ipv6,
        )
        .when(World::active_v6),
        row(
            "VC-094 another master's advertisement for the VIP, in backup: the stack may learn it",
            announced.clone(),
            Seen::Neighbour,
        ),
        row(
            "another host's advertisement for the VIP while active: dropped, and counted",
            announced,
            Seen::Neighbour,
        )
        .when(World::active_v6)
        .drops()
        .counts(&[Count::Router(V6, AddressClaimed)]),
    ]
}

/// IPv4-mapped addresses, which no host sends or accepts over IPv6.
fn mapped_rows() -> Vec<Row> {
    let advert = Frame6::advert;
    let (node2, group) = (Address::v4(NODE2), Address::v4(GROUP));
    let both = |world: &mut World| {
        world.active();
        world.active_v6();
    };
    let refused = |says: &str, frame: Frame6| {
        rejected(says, frame.build(), Reason::Source).when(World::lapsed)
    };
    let passes = |says: &str, frame: Frame6| row(says, frame.build(), Seen::Other).when(both);
    vec![
        refused("IPv6: a mapped source, to the group", advert().source(node2)),
        refused(
            "IPv6: mapped addresses of a peer and the IPv4 group",
            advert().source(node2).destination(group),
        ),
        refused("IPv6: a mapped source, to us alone", advert().source(node2).destination(NODE1_V6)),
        refused(
            "IPv6: to our IPv4 address in its mapped form",
            advert().destination(Address::v4(NODE1)),
        ),
        passes(
            "IPv6: a client's packet to an IPv4 VIP in its mapped form",
            Frame6::client(TCP, Address::v4(VIP1)),
        ),
        passes(
            "IPv6: a client with a mapped address",
            Frame6::client(TCP, VIP_V6).source(Address::v4(CLIENT)),
        ),
        row(
            "IPv6: a solicitation for an IPv4 VIP in its mapped form",
            Frame6::solicitation(CLIENT_V6, Address::v4(VIP1)).build(),
            Seen::Ipv6,
        )
        .when(both),
    ]
}

fn client_rows() -> Vec<Row> {
    let local = |says: &str, frame: Vec<u8>| {
        row(says, frame, Seen::Ipv6)
            .when(World::active_v6)
            .counts(&[Count::Router(V6, LocalDelivered)])
    };
    let refused = |says: &str, frame: Vec<u8>| {
        row(says, frame, Seen::Ipv6).drops().counts(&[Count::Router(V6, NotActive)])
    };
    vec![
        local(
            "VC-093 IPv6: TCP for the VIP, active: to the stack",
            Frame6::client(TCP, VIP_V6).build(),
        ),
        local(
            "IPv6: an echo request for the VIP, active: to the stack",
            Frame6::client(NEXT_ICMPV6, VIP_V6).build(),
        ),
        refused(
            "VC-070 IPv6: TCP for the VIP, in backup: dropped",
            Frame6::client(TCP, VIP_V6).build(),
        ),
        refused(
            "VC-070 IPv6: for the link-local VIP, in backup: dropped",
            Frame6::client(TCP, VIP_V6_LOCAL).build(),
        ),
        row(
            "VC-018 IPv6: for an address that is no VIP",
            Frame6::client(TCP, global(5)).build(),
            Seen::Ipv6,
        ),
        row(
            "VC-018 IPv6: from node 2 to us",
            Frame6::client(TCP, NODE1_V6).source(NODE2_V6).build(),
            Seen::Ipv6,
        ),
    ]
}
