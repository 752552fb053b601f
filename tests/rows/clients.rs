//! Rows of the client path: packets for virtual addresses, and for others.

use vrrp_common::counter::RouterCounter::{
    AlreadySteered, BackendAccepted, FragmentDropped, LocalDelivered, NoBackend, NotActive,
};
use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::maps::{NO_BACKEND, STEERED_TTL};
use vrrp_common::wire::ipv4::{PROTO_ICMP, PROTO_TCP, PROTO_UDP};

use super::frame::Frame;
use super::world::{
    BACK_MAC, CLIENT, CLIENT_MAC, DIRECT, LOCAL, NODE1, NODE1_MAC, NODE2, NODE2_MAC, REDIRECTED,
    UNUSABLE, VIP1, VIP2, World,
};
use super::{Count, Row, Seen, row};

const PORT: u16 = 80;

fn http() -> Frame {
    Frame::client(PROTO_TCP, VIP1, PORT)
}

pub fn rows() -> Vec<Row> {
    let mut rows = steered_rows();
    rows.extend(unsteered_rows());
    rows.extend(dropped_rows());
    rows.extend(not_acting_rows());
    rows.extend(followed_rows());
    rows.extend(steered_once_rows());
    rows.extend(others_frame_rows());
    rows.extend(bystander_rows());
    rows
}

/// Active, every flow to `backend`, delivered as `verdict` in `out`.
fn steered(says: &str, frame: &Frame, backend: u16, verdict: Verdict, out: Vec<u8>) -> Row {
    row(says, frame.build(), Seen::Ipv4)
        .when(|world| world.only(backend))
        .sends(verdict, out)
        .counts(&[Count::Backend(backend)])
}

fn steered_rows() -> Vec<Row> {
    let to_node2 = |frame: &Frame| {
        frame.clone().destination_mac(NODE2_MAC).source_mac(NODE1_MAC).ttl(STEERED_TTL).build()
    };
    let options = http().options(&[1; 12]);
    let padded = http().padded_to(60);
    let tagged = http().tagged(0x8100, 100);
    vec![
        steered(
            "to this node's own server: up the stack, untouched",
            &http(),
            LOCAL,
            Verdict::Pass,
            http().build(),
        ),
        steered(
            "to node 2: both MACs rewritten and marked as steered, out of the interface it came in by",
            &http(),
            DIRECT,
            Verdict::Tx,
            to_node2(&http()),
        ),
        steered(
            "to node 2 through another interface: redirected with that interface's MAC",
            &http(),
            REDIRECTED,
            Verdict::Redirect,
            http().destination_mac(NODE2_MAC).source_mac(BACK_MAC).ttl(STEERED_TTL).build(),
        ),
        steered(
            "IP options: the ports behind them are found",
            &options,
            DIRECT,
            Verdict::Tx,
            to_node2(&options),
        ),
        steered("padding goes along", &padded, DIRECT, Verdict::Tx, to_node2(&padded)),
        steered("a VLAN tag stays", &tagged, DIRECT, Verdict::Tx, to_node2(&tagged))
            .when(|world| world.in_vlan(100)),
        steered("TTL 255 to node 2", &http().ttl(255), DIRECT, Verdict::Tx, to_node2(&http())),
        steered(
            "the lowest TTL that no steered packet has",
            &http().ttl(STEERED_TTL + 1),
            DIRECT,
            Verdict::Tx,
            to_node2(&http()),
        ),
        steered(
            "TTL 1 to this node's own server",
            &http().ttl(1),
            LOCAL,
            Verdict::Pass,
            http().ttl(1).build(),
        ),
        steered(
            "lease lapsed, no advert of another master: still served",
            &http(),
            LOCAL,
            Verdict::Pass,
            http().build(),
        )
        .when(World::lapsed),
    ]
}

fn unsteered_rows() -> Vec<Row> {
    let delivered = |says: &str, frame: Frame, router| {
        row(says, frame.build(), Seen::Ipv4)
            .when(|world| world.only(DIRECT))
            .counts(&[Count::Router(router, LocalDelivered)])
    };
    vec![
        delivered(
            "VC-093 a port without a service, active: goes up the stack",
            Frame::client(PROTO_TCP, VIP1, 22),
            0,
        ),
        delivered(
            "UDP to a TCP service's port goes up the stack",
            Frame::client(PROTO_UDP, VIP1, PORT),
            0,
        ),
        delivered(
            "VC-093 ICMP to the VIP, active: goes up the stack",
            Frame::client(PROTO_ICMP, VIP1, 0x0800),
            0,
        ),
        delivered(
            "a fragment of ICMP to the VIP goes up the stack",
            Frame::client(PROTO_ICMP, VIP1, 0x0800).fragment(0x2000),
            0,
        ),
        delivered(
            "a VIP without services goes up the stack",
            Frame::client(PROTO_TCP, VIP2, PORT),
            1,
        )
        .when(|world| {
            world.words[1] =
                super::world::Words { mastership: 1, lease: u64::MAX, ..world.words[1] }
        }),
    ]
}

