//! Two nodes of a pair forward alike: two instances of the program with one configuration give
//! every packet the same verdict. The numbers of their backends and earlier, completed ring changes
//! have no effect.

mod rows;

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};
use rows::flow::{ACK, Packet, SYN};
use rows::kernel::{Kernel, own_namespace};
use rows::world::{
    DIRECT, DNS, DNS_PORT, DNS_V6, LOCAL, NAT, NAT_V6, REAL, REAL_V6, REDIRECTED, STICKY,
    STICKY_PORT, STICKY_V6, TUNNEL, TUNNEL_SPREAD, TUNNEL_V6, TUNNEL_V6_SPREAD, VIP_V6, VIP1, WEB,
    WEB_PORT, WEB_V6, WEB_V6_PORT, World,
};
use vrrp_common::ip::Address;
use vrrp_common::maglev::{self, Member};
use vrrp_common::maps::{BackendConf, RING_CHANGED, Ring};

const SCENARIOS: u32 = 30;
const PACKETS: u32 = 400;
/// Numbers that backends may have.
const NUMBERS: usize = 64;

/// A backend as in both nodes' configuration.
#[derive(Clone, Copy)]
struct Configured {
    service: usize,
    /// The backend of the rows that it copies.
    like: u16,
    /// The last byte of its own address.
    host: u8,
    weight: u16,
}

impl Configured {
    fn conf(&self, world: &World) -> BackendConf {
        let like = world.backends[usize::from(self.like)];
        let mut octets = like.address.octets();
        octets[15] = self.host;
        BackendConf { address: Address::v6(octets), service: self.service as u16, ..like }
    }
}

/// One node: its program, and the numbers of its backends.
struct Node {
    kernel: Kernel,
    world: World,
    numbers: Vec<u16>,
}

impl Node {
    fn new(kernel: Kernel, configured: &[Configured], rng: &mut TestRng) -> Self {
        let plain = World::new();
        let mut world = plain.clone();
        world.active();
        world.active_v6();
        world.takes_fragments();
        world.backends = vec![BackendConf::default(); NUMBERS];
        let mut numbers: Vec<u16> = (0..NUMBERS as u16).collect();
        for at in (1..numbers.len()).rev() {
            numbers.swap(at, rng.random_range(0..=at));
        }
        for (&number, backend) in numbers.iter().zip(configured) {
            world.backends[usize::from(number)] = backend.conf(&plain);
        }
        Self { kernel, world, numbers }
    }

    /// The ring of a service over those of its backends that are `usable`.
    fn ring(
        &self,
        configured: &[Configured],
        service: usize,
        usable: impl Fn(usize) -> bool,
    ) -> Box<Ring> {
        let of_service = configured
            .iter()
            .enumerate()
            .filter(|&(at, backend)| backend.service == service && usable(at));
        let member = |(at, backend): (usize, &Configured)| {
            let conf = &self.world.backends[usize::from(self.numbers[at])];
            Member {
                address: conf.address,
                port: conf.port,
                weight: backend.weight,
                index: self.numbers[at],
            }
        };
        let mut members: Vec<Member> = of_service.map(member).collect();
        // The order in the file has no effect.
        members.sort_by_key(|member| member.index);
        let mut ring = Box::new(Ring::EMPTY);
        maglev::fill(&mut ring.0, &members).expect("few members");
        ring
    }

    /// Changes rings while packets arrive.
    fn live_through_changes(&mut self, configured: &[Configured], rng: &mut TestRng) {
        for _ in 0..rng.random_range(0..4) {
            for service in 0..self.world.services.len() {
                let (was, is): (u32, u32) = (rng.random(), rng.random());
                let base = self.ring(configured, service, |at| was >> (at % 32) & 1 == 1);
                let mut live = self.ring(configured, service, |at| is >> (at % 32) & 1 == 1);
                for (slot, before) in live.0.iter_mut().zip(&base.0) {
                    *slot |= if *slot == *before { 0 } else { RING_CHANGED };
                }
                self.world.services[service].live = live;
                self.world.services[service].base = Some(base);
            }
            let remembered = self.kernel.flows();
            self.world.flows = remembered;
            self.kernel.fill(&self.world);
            for _ in 0..100 {
                self.kernel.run(&packet(rng).build());
            }
        }
    }

