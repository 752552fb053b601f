//! Rows of the guards: lists of sources, token buckets for new connections.

use vrrp_common::counter::RouterCounter::{ServiceLimited, SourceDenied, SourceLimited};
use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::ip::Address;
use vrrp_common::maps::{GuardConf, SOURCE_ALLOWED, SOURCE_DENIED, STEERED_TTL};

use super::flow::{ACK, CLIENT_PORT, Packet, SYN};
use super::forwarding::{dns, seen, steered, web, web_v6};
use super::world::{CLIENT, CLIENT_V6, DIRECT, DNS, NODE1_MAC, NODE2_MAC, WEB, WEB_V6, World};
use super::{Count, Row, row};

const V6: usize = 2;
/// Bits before those of an IPv4 address in its mapped form.
const MAPPED: u32 = 96;

pub fn rows() -> Vec<Row> {
    let mut rows = list_rows();
    rows.extend(bucket_rows());
    rows
}

fn admitted(says: &str, packet: &Packet) -> Row {
    steered(
        says,
        packet,
        DIRECT,
        Verdict::Tx,
        packet.clone().macs(NODE2_MAC, NODE1_MAC).ttl(STEERED_TTL).build(),
    )
}

fn refused(says: &str, packet: &Packet, counter: RouterCounter) -> Row {
    let router = if packet.source.is_v4() { 0 } else { V6 };
    row(says, packet.build(), seen(packet))
        .when(|world| world.only(DIRECT))
        .drops()
        .counts(&[Count::Router(router, counter)])
}

fn net(last: u8) -> Address {
    let [a, b, c, _] = CLIENT;
    Address::v4([a, b, c, last])
}

fn list_rows() -> Vec<Row> {
    let guard = |world: &mut World, closed| {
        world.guarded(WEB, GuardConf { closed, ..GuardConf::default() })
    };
    let with = |closed, lists: &'static [(u8, u32, u32)]| {
        move |world: &mut World| {
            guard(world, closed);
            for &(last, bits, what) in lists {
                world.lists(WEB, net(last), MAPPED + bits, what);
            }
        }
    };
    let closed_v6 =
        |world: &mut World| world.guarded(WEB_V6, GuardConf { closed: 1, ..GuardConf::default() });
    let mut net_v6 = CLIENT_V6.octets();
    net_v6[8..].fill(0);
    let net_v6 = Address::v6(net_v6);
    vec![
        admitted("guard: nothing configured", &web()).when(with(0, &[])),
        refused("guard: a denied network", &web(), SourceDenied)
            .when(with(0, &[(0, 24, SOURCE_DENIED)])),
        refused("guard: a denied address, established or not", &web().flags(ACK), SourceDenied)
            .when(with(0, &[(10, 32, SOURCE_DENIED)])),
        admitted("guard: the neighbour of a denied address", &web())
            .when(with(0, &[(11, 32, SOURCE_DENIED)])),
        admitted("guard: an allowed address in a denied network", &web())
            .when(with(0, &[(0, 24, SOURCE_DENIED), (10, 32, SOURCE_ALLOWED)])),
        refused("guard: a denied address in an allowed network", &web(), SourceDenied)
            .when(with(1, &[(0, 24, SOURCE_ALLOWED), (10, 32, SOURCE_DENIED)])),
        refused("guard: not allowed where only the allowed may come", &web(), SourceDenied)
            .when(with(1, &[(200, 32, SOURCE_ALLOWED)])),
        admitted("guard: allowed where only the allowed may come", &web())
            .when(with(1, &[(0, 28, SOURCE_ALLOWED)])),
        admitted("guard: another service's list", &dns()).when(|world| {
            world.guarded(DNS, GuardConf::default());
            world.lists(WEB, net(0), MAPPED + 24, SOURCE_DENIED);
            world.guards[DNS].listed = 1;
        }),
        refused("guard: IPv6, not allowed", &web_v6(), SourceDenied).when(closed_v6),
        admitted("guard: IPv6, an allowed prefix", &web_v6()).when(move |world| {
            closed_v6(world);
            world.lists(WEB_V6, net_v6, 64, SOURCE_ALLOWED);
        }),
        refused("guard: IPv6, a denied prefix", &web_v6(), SourceDenied).when(move |world| {
            world.guarded(WEB_V6, GuardConf::default());
            world.lists(WEB_V6, net_v6, 64, SOURCE_DENIED);
        }),
        refused("guard: an IPv4 list of length 0 denies all of IPv4", &web(), SourceDenied).when(
            |world| {
                world.guarded(WEB, GuardConf::default());
                world.lists(WEB, Address::v4([0; 4]), MAPPED, SOURCE_DENIED);
            },
        ),
    ]
}

fn bucket_rows() -> Vec<Row> {
    // One token in more than an hour: none is added while the test runs.
    let slow = GuardConf { source_rate: 1, source_burst: 3, ..GuardConf::default() };
    let total = GuardConf { total_rate: 1, total_burst: 3, ..GuardConf::default() };
    let by_source = move |world: &mut World| world.guarded(WEB, slow);
    let of_all = move |world: &mut World| world.guarded(WEB, total);
    let syn = web().flags(SYN);
    let from = |last: u8| syn.clone().from((net(last), CLIENT_PORT));
    vec![
        admitted("limit: the last connection of a burst", &syn)
            .when(by_source)
            .after(2, &syn.build()),
        refused("limit: one more of the same source", &syn, SourceLimited)
            .when(by_source)
            .after(3, &syn.build()),
        refused(
            "limit: another port is the same source",
            &from(10).from((CLIENT, 9)),
            SourceLimited,
        )
        .when(by_source)
        .after(3, &syn.build()),
        admitted("limit: another source has its own", &from(77))
            .when(by_source)
            .after(9, &syn.build()),
        admitted("limit: established connections go on", &web().flags(ACK))
            .when(by_source)
            .after(9, &syn.build()),
        admitted("limit: what comes before it in no service counts for none", &syn)
            .when(by_source)
            .after(9, &web().flags(ACK).build()),
        admitted("limit: the last connection of all", &from(1)).when(of_all).after(2, &syn.build()),
        refused("limit: one more of any source", &from(1), ServiceLimited)
            .when(of_all)
            .after(3, &syn.build()),
        admitted("limit: of all, established ones go on", &web().flags(ACK))
            .when(of_all)
            .after(9, &syn.build()),
        refused("limit: IPv6 by source", &web_v6().flags(SYN), SourceLimited)
            .when(move |world| world.guarded(WEB_V6, slow))
            .after(3, &web_v6().flags(SYN).build()),
        admitted("limit: a SYN with ACK opens nothing", &web().flags(SYN | ACK))
            .when(by_source)
            .after(9, &syn.build()),
    ]
}
