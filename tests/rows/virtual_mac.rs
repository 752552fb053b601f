//! Rows of the virtual router's MAC address (RFC 9568 section 7.3), and of unicast peers behind
//! routers.

use vrrp_common::counter::RouterCounter::{ArpAnswered, LocalDelivered, NotActive};
use vrrp_common::counter::Verdict;
use vrrp_common::reason::Reason;
use vrrp_common::wire::arp::OP_REQUEST;

use super::frame::{Frame, arp, arp_answer};
use super::frame_v6::{Frame6, neighbour_answer};
use super::world::{
    CLIENT, CLIENT_MAC, CLIENT_V6, NODE1, NODE1_MAC, NODE2, VIP_V6, VIP1, VRID1, World,
};
use super::{Count, Row, Seen, accepted, rejected, row};

const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, VRID1];
const MAC_V6: [u8; 6] = [0, 0, 0x5e, 0, 2, VRID1];
const TCP: u8 = 6;
const SSH: u16 = 22;

pub fn rows() -> Vec<Row> {
    let mut rows = answer_rows();
    rows.extend(frame_rows());
    rows.extend(ttl_rows());
    rows
}

fn both(world: &mut World) {
    world.active();
    world.active_v6();
    world.virtual_macs();
}

fn answer_rows() -> Vec<Row> {
    vec![
        row(
            "VC-090 ARP request for the VIP: at the virtual router's MAC",
            arp(OP_REQUEST, CLIENT_MAC, CLIENT, VIP1),
            Seen::Arp,
        )
        .when(both)
        .sends(Verdict::Tx, arp_answer(&[], MAC, VIP1, CLIENT_MAC, CLIENT))
        .counts(&[Count::Router(0, ArpAnswered)]),
        row(
            "VC-091 a solicitation: at the virtual router's MAC",
            Frame6::solicitation(CLIENT_V6, VIP_V6).build(),
            Seen::Neighbour,
        )
        .when(both)
        .sends(Verdict::Tx, neighbour_answer(MAC_V6, VIP_V6, CLIENT_MAC, CLIENT_V6))
        .counts(&[Count::Router(2, ArpAnswered)]),
    ]
}

fn frame_rows() -> Vec<Row> {
    let ssh = Frame::client(TCP, VIP1, SSH);
    let other = Frame::client(TCP, [198, 51, 100, 7], SSH);
    let v6 = Frame6::client(TCP, VIP_V6);
    vec![
        row(
            "a packet for the VIP at the virtual MAC: to the stack, at the interface's",
            ssh.clone().destination_mac(MAC).build(),
            Seen::Ipv4,
        )
        .when(both)
        .becomes(ssh.clone().destination_mac(NODE1_MAC).build())
        .counts(&[Count::Router(0, LocalDelivered)]),
        row(
            "VC-092 a packet for elsewhere at the virtual MAC: to the stack, which forwards",
            other.clone().destination_mac(MAC).build(),
            Seen::Ipv4,
        )
        .when(both)
        .becomes(other.clone().destination_mac(NODE1_MAC).build()),
        row(
            "VC-069 a packet for elsewhere at the virtual MAC, in backup: dropped",
            other.clone().destination_mac(MAC).build(),
            Seen::Ipv4,
        )
        .when(World::virtual_macs)
        .drops()
        .counts(&[Count::Router(0, NotActive)]),
        row(
            "VC-069 likewise over IPv6",
            Frame6::client(TCP, CLIENT_V6).destination_mac(MAC_V6).build(),
            Seen::Ipv6,
        )
        .when(World::virtual_macs)
        .drops()
        .counts(&[Count::Router(2, NotActive)]),
        row(
            "IPv6: a packet for the VIP at the virtual MAC",
            v6.clone().destination_mac(MAC_V6).build(),
            Seen::Ipv6,
        )
        .when(both)
        .becomes(v6.destination_mac(NODE1_MAC).build())
        .counts(&[Count::Router(2, LocalDelivered)]),
        row(
            "at another daemon's virtual MAC: not ours",
            other.clone().destination_mac([0, 0, 0x5e, 0, 1, 99]).build(),
            Seen::Ipv4,
        )
        .when(both),
        row(
            "at the virtual MAC of a router that does not use it: not ours",
            other.destination_mac(MAC).build(),
            Seen::Ipv4,
        )
        .when(World::active),
    ]
}

fn ttl_rows() -> Vec<Row> {
    let sent = || Frame::v2().destination(NODE1);
    let at = |says: &str, ttl, expected: bool| {
        let frame = sent().ttl(ttl).build();
        let row =
            if expected { accepted(says, frame, 0) } else { rejected(says, frame, Reason::Ttl) };
        row.when(|world| world.routed(250..=253))
    };
    vec![
        at("VC-015 unicast, TTL 250, which the peer is allowed", 250, true),
        at("VC-015 unicast, TTL 253, which the peer is allowed", 253, true),
        at("VC-015 unicast, TTL 255 is always right", 255, true),
        at("VC-015 unicast, TTL 249", 249, false),
        at("VC-015 unicast, TTL 254", 254, false),
        rejected("VC-015 unicast, TTL 254 by default", sent().ttl(254).build(), Reason::Ttl)
            .when(|world| world.routed(255..=255)),
        rejected(
            "VC-015 the TTL of a peer is not a stranger's",
            sent().source(CLIENT).ttl(251).build(),
            Reason::Ttl,
        )
        .when(|world| world.routed(250..=253)),
        rejected(
            "VC-015 a message that is wrong besides, TTL not allowed",
            sent().ttl(64).corrupt(6, &[0, 1]).build(),
            Reason::Ttl,
        )
        .when(|world| world.routed(250..=253)),
        rejected(
            "VC-059 a message that is wrong: no peer's TTL range applies to it",
            sent().ttl(251).corrupt(6, &[0, 1]).build(),
            Reason::Ttl,
        )
        .when(|world| world.routed(250..=253)),
        accepted("VC-014 unicast, from the peer", sent().source(NODE2).build(), 0)
            .when(|world| world.routed(255..=255)),
        rejected("VC-014 unicast, from a stranger", sent().source(CLIENT).build(), Reason::Peer)
            .when(|world| world.routed(255..=255)),
    ]
}
