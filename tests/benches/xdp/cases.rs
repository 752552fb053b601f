//! The cases: the frame, the state of the maps, and the expected result.

use vrrp_common::maps::{NO_BACKEND, STEERED_TTL};
use vrrp_common::wire::arp::OP_REQUEST;
use vrrp_common::wire::checksum;
use vrrp_common::wire::ipv4::{self, PROTO_ICMP, PROTO_TCP, PROTO_UDP};

use crate::common::traffic::{LEN, Reshaped, Traffic};
use crate::forwarding;
use crate::rows::flow::SYN;
use crate::rows::frame::{Frame, arp, arp_answer, ethernet};
use crate::rows::frame_v6::Frame6;
use crate::rows::world::{
    BACK_MAC, CLIENT, CLIENT_MAC, CLIENT_V6, DIRECT, DNS_PORT, LOCAL, NODE1, NODE1_MAC, NODE2,
    NODE2_MAC, REDIRECTED, VIP_V6_LOCAL, VIP1, WEB_PORT, World,
};

pub const DROP: u32 = 1;
pub const PASS: u32 = 2;
pub const TX: u32 = 3;
pub const REDIRECT: u32 = 4;
/// Flows of the cases with many.
pub const MANY: u32 = 32_768;

/// The measured program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Main,
    /// One of the bench object.
    Bench(&'static str),
}

/// What `bench_reset` restores between two packets: a test run keeps the packet as the program
/// wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// Nothing: the program leaves the packet as it was, or in a state that takes the same path.
    Nothing,
    /// The frame.
    Frame(Reshaped),
    /// The frame of the next flow.
    Flow(Traffic),
}

pub struct Case {
    pub name: String,
    pub program: Program,
    pub reset: Reset,
    pub world: World,
    pub frame: Vec<u8>,
    pub action: u32,
    pub out: Vec<u8>,
    /// Nanoseconds per packet, one each round; sorted at the end.
    pub samples: Vec<f64>,
}

impl Case {
    /// The main program, active for all addresses, no rate limit; the frame stays as it is.
    pub fn new(name: impl Into<String>, frame: &[u8], action: u32) -> Self {
        let mut world = World::new();
        world.only(DIRECT);
        for router in &mut world.routers {
            router.rate_limit = u32::MAX;
        }
        let (program, reset) = (Program::Main, Reset::Nothing);
        Case {
            name: name.into(),
            program,
            reset,
            world,
            frame: frame.to_vec(),
            action,
            out: frame.to_vec(),
            samples: Vec::new(),
        }
    }

    pub fn of(self, program: &'static str) -> Self {
        Case { program: Program::Bench(program), ..self }
    }

    pub fn reset(self, reset: Reset) -> Self {
        Case { reset, ..self }
    }

    pub fn out(self, out: Vec<u8>) -> Self {
        Case { out, ..self }
    }

    pub fn when(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world);
        self
    }

    /// End of the fastest tenth of the rounds: the load of neighbours on the same core is excluded.
    pub fn p10(&self) -> f64 {
        self.samples[self.samples.len() / 10]
    }

    pub fn median(&self) -> f64 {
        self.samples[self.samples.len() / 2]
    }

    pub fn p99(&self) -> f64 {
        self.samples[self.samples.len() * 99 / 100]
    }
}

pub const EMPTY: &str = "empty XDP_PASS";
pub const PARSED_DROP: &str = "XDP_DROP after a full parse";
pub const EMPTY_TX: &str = "empty XDP_TX";
pub const BYSTANDERS: [&str; 2] = ["not for a VIP, IPv4", "not for a VIP, IPv6"];
pub const BAD_ADVERT: &str = "bad advert";

pub fn all() -> Vec<Case> {
    let mut cases = floors();
    cases.extend(bystanders());
    cases.extend(adverts());
    cases.extend(neighbours());
    cases.extend(steered());
    cases.extend(forwarding::cases());
    cases.extend(not_steered());
    let mut stubs: Vec<Case> = Vec::new();
    for stub in cases.iter().filter_map(stub) {
        if stubs.iter().all(|other| other.name != stub.name) {
            stubs.push(stub);
        }
    }
    cases.extend(stubs);
    cases
}

