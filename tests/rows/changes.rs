//! Rows of changing rings: flows that stay with their backend.

use vrrp_common::counter::RouterCounter::FlowRecorded;
use vrrp_common::counter::Verdict;
use vrrp_common::flow::slot;
use vrrp_common::maps::{NO_BACKEND, RING_CHANGED, Ring, STEERED_TTL};

use super::flow::{ACK, Packet, RST, SYN};
use super::forwarding::{dns, seen, web, web_v6};
use super::world::{BACK_MAC, DIRECT, NODE1_MAC, NODE2_MAC, REDIRECTED, UNUSABLE, World};
use super::{Count, Row, row};

const V6: usize = 2;
/// The other service's backend, which a record may name by mistake.
const OTHERS: u16 = 0;

/// Every slot was `base`, and is `live` now.
fn changed(world: &mut World, packet: &Packet, base: u16, live: u16) {
    world.only(live);
    let service = world
        .services
        .iter_mut()
        .find(|service| service.key.port == packet.destination_port)
        .expect("has a service");
    service.live.0.fill(live | RING_CHANGED);
    let mut ring = Box::new(Ring::EMPTY);
    ring.0.fill(base);
    service.base = Some(ring);
    let number = world
        .services
        .iter()
        .position(|service| service.key.port == packet.destination_port)
        .expect("has a service");
    for backend in [DIRECT, REDIRECTED] {
        world.backends[usize::from(backend)].service = number as u16;
    }
}

/// The packet goes to one of the two backends between which rows choose.
fn goes(says: &str, packet: &Packet, base: u16, live: u16, to: u16) -> Row {
    let (verdict, mac) =
        if to == DIRECT { (Verdict::Tx, NODE1_MAC) } else { (Verdict::Redirect, BACK_MAC) };
    row(says, packet.build(), seen(packet))
        .when(|world| changed(world, packet, base, live))
        .sends(verdict, packet.clone().macs(NODE2_MAC, mac).ttl(STEERED_TTL).build())
        .counts(&[Count::Backend(to)])
}

pub fn rows() -> Vec<Row> {
    let mut rows = recorded_rows();
    rows.extend(unrecorded_rows());
    rows.extend(settled_rows());
    rows
}

fn recorded_rows() -> Vec<Row> {
    let recorded = |row: Row, packet: &Packet, backend| {
        row.counts(&[Count::Router(0, FlowRecorded)]).remembers(&[(packet.key(), backend)])
    };
    let syn = web().flags(SYN);
    let known = |backend| move |world: &mut World| world.flows.push((web().key(), backend));
    let begun = |says: &str, packet: &Packet, base, live| goes(says, packet, base, live, live);
    vec![
        recorded(
            begun(
                "changed slot: a connection that begins takes the new backend and is remembered",
                &syn,
                DIRECT,
                REDIRECTED,
            ),
            &syn,
            REDIRECTED,
        ),
        recorded(
            begun("changed slot: also where the old one is gone", &syn, UNUSABLE, REDIRECTED),
            &syn,
            REDIRECTED,
        ),
        recorded(
            begun("changed slot: also where there was none", &syn, NO_BACKEND, REDIRECTED),
            &syn,
            REDIRECTED,
        ),
        recorded(
            begun(
                "changed slot that has its old backend again: marked all the same",
                &syn,
                DIRECT,
                DIRECT,
            ),
            &syn,
            DIRECT,
        ),
        goes(
            "changed slot: a remembered connection keeps its backend",
            &web(),
            DIRECT,
            REDIRECTED,
            REDIRECTED,
        )
        .when(known(REDIRECTED)),
        goes(
            "changed slot: also when the slot is the old one's again",
            &web(),
            DIRECT,
            DIRECT,
            REDIRECTED,
        )
        .when(known(REDIRECTED)),
        goes(
            "changed slot: a remembered port used again takes the new backend",
            &syn,
            DIRECT,
            REDIRECTED,
            REDIRECTED,
        )
        .when(known(DIRECT))
        .remembers(&[(syn.key(), REDIRECTED)]),
        goes(
            "changed slot: what is remembered of a dead backend is of no use",
            &web(),
            DIRECT,
            REDIRECTED,
            DIRECT,
        )
        .when(known(UNUSABLE)),
        goes(
            "changed slot: nor what an earlier drain remembered of the same ports",
            &web(),
            DIRECT,
            REDIRECTED,
            DIRECT,
        )
        .when(known(REDIRECTED))
        .when(|world| world.earlier_flows = true),
        goes("changed slot: nor of another service's backend", &web(), DIRECT, REDIRECTED, DIRECT)
            .when(known(OTHERS))
            .when(|world| world.backends[usize::from(OTHERS)].service = 5),
        {
            let syn = web_v6().flags(SYN);
            goes("changed slot: IPv6 too", &syn, DIRECT, REDIRECTED, REDIRECTED)
                .counts(&[Count::Router(V6, FlowRecorded)])
                .remembers(&[(syn.key(), REDIRECTED)])
        },
    ]
}

fn unrecorded_rows() -> Vec<Row> {
    let says = |what: &str| format!("changed slot: {what}");
    let keeps = |what: &str, packet: Packet| goes(&says(what), &packet, DIRECT, REDIRECTED, DIRECT);
    vec![
        keeps("a connection that was there keeps the old backend", web()),
        keeps("its reset too", web().flags(RST)),
        keeps("a SYN with ACK begins nothing", web().flags(SYN | ACK)),
        keeps("UDP keeps the old backend", dns()),
        keeps("IPv6 keeps the old backend", web_v6()),
        goes(
            &says("the old backend is dead, so the new one gets what is left"),
            &web(),
            UNUSABLE,
            REDIRECTED,
            REDIRECTED,
        ),
        goes(&says("there was none before"), &web(), NO_BACKEND, REDIRECTED, REDIRECTED),
        goes(&says("UDP, the old backend dead"), &dns(), UNUSABLE, REDIRECTED, REDIRECTED),
        goes(&says("no new backend, and the old one is alive"), &web(), DIRECT, NO_BACKEND, DIRECT),
    ]
}

fn settled_rows() -> Vec<Row> {
    let settled = |says: &str, packet: Packet| {
        goes(says, &packet, DIRECT, REDIRECTED, REDIRECTED).when(move |world| {
            let flow = web().key();
            for service in &mut world.services {
                service.live.0.fill(REDIRECTED);
                service.live.0[slot(flow.hash())] = REDIRECTED;
            }
        })
    };
    vec![
        settled("unchanged slot: nothing is looked up or remembered, SYN", web().flags(SYN)),
        settled("unchanged slot: nothing is looked up or remembered, ACK", web().flags(ACK)),
        settled("unchanged slot: what is remembered counts for nothing", web())
            .when(|world| world.flows.push((web().key(), DIRECT))),
    ]
}
