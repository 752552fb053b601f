//! The rows.

use vrrp_common::ip::Address;
use vrrp_common::reason::Reason;
use vrrp_common::wire::ipv4::{PROTO_TCP, PROTO_UDP};

use crate::change::Change;
use crate::common::place::BACKENDS;
use crate::common::traffic::{LEN, Traffic};
use crate::node::{Mode, Runs, Way};
use crate::rows::frame::Frame;
use crate::rows::world::{BACK, BACK_MAC, NODE1_MAC, NODE2_MAC, REAL_PORT};

/// Flows of the rows with many.
pub const MANY: u32 = 32_768;

/// Where frames are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// At the node itself.
    Node,
    /// Back at the client.
    Client,
    /// At the far end of the back link.
    Backend,
    /// At the node: the measured program itself drops them.
    Dropped,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub what: &'static str,
    pub runs: Runs,
    pub traffic: Traffic,
    pub sink: Sink,
    pub change: Change,
    /// A flood of this advert instead of the traffic, and the reason for which it is dropped.
    pub advert: Option<(Vec<u8>, Reason)>,
}

impl Row {
    pub fn name(&self) -> String {
        if let Some((_, reason)) = &self.advert {
            return format!("{}, adverts, {}", self.what, reason.label());
        }
        let flows = match self.traffic.flows {
            1 => "1 flow".to_owned(),
            flows => format!("{}k flows", flows / 1024),
        };
        let mut protocol =
            if self.traffic.protocol == PROTO_TCP { "TCP" } else { "UDP" }.to_owned();
        if !self.traffic.destination.is_v4() {
            protocol.push_str(" over IPv6");
        }
        format!("{}, {protocol}, {flows}", self.what)
    }
}

pub const DROP: &str = "XDP_DROP";
pub const STEER: &str = "minimal steering, XDP_TX";
pub const OURS: &str = "vrrp_xdp direct return, XDP_TX";
pub const TUNNEL: &str = "vrrp_xdp IPIP, XDP_TX";
pub const NAT: &str = "vrrp_xdp NAT, redirect";
pub const PARSED_DROP: &str = "a program that parses and drops";
pub const FLOOD: &str = "vrrp_xdp";
pub const NFT: &str = "nft DNAT, 3 backends";

/// The first is the base: the cost of making and dropping a frame.
pub fn rows() -> Vec<Row> {
    let [udp, tcp] = [PROTO_UDP, PROTO_TCP].map(|protocol| Traffic::v4(protocol, MANY));
    let one = |traffic| Traffic { flows: 1, ..traffic };
    let routed = Traffic { destination: Address::v4(BACKENDS[0]), ..udp };
    let tx = Change::Link(NODE2_MAC, NODE1_MAC);
    let steered = Change::Steered(NODE2_MAC, NODE1_MAC);
    let redirected = Change::Steered(NODE2_MAC, BACK_MAC);
    let tunnelled = Change::Tunnelled(NODE2_MAC, NODE1_MAC, BACK, &BACKENDS);
    let translated = |port| Change::Translated(NODE2_MAC, BACK_MAC, &BACKENDS, port);
    let row =
        |what, runs, traffic, sink, change| Row { what, runs, traffic, sink, change, advert: None };
    let steer = |traffic| row(STEER, Runs::Bench("bench_steer"), traffic, Sink::Client, tx);
    let ours = |traffic| {
        row(OURS, Runs::Ours(Mode::DirectReturn, Way::Front), traffic, Sink::Client, steered)
    };
    let tunnel = |traffic| {
        row(TUNNEL, Runs::Ours(Mode::Tunnel, Way::Front), traffic, Sink::Client, tunnelled)
    };
    let nat = |traffic| {
        row(
            NAT,
            Runs::Ours(Mode::Nat, Way::Back),
            traffic,
            Sink::Backend,
            translated(Some(REAL_PORT)),
        )
    };
    let nft = |traffic| row(NFT, Runs::Nft, traffic, Sink::Backend, translated(None));
    let back = Runs::Ours(Mode::DirectReturn, Way::Back);
    let flood = |what, runs, (frame, reason)| Row {
        advert: Some((frame, reason)),
        ..row(what, runs, one(udp), Sink::Dropped, Change::Nothing)
    };
    let mut rows = vec![
        row(DROP, Runs::Bench("bench_sink"), udp, Sink::Node, Change::Nothing),
        row("XDP_TX", Runs::Bench("bench_tx"), udp, Sink::Client, Change::Nothing),
        row("XDP_REDIRECT", Runs::Bench("bench_redirect"), udp, Sink::Backend, Change::Nothing),
        steer(one(udp)),
        steer(udp),
        steer(one(tcp)),
        steer(tcp),
        ours(one(udp)),
        ours(udp),
        ours(one(tcp)),
        ours(tcp),
        ours(Traffic::v6(PROTO_UDP, MANY)),
        ours(Traffic::v6(PROTO_TCP, MANY)),
        row("vrrp_xdp direct return, redirect", back, udp, Sink::Backend, redirected),
        tunnel(one(udp)),
        tunnel(udp),
        tunnel(one(tcp)),
        tunnel(tcp),
        nat(udp),
        nat(tcp),
        row(
            "kernel routing",
            Runs::Routing,
            routed,
            Sink::Backend,
            Change::Hop(NODE2_MAC, BACK_MAC),
        ),
        nft(one(udp)),
        nft(udp),
        nft(one(tcp)),
        nft(tcp),
    ];
    for advert in bad_adverts() {
        rows.push(flood(PARSED_DROP, Runs::Bench("bench_drop"), advert.clone()));
        rows.push(flood(FLOOD, Runs::Ours(Mode::DirectReturn, Way::Front), advert));
    }
    rows
}

/// Adverts that break one rule each: of the first check, of the whole message, of the router, and
/// an advert of an unknown router.
fn bad_adverts() -> [(Vec<u8>, Reason); 4] {
    let bad = |advert: Frame, reason| {
        let mut frame = advert.build();
        // As long as the other rows' frames: Ethernet pads short ones.
        frame.resize(LEN, 0);
        (frame, reason)
    };
    [
        bad(Frame::v2().ttl(64), Reason::Ttl),
        bad(Frame::v2().corrupt(2, &[200]), Reason::Checksum),
        bad(Frame::v2().set(12, b"x"), Reason::AuthPassword),
        bad(Frame::v2().set(1, &[99]), Reason::Vrid),
    ]
}