/// The name of the case that measures the cost of a kind of reset.
pub fn cost_of(reset: Reset) -> Option<String> {
    let (put, reshaped) = match reset {
        Reset::Nothing => return None,
        Reset::Frame(reshaped) => ("the frame put back", reshaped),
        Reset::Flow(traffic) if traffic.destination.is_v4() => {
            ("next flow's frame", traffic.reshaped)
        }
        Reset::Flow(traffic) => ("next flow's IPv6 frame", traffic.reshaped),
    };
    let does = match reshaped {
        Reshaped::NOT => "empty XDP_TX".to_owned(),
        Reshaped { head, cut: 0 } => format!("XDP_TX {head} longer"),
        Reshaped { head, cut } => format!("XDP_TX {head} longer, {cut} cut"),
    };
    Some(format!("({does}; {put})"))
}

/// The case that measures the cost of this one's reset.
fn stub(case: &Case) -> Option<Case> {
    let name = cost_of(case.reset)?;
    let (Reset::Frame(reshaped) | Reset::Flow(Traffic { reshaped, .. })) = case.reset else {
        return None;
    };
    let kept = case.frame.len() - usize::from(reshaped.cut);
    let program = if reshaped == Reshaped::NOT { "bench_tx" } else { "bench_lengthen" };
    // The test run fills the part by which a frame grows with zeros.
    let out = [&vec![0; reshaped.head.into()], &case.frame[..kept]].concat();
    Some(Case::new(name, &case.frame, TX).of(program).reset(case.reset).out(out))
}

/// The frame with the MAC addresses that the DIRECT backend gets it with.
fn to_node2(frame: &[u8]) -> Vec<u8> {
    [&NODE2_MAC, &NODE1_MAC, &frame[12..]].concat()
}

/// The frame as the DIRECT backend gets it from the main program, with the mark of a steered frame.
pub fn steered_to_node2(frame: &[u8]) -> Vec<u8> {
    let mut out = to_node2(frame);
    let network = if out[12..14] == [0x81, 0] { 18 } else { 14 };
    if out[network] >> 4 == 6 {
        out[network + 7] = STEERED_TTL;
        return out;
    }
    let header = network..network + usize::from(out[network] & 0x0f) * 4;
    out[network + ipv4::at::TTL] = STEERED_TTL;
    out[network + ipv4::at::CHECKSUM..][..2].fill(0);
    let sum = checksum::compute(0, &out[header]);
    out[network + ipv4::at::CHECKSUM..][..2].copy_from_slice(&sum.to_be_bytes());
    out
}

/// Programs that do the least possible.
fn floors() -> Vec<Case> {
    let stranger = Frame::client(PROTO_TCP, NODE1, WEB_PORT).padded_to(LEN).build();
    let many = Traffic::v4(PROTO_UDP, MANY);
    vec![
        Case::new(EMPTY, &stranger, PASS).of("bench_pass"),
        Case::new(PARSED_DROP, &Frame::v2().build(), DROP).of("bench_drop"),
        Case::new(EMPTY_TX, &many.first(), TX).of("bench_tx"),
        Case::new("minimal steering, UDP, 32k flows", &many.first(), TX)
            .of("bench_steer")
            .reset(Reset::Flow(many))
            .out(to_node2(&many.first())),
    ]
}

fn bystanders() -> Vec<Case> {
    let v4 = |destination| Frame::client(PROTO_TCP, destination, WEB_PORT).padded_to(LEN).build();
    let v6 = Frame6::client(PROTO_TCP, CLIENT_V6).build();
    let mut lldp = ethernet([1, 0x80, 0xc2, 0, 0, 0x0e], CLIENT_MAC, &[], 0x88cc);
    lldp.resize(LEN, 0);
    vec![
        Case::new("an interface that is not ours", &v4(VIP1), PASS)
            .when(|world| world.interface = None),
        Case::new("neither IP nor ARP", &lldp, PASS),
        Case::new(BYSTANDERS[0], &v4(NODE1), PASS),
        Case::new("the same, with a VIP's last twelve bits", &v4([10, 0, 17, 249]), PASS),
        Case::new(BYSTANDERS[1], &v6, PASS),
    ]
}

