//! The rows.

use vrrp_common::wire::ipv4::{PROTO_TCP, PROTO_UDP};

use crate::change::Change;
use crate::common::traffic::Traffic;
use crate::node::{BACKENDS, FRONT_IFINDEX, Runs};
use crate::rows::world::{BACK_IFINDEX, BACK_MAC, NODE1_MAC, NODE2_MAC, VIP1};

/// Flows of the rows with many.
pub const MANY: u32 = 32_768;

/// Where frames end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// At the node itself.
    Node,
    /// Where they came from.
    Client,
    /// At the other end of the back cable.
    Backend,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub what: &'static str,
    pub runs: Runs,
    pub traffic: Traffic,
    pub sink: Sink,
    pub change: Change,
}

impl Row {
    pub fn name(&self) -> String {
        let flows = match self.traffic.flows {
            1 => "1 flow".to_owned(),
            flows => format!("{}k flows", flows / 1024),
        };
        let protocol = if self.traffic.protocol == PROTO_TCP { "TCP" } else { "UDP" };
        format!("{}, {protocol}, {flows}", self.what)
    }
}

pub const DROP: &str = "XDP_DROP";
pub const STEER: &str = "minimal steering, XDP_TX";
pub const OURS: &str = "vrrp_xdp direct return, XDP_TX";
pub const NFT: &str = "nft DNAT, 3 backends";

/// The first is the base: what making and dropping a frame costs.
pub fn rows() -> Vec<Row> {
    let udp = Traffic { protocol: PROTO_UDP, flows: MANY, destination: VIP1 };
    let tcp = Traffic { protocol: PROTO_TCP, ..udp };
    let one = |traffic| Traffic { flows: 1, ..traffic };
    let routed = Traffic { destination: BACKENDS[0], ..udp };
    let tx = Change::Link(NODE2_MAC, NODE1_MAC);
    let redirected = Change::Link(NODE2_MAC, BACK_MAC);
    let translated = Change::Translated(NODE2_MAC, BACK_MAC, &BACKENDS);
    let row = |what, runs, traffic, sink, change| Row { what, runs, traffic, sink, change };
    let ours = |traffic| row(OURS, Runs::Ours(FRONT_IFINDEX), traffic, Sink::Client, tx);
    let nft = |traffic| row(NFT, Runs::Nft, traffic, Sink::Backend, translated);
    vec![
        row(DROP, Runs::Bench("bench_sink"), udp, Sink::Node, Change::Nothing),
        row("XDP_TX", Runs::Bench("bench_tx"), udp, Sink::Client, Change::Nothing),
        row("XDP_REDIRECT", Runs::Bench("bench_redirect"), udp, Sink::Backend, Change::Nothing),
        row(STEER, Runs::Bench("bench_steer"), udp, Sink::Client, tx),
        row(STEER, Runs::Bench("bench_steer"), tcp, Sink::Client, tx),
        ours(one(udp)),
        ours(udp),
        ours(one(tcp)),
        ours(tcp),
        row("vrrp_xdp direct return, redirect", Runs::Ours(BACK_IFINDEX), udp, Sink::Backend, redirected),
        row("kernel routing", Runs::Routing, routed, Sink::Backend, Change::Hop(NODE2_MAC, BACK_MAC)),
        nft(one(udp)),
        nft(udp),
        nft(one(tcp)),
        nft(tcp),
    ]
}
