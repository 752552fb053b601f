//! Rows of ARP: answers for a virtual address.

use vrrp_common::counter::RouterCounter::{AddressClaimed, ArpAnswered, ArpSuppressed};
use vrrp_common::counter::Verdict;
use vrrp_common::wire::arp::{OP_REPLY, OP_REQUEST, announcement};

use super::frame::{arp, arp_answer, ethernet, tagged_arp};
use super::world::{CLIENT, CLIENT_MAC, NODE1, NODE1_MAC, NODE2, NODE2_MAC, VIP1, VIP2, World};
use super::{Count, Row, Seen, row};

const UNSPECIFIED: [u8; 4] = [0; 4];
const TAGS: &[(u16, u16)] = &[(0x8100, 100)];

fn request_for(target: [u8; 4]) -> Vec<u8> {
    arp(OP_REQUEST, CLIENT_MAC, CLIENT, target)
}

fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(60, 0);
    frame
}

fn as_reply(mut frame: Vec<u8>, network: usize) -> Vec<u8> {
    frame[network + 7] = OP_REPLY as u8;
    frame
}

pub fn rows() -> Vec<Row> {
    let mut rows = request_rows();
    rows.extend(gratuitous_rows());
    rows.extend(other_rows());
    rows
}

fn request_rows() -> Vec<Row> {
    let answered = |says: &str, frame, out| {
        row(says, frame, Seen::Arp)
            .when(World::active)
            .sends(Verdict::Tx, out)
            .counts(&[Count::Router(0, ArpAnswered)])
    };
    let suppressed = |says: &str, state: fn(&mut World)| {
        row(says, request_for(VIP1), Seen::Arp)
            .when(state)
            .drops()
            .counts(&[Count::Router(0, ArpSuppressed)])
    };
    let answer = arp_answer(&[], NODE1_MAC, VIP1, CLIENT_MAC, CLIENT);
    let tagged = tagged_arp(TAGS, OP_REQUEST, CLIENT_MAC, CLIENT, VIP1);
    vec![
        answered(
            "ARP request for the VIP, active: answered with the interface's MAC",
            request_for(VIP1),
            answer.clone(),
        ),
        answered(
            "ARP request for the VIP, padded to 60 bytes: the answer keeps the padding",
            padded(request_for(VIP1)),
            padded(answer.clone()),
        ),
        answered(
            "a probe (RFC 5227) for the VIP is answered: the address is in use",
            arp(OP_REQUEST, CLIENT_MAC, UNSPECIFIED, VIP1),
            arp_answer(&[], NODE1_MAC, VIP1, CLIENT_MAC, UNSPECIFIED),
        ),
        answered(
            "ARP request for the VIP in a VLAN: answered in it",
            tagged.clone(),
            arp_answer(TAGS, NODE1_MAC, VIP1, CLIENT_MAC, CLIENT),
        )
        .when(|world| world.in_vlan(100)),
        row(
            "ARP request for the VIP, lease lapsed, no advert of another master: still answered",
            request_for(VIP1),
            Seen::Arp,
        )
        .when(World::lapsed)
        .sends(Verdict::Tx, answer)
        .counts(&[Count::Router(0, ArpAnswered)]),
        suppressed("VC-068 ARP request for the VIP, in backup: silence", |_| {}),
        suppressed("ARP request for the VIP, fenced: silence", World::fenced),
        suppressed("ARP request for the VIP, direct-return backend: silence", World::dr_backend),
        row("ARP request for the other VIP, as its backup: silence", request_for(VIP2), Seen::Arp)
            .when(World::active)
            .drops()
            .counts(&[Count::Router(1, ArpSuppressed)]),
        row("ARP request for the VIP, in another VLAN: not ours", tagged, Seen::Arp)
            .when(World::active),
        row(
            "VC-018 ARP request for our own address: the stack answers",
            request_for(NODE1),
            Seen::Arp,
        )
        .when(World::active),
        row("VC-018 ARP request for another host's address", request_for(NODE2), Seen::Arp),
    ]
}

fn gratuitous_rows() -> Vec<Row> {
    let announced = announcement(NODE2_MAC, VIP1).to_vec();
    let tagged = tagged_arp(TAGS, OP_REQUEST, NODE2_MAC, VIP1, VIP1);
    vec![
        row(
            "another master announces the VIP, in backup: a reply to the stack, which then learns and is silent",
            announced.clone(),
            Seen::Arp,
        )
        .becomes(as_reply(announced.clone(), 14)),
        row("another master announces the VIP, fenced: likewise", announced.clone(), Seen::Arp)
            .when(World::fenced)
            .becomes(as_reply(announced.clone(), 14)),
        row("another master announces the VIP in a VLAN: likewise", tagged.clone(), Seen::Arp)
            .when(|world| world.in_vlan(100))
            .becomes(as_reply(tagged, 18)),
        row("another host announces the VIP while this node is active: dropped, and counted", announced.clone(), Seen::Arp)
            .when(World::active)
            .drops()
            .counts(&[Count::Router(0, AddressClaimed)]),
        row("our own announcement comes back while active: no claim", announcement(NODE1_MAC, VIP1).to_vec(), Seen::Arp)
            .when(World::active)
            .drops(),
        row("a request with the VIP as its sender while active: a claim", arp(OP_REQUEST, NODE2_MAC, VIP1, CLIENT), Seen::Arp)
            .when(World::active)
            .counts(&[Count::Router(0, AddressClaimed)]),
        row("a host announces an address that is not a VIP", announcement(NODE2_MAC, NODE2).to_vec(), Seen::Arp)
            .when(World::active),
    ]
}

fn other_rows() -> Vec<Row> {
    let request = request_for(VIP1);
    let ipv6_type = {
        let mut frame = request.clone();
        frame[16..18].copy_from_slice(&[0x86, 0xdd]);
        frame
    };
    let mut rows = vec![
        row(
            "VC-094 an ARP reply about the VIP passes, and is counted",
            arp(OP_REPLY, NODE2_MAC, VIP1, CLIENT),
            Seen::Arp,
        )
        .when(World::active)
        .counts(&[Count::Router(0, AddressClaimed)]),
        row(
            "VC-094 an ARP reply about the VIP passes, in backup",
            arp(OP_REPLY, NODE2_MAC, VIP1, CLIENT),
            Seen::Arp,
        ),
        row("operation 3 passes", arp(3, CLIENT_MAC, CLIENT, VIP1), Seen::Arp).when(World::active),
        row("a protocol type that is not IPv4", ipv6_type, Seen::Other).when(World::active),
        row("an interface that is not ours", request.clone(), Seen::Arp).when(|world| {
            world.active();
            world.interface = None;
        }),
        row("an IPv6 frame", ethernet(NODE1_MAC, CLIENT_MAC, &[], 0x86dd), Seen::Other),
        row(
            "an LLDP frame",
            padded(ethernet([1, 0x80, 0xc2, 0, 0, 0x0e], CLIENT_MAC, &[], 0x88cc)),
            Seen::Other,
        ),
    ];
    rows.extend([14, 15, 30, 41].map(|len| {
        row(
            format!("an ARP request cut off after {len} bytes"),
            request[..len].to_vec(),
            Seen::Other,
        )
        .when(World::active)
    }));
    rows
}