fn adverts() -> Vec<Case> {
    let bad = |what, frame: Frame| Case::new(format!("{BAD_ADVERT}: {what}"), &frame.build(), DROP);
    vec![
        bad("TTL 64", Frame::v2().ttl(64)),
        bad("checksum", Frame::v2().corrupt(2, &[200])),
        bad("unknown VRID", Frame::v2().set(1, &[99])),
        bad("wrong password", Frame::v2().set(12, b"x")),
        Case::new("good advert", &Frame::v2().build(), PASS),
    ]
}

fn neighbours() -> Vec<Case> {
    let padded = |mut frame: Vec<u8>| {
        frame.resize(LEN, 0);
        frame
    };
    let asked = |target| padded(arp(OP_REQUEST, CLIENT_MAC, CLIENT, target));
    vec![
        Case::new("ARP for another address", &asked(NODE2), PASS),
        Case::new("ARP for a VIP", &asked(VIP1), TX)
            .reset(Reset::Frame(Reshaped::NOT))
            .out(padded(arp_answer(&[], NODE1_MAC, VIP1, CLIENT_MAC, CLIENT))),
        Case::new("ARP for a VIP, not active", &asked(VIP1), DROP)
            .when(|world| world.words[0].mastership = 0),
    ]
}

/// Direct return: a steered frame is addressed to another host and marked, so it is restored.
fn steered() -> Vec<Case> {
    let one = |name: &str, frame: Vec<u8>| {
        Case::new(name, &frame, TX).out(steered_to_node2(&frame)).reset(Reset::Frame(Reshaped::NOT))
    };
    let many =
        |name: &str, traffic: Traffic| one(name, traffic.first()).reset(Reset::Flow(traffic));
    let http = || Frame::client(PROTO_TCP, VIP1, WEB_PORT).padded_to(LEN);
    let [tcp, udp] = [PROTO_TCP, PROTO_UDP].map(|protocol| Traffic::v4(protocol, MANY));
    let [tcp_v6, udp_v6] = [PROTO_TCP, PROTO_UDP].map(|protocol| Traffic::v6(protocol, MANY));
    vec![
        one("direct return, TCP, 1 flow", tcp.first()),
        many("direct return, TCP, 32k flows", tcp),
        one("direct return, UDP, 1 flow", udp.first()),
        many("direct return, UDP, 32k flows", udp),
        one("direct return, TCP over IPv6, 1 flow", tcp_v6.first()),
        many("direct return, TCP over IPv6, 32k flows", tcp_v6),
        one("direct return, UDP over IPv6, 1 flow", udp_v6.first()),
        many("direct return, UDP over IPv6, 32k flows", udp_v6),
        many("direct return, TCP SYN, 32k flows", tcp.flags(SYN)),
        one("direct return, IPv4 options", http().options(&[1; 12]).build()),
        one("direct return, in a VLAN", http().tagged(0x8100, 100).build())
            .when(|world| world.in_vlan(100)),
        Case::new("direct return, by another interface", &udp.first(), REDIRECT)
            .when(|world| world.only(REDIRECTED))
            .reset(Reset::Frame(Reshaped::NOT))
            .out(udp.packet().macs(NODE2_MAC, BACK_MAC).ttl(STEERED_TTL).build()),
        Case::new("this node's own server", &udp.first(), PASS).when(|world| world.only(LOCAL)),
    ]
}

fn not_steered() -> Vec<Case> {
    let udp = Traffic::v4(PROTO_UDP, 1).first();
    let to_vip = |protocol, port| Frame::client(protocol, VIP1, port).padded_to(LEN);
    vec![
        Case::new("a VIP's port without a service", &to_vip(PROTO_TCP, 22).build(), PASS),
        Case::new("an echo request to a VIP", &to_vip(PROTO_ICMP, 0x0800).build(), PASS),
        Case::new(
            "an IPv6 VIP without services",
            &Frame6::client(PROTO_TCP, VIP_V6_LOCAL).build(),
            PASS,
        ),
        Case::new(
            "a fragment to a service",
            &to_vip(PROTO_UDP, DNS_PORT).fragment(0x2000).build(),
            DROP,
        ),
        Case::new("a service without a backend", &udp, DROP).when(|world| world.only(NO_BACKEND)),
        Case::new("a VIP, not active", &udp, DROP).when(|world| world.words[0].mastership = 0),
        Case::new("a VIP, fenced", &udp, DROP).when(World::fenced),
    ]
}