    fn settle(&mut self, configured: &[Configured]) {
        for service in 0..self.world.services.len() {
            self.world.services[service].live = self.ring(configured, service, |_| true);
            self.world.services[service].base = None;
        }
        self.world.flows = self.kernel.flows();
        self.kernel.fill(&self.world);
    }
}

/// Backends for every service, of every kind that it may have.
fn configuration(rng: &mut TestRng) -> Vec<Configured> {
    let mut configured = Vec::new();
    let v4: &[u16] = &[LOCAL, DIRECT, REDIRECTED, TUNNEL, TUNNEL_V6, TUNNEL_SPREAD, NAT];
    let v6: &[u16] = &[LOCAL, DIRECT, REDIRECTED, TUNNEL, TUNNEL_V6, TUNNEL_V6_SPREAD, NAT_V6];
    for service in [WEB, DNS, STICKY, WEB_V6, DNS_V6, STICKY_V6] {
        let kinds = if matches!(service, WEB | DNS | STICKY) { v4 } else { v6 };
        for number in 0..rng.random_range(1..9) {
            let like = kinds[rng.random_range(0..kinds.len())];
            let host = (service * 16) as u8 + number + 1;
            configured.push(Configured { service, like, host, weight: rng.random_range(1..5) });
        }
    }
    configured
}

/// A random packet for some service: of any flow, with or without SYN, whole, fragmented, or an
/// ICMP error; sometimes for an address that is no service.
fn packet(rng: &mut TestRng) -> Packet {
    let v6: bool = rng.random();
    let address = if v6 { VIP_V6 } else { Address::v4(VIP1) };
    let web = if v6 { WEB_V6_PORT } else { WEB_PORT };
    let packet = match rng.random_range(0..8) {
        0..3 => Packet::tcp((address, web)),
        3 | 4 => Packet::udp((address, DNS_PORT)),
        5 | 6 => Packet::tcp((address, STICKY_PORT)),
        _ => Packet::tcp((address, rng.random())),
    };
    let mut source = packet.source.octets();
    source[14..].copy_from_slice(&rng.random::<[u8; 2]>());
    let source =
        if v6 { Address::v6(source) } else { Address::v4([10, 7, source[14], source[15]]) };
    let packet = packet.from((source, rng.random_range(1_024..u16::MAX))).flags(if rng.random() {
        SYN
    } else {
        ACK
    });
    let packet = packet
        .ttl(rng.random_range(1..=255))
        .class(rng.random())
        .payload(vec![rng.random(); rng.random_range(0..1_440)]);
    match rng.random_range(0..12) {
        0 => packet.piece(rng.random_range(0..3), rng.random()),
        1 => {
            let reply = packet
                .clone()
                .to((packet.source, packet.source_port))
                .from((packet.destination, packet.destination_port));
            let router = if v6 { REAL_V6 } else { Address::v4(REAL) };
            reply.error(router, if v6 { 1 } else { 3 }, 0, [0; 4], rng.random_range(20..100))
        }
        _ => packet,
    }
}

#[test]
#[ignore = "needs root: loads the kernel program"]
fn two_nodes_forward_every_packet_alike_after_any_ring_changes() {
    own_namespace();
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let (mut one, mut other) = (Kernel::load(), Kernel::load());
    let mut forwarded = [0_u32; 5];
    for scenario in 0..SCENARIOS {
        let configured = configuration(&mut rng);
        let mut nodes = [one, other].map(|kernel| Node::new(kernel, &configured, &mut rng));
        for node in &mut nodes {
            node.live_through_changes(&configured, &mut rng);
            node.settle(&configured);
        }
        assert_ne!(nodes[0].numbers, nodes[1].numbers, "the nodes number their backends alike");
        for number in 0..PACKETS {
            let frame = packet(&mut rng).build();
            let [left, right] = [&nodes[0], &nodes[1]].map(|node| node.kernel.run(&frame));
            assert_eq!(
                left.action, right.action,
                "scenario {scenario}, packet {number}: {frame:02x?}"
            );
            assert_eq!(
                left.frame, right.frame,
                "scenario {scenario}, packet {number}: {frame:02x?}"
            );
            forwarded[left.action as usize] += 1;
        }
        [one, other] = nodes.map(|node| node.kernel);
    }
    // All four kinds of verdict occurred: dropped, passed, sent back, redirected.
    assert!(forwarded[1..].iter().all(|&packets| packets > 100), "{forwarded:?}");
}