fn dropped_rows() -> Vec<Row> {
    let dropped = |says: &str, frame: Frame, counter| {
        row(says, frame.build(), Seen::Ipv4)
            .when(|world| world.only(DIRECT))
            .drops()
            .counts(&[Count::Router(0, counter)])
    };
    let no_backend = |says: &str, slot| {
        row(says, http().build(), Seen::Ipv4)
            .when(|world| world.only(slot))
            .drops()
            .counts(&[Count::Router(0, NoBackend)])
    };
    let cut = |len: usize| {
        row(
            format!("ports cut off after {len} bytes: dropped"),
            http().build()[..len].to_vec(),
            Seen::Ipv4,
        )
        .when(World::active)
        .drops()
    };
    vec![
        dropped("the first fragment of a steered flow", http().fragment(0x2000), FragmentDropped),
        dropped("a later fragment of a steered flow", http().fragment(100), FragmentDropped),
        no_backend("an empty ring", NO_BACKEND),
        no_backend("a backend that is not to be used", UNUSABLE),
        no_backend("a backend that was never written", 900),
        cut(34),
        cut(37),
    ]
}

fn not_acting_rows() -> Vec<Row> {
    let counted = |says: &str, frame: Frame, state: fn(&mut World), counter: RouterCounter| {
        row(says, frame.build(), Seen::Ipv4).when(state).counts(&[Count::Router(0, counter)])
    };
    let from_node2 = || http().source_mac(NODE2_MAC);
    let marked = || http().ttl(STEERED_TTL);
    vec![
        counted("VC-070 in backup: dropped", http(), |_| {}, NotActive).drops(),
        counted("fenced: dropped", http(), World::fenced, NotActive).drops(),
        counted(
            "fenced: dropped even to a backend of its own",
            http(),
            |world| {
                world.only(LOCAL);
                world.fenced();
            },
            NotActive,
        )
        .drops(),
        counted("ICMP to the VIP, in backup: dropped", Frame::client(PROTO_ICMP, VIP1, 0x0800), |_| {}, NotActive).drops(),
        counted("direct-return backend: taken from the master", from_node2(), World::dr_backend, BackendAccepted),
        counted(
            "direct-return backend: what was steered is taken, from any MAC address",
            marked(),
            World::dr_backend,
            BackendAccepted,
        ),
        counted(
            "direct-return backend that receives authenticated adverts only: a steered packet is accepted",
            marked(),
            |world| {
                world.dr_backend_without_master();
                world.hmac(true);
            },
            BackendAccepted,
        ),
        counted(
            "direct-return backend that receives authenticated adverts only: a packet that was not steered is not accepted",
            from_node2(),
            |world| {
                world.dr_backend();
                world.hmac(true);
            },
            NotActive,
        )
        .drops(),
        counted("no direct-return backend: not even what was steered", marked(), |_| {}, NotActive).drops(),
        counted(
            "direct-return backend: not taken from a client with a stale neighbour table",
            http(),
            World::dr_backend,
            NotActive,
        )
        .drops(),
        counted("direct-return backend that has received no advert: accepted", http(), World::dr_backend_without_master, BackendAccepted),
        counted("no direct-return backend: not even from the master", from_node2(), |_| {}, NotActive).drops(),
        counted(
            "fenced direct-return backend: taken from the new master",
            from_node2(),
            |world| {
                world.dr_backend();
                world.fenced();
            },
            BackendAccepted,
        ),
    ]
}

/// Packets that a backend accepts without the mark of a steered frame: adverts that the election
/// would not follow have no effect on that.
fn followed_rows() -> Vec<Row> {
    const PRIORITY: usize = 2;
    let advert = |priority: u8| Frame::v2().set(PRIORITY, &[priority]);
    let forged = |priority| advert(priority).source(CLIENT).source_mac(CLIENT_MAC).build();
    let own_name = |priority| advert(priority).source_mac(CLIENT_MAC).build();
    let from_node2 = || http().source_mac(NODE2_MAC).build();
    let taken = |says: &str, frame: Vec<u8>, advert: &[u8]| {
        row(says, frame, Seen::Ipv4)
            .when(World::dr_backend)
            .after(1, advert)
            .counts(&[Count::Router(0, BackendAccepted)])
    };
    let refused = |says: &str, frame: Vec<u8>, advert: &[u8]| {
        row(says, frame, Seen::Ipv4)
            .when(World::dr_backend)
            .after(1, advert)
            .drops()
            .counts(&[Count::Router(0, NotActive)])
    };
    vec![
        taken(
            "after a forged advert of priority 1: still from the master",
            from_node2(),
            &forged(1),
        ),
        refused(
            "after a forged advert of priority 1: not from the forger",
            http().build(),
            &forged(1),
        ),
        taken("after a forged release: still from the master", from_node2(), &forged(0)),
        taken(
            "after an advert of equal priority and a lower address: still from the master",
            from_node2(),
            &forged(200),
        ),
        taken("after a better master's advert: from that one", http().build(), &forged(201)),
        refused("after a better master's advert: not from the old one", from_node2(), &forged(201)),
        taken("the master's MAC address has changed", http().build(), &own_name(150)),
        taken("after the master has been silent: from the next one", http().build(), &forged(1))
            .when(World::followed_long_ago),
        row("after the master has resigned: from the next one", http().build(), Seen::Ipv4)
            .when(World::dr_backend)
            .after(1, &advert(0).build())
            .after(1, &forged(1))
            .counts(&[Count::Router(0, BackendAccepted)]),
        refused(
            "an advert with a wrong password has no effect",
            http().build(),
            &Frame::v2().set(12, b"x").source_mac(CLIENT_MAC).build(),
        ),
    ]
}

/// Two active nodes that are each other's backends and have different rings.
fn steered_once_rows() -> Vec<Row> {
    let again = |says: String, frame: &Frame, backend, is_backend| {
        let row = row(says, frame.build(), Seen::Ipv4).when(move |world| {
            world.only(backend);
            if is_backend {
                world.dr_backend();
            }
        });
        if is_backend {
            row.counts(&[Count::Router(0, BackendAccepted)])
        } else {
            row.drops().counts(&[Count::Router(0, AlreadySteered)])
        }
    };
    let mut rows = Vec::new();
    for ttl in 0..=STEERED_TTL {
        for backend in [DIRECT, REDIRECTED] {
            let frame = http().ttl(ttl);
            rows.push(again(
                format!("TTL {ttl}, not steered again to {backend}: this backend takes it"),
                &frame,
                backend,
                true,
            ));
            rows.push(again(
                format!("TTL {ttl}, not steered again to {backend}: no backend here"),
                &frame,
                backend,
                false,
            ));
        }
    }
    rows
}

/// Frames that a switch floods, or that an interface in promiscuous mode receives.
fn others_frame_rows() -> Vec<Row> {
    let other = || http().destination_mac([0x02, 0, 0, 0, 0, 0x77]);
    let everybody = || http().destination_mac([0xff; 6]);
    vec![
        row(
            "a frame for another host, active: passes, steered nowhere",
            other().build(),
            Seen::Ipv4,
        )
        .when(|world| world.only(DIRECT)),
        row("a frame for another host, in backup: passes", other().build(), Seen::Ipv4),
        row(
            "a frame for another host, as a direct-return backend: passes",
            other().ttl(1).build(),
            Seen::Ipv4,
        )
        .when(World::dr_backend),
        row(
            "a frame for node 2's virtual MAC: passes",
            http().destination_mac([0, 0, 0x5e, 0, 1, 51]).build(),
            Seen::Ipv4,
        )
        .when(|world| world.only(DIRECT)),
        row(
            "a broadcast frame for the VIP: dropped, steered nowhere",
            everybody().build(),
            Seen::Ipv4,
        )
        .when(|world| world.only(DIRECT))
        .drops(),
        row(
            "a frame to a group for the VIP: likewise",
            http().destination_mac([1, 0, 0x5e, 1, 2, 3]).build(),
            Seen::Ipv4,
        )
        .when(|world| world.only(DIRECT))
        .drops(),
    ]
}

fn bystander_rows() -> Vec<Row> {
    let jumbo = {
        let mut frame = Frame::client(PROTO_TCP, NODE1, PORT).total_len(9_000).build();
        frame.resize(9_014, 0x77);
        frame
    };
    let passes =
        |says: &str, frame: Frame| row(says, frame.build(), Seen::Ipv4).when(World::active);
    vec![
        passes("VC-018 our own address", Frame::client(PROTO_TCP, NODE1, PORT)),
        passes("VC-018 another host's address", Frame::client(PROTO_UDP, NODE2, 53)),
        passes(
            "VC-018 a fragment for our own address",
            Frame::client(PROTO_TCP, NODE1, PORT).fragment(0x2000),
        ),
        passes(
            "an address with the VIP's last twelve bits",
            Frame::client(PROTO_TCP, [10, 0, 17, 249], PORT),
        ),
        passes("a broadcast", Frame::client(PROTO_UDP, [255, 255, 255, 255], 67)),
        passes("the VIP's address in another VLAN", http().tagged(0x8100, 9)),
        row("a frame of several buffers for our own address", jumbo, Seen::Ipv4)
            .when(World::active),
        row("the VIP's address on an interface that is not ours", http().build(), Seen::Ipv4)
            .when(|world| world.interface = None),
        row("IHL 4: too broken for us, the stack drops it", http().ihl(4).build(), Seen::Other)
            .when(World::active),
        row(
            "total length shorter than the header: likewise",
            http().total_len(12).build(),
            Seen::Other,
        )
        .when(World::active),
        row("an IPv4 header cut off: likewise", http().build()[..33].to_vec(), Seen::Other)
            .when(World::active),
        row(
            "an Ethernet header and nothing else",
            http().source_mac(CLIENT_MAC).build()[..14].to_vec(),
            Seen::Other,
        ),
    ]
}
