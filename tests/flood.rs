//! Floods of new connections, each from another client, through the program as the kernel runs it:
//! they leave no state behind, and no other client loses its backend.

#[path = "benches/common/mod.rs"]
mod common;
mod rows;

use aya::programs::{ProgramFd, Xdp};
use vrrp_common::counter::RouterCounter::{self, FlowRecorded, FlowUnrecorded};
use vrrp_common::flow::slot;
use vrrp_common::maps::{MAX_FLOWS, RING_CHANGED, Ring};
use vrrp_common::wire::ipv4::PROTO_TCP;

use crate::common::Object;
use crate::common::traffic::Traffic;
use crate::rows::flow::{ACK, Packet, SYN};
use crate::rows::kernel::{Kernel, repeat};
use crate::rows::world::{DIRECT, LOCAL, REDIRECTED, WEB, World};

/// SYNs of a flood. They come in bursts, with checks of other flows in between.
const FLOOD: u32 = 2_000_000;
const BURSTS: u32 = 10;
/// Two to the 21st: no two SYNs of a flood are of one flow.
const FLOWS: u32 = 1 << 21;
/// Connections that existed before.
const ESTABLISHED: u32 = 40;

/// One generator makes the flood's packets and all others: the others are sent before the flood.
struct Flood {
    kernel: Kernel,
    object: Object,
}

impl Flood {
    fn new(world: &World) -> Self {
        // Flows are numbered per CPU: on two CPUs some would occur twice.
        common::pin();
        let mut kernel = Kernel::load();
        kernel.fill(world);
        let mut object = Object::load(&["bench_reset"]);
        object.measure(&clone(kernel.program()));
        let mut this = Self { kernel, object };
        syn().load(&mut this.object, 0);
        this.send(ESTABLISHED);
        this
    }

    /// Runs the program on this many SYNs.
    fn send(&mut self, packets: u32) {
        repeat(self.object.program("bench_reset"), &syn().first(), packets);
    }

    /// The packet's backend, by the verdict.
    fn backend(&self, packet: &Packet) -> u16 {
        match self.kernel.run(&packet.build()).action {
            2 => LOCAL,
            3 => DIRECT,
            4 => REDIRECTED,
            other => panic!("verdict {other} for {packet:?}"),
        }
    }

    fn count(&mut self, counter: RouterCounter) -> u64 {
        self.kernel.counters().router(0, counter)
    }
}

fn clone(program: &Xdp) -> ProgramFd {
    program.fd().and_then(|fd| Ok(fd.try_clone()?)).expect("loaded")
}

fn syn() -> Traffic {
    Traffic::v4(PROTO_TCP, FLOWS).flags(SYN)
}

/// A packet of a connection that existed before.
fn established(number: u32) -> Packet {
    syn().nth(number).flags(ACK)
}

#[test]
#[ignore = "needs root: loads the kernel program"]
fn a_flood_leaves_nothing_behind_while_nothing_changes() {
    let mut world = World::new();
    world.active();
    for (slot, backend) in
        world.services[WEB].live.0.iter_mut().zip([LOCAL, DIRECT, REDIRECTED].into_iter().cycle())
    {
        *slot = backend;
    }
    let ring = world.services[WEB].live.clone();
    let mut flood = Flood::new(&world);
    let owner = |packet: &Packet| ring.0[slot(packet.key().hash())];
    let before: Vec<u16> =
        (0..ESTABLISHED).map(|number| flood.backend(&established(number))).collect();
    assert_eq!(
        before,
        (0..ESTABLISHED).map(|number| owner(&established(number))).collect::<Vec<_>>()
    );
    assert_eq!(flood.kernel.remembered(), [0; 3], "flows, rates, sources");
    let steered = flood.kernel.counters().steered();

    for burst in 0..BURSTS {
        flood.send(FLOOD / BURSTS);
        for number in (burst..ESTABLISHED).step_by(BURSTS as usize) {
            assert_eq!(
                flood.backend(&established(number)),
                before[number as usize],
                "after burst {burst}, flow {number}"
            );
        }
    }

    let looked_at = u64::from(ESTABLISHED);
    assert_eq!(
        flood.kernel.counters().steered() - steered,
        u64::from(FLOOD) + looked_at,
        "each SYN goes to a backend"
    );
    assert_eq!(flood.kernel.remembered(), [0; 3], "flows, rates, sources");
    let after: Vec<u16> =
        (0..ESTABLISHED).map(|number| flood.backend(&established(number))).collect();
    assert_eq!(after, before);
}

#[test]
#[ignore = "needs root: loads the kernel program"]
fn a_flood_pushes_out_no_flow_while_a_ring_changes() {
    let mut world = World::new();
    world.active();
    let service = &mut world.services[WEB];
    service.live.0.fill(REDIRECTED | RING_CHANGED);
    let mut base = Box::new(Ring::EMPTY);
    base.0.fill(DIRECT);
    service.base = Some(base);
    for backend in [DIRECT, REDIRECTED] {
        world.backends[usize::from(backend)].service = WEB as u16;
    }
    // The first SYNs, sent here, are of connections that begin after the change; others began
    // before.
    let mut flood = Flood::new(&world);
    let older = |number: u32| established(FLOWS - 1 - number);
    let keys: Vec<_> = (0..ESTABLISHED).map(|number| established(number).key()).collect();
    assert_eq!(flood.kernel.remembered(), [ESTABLISHED as usize, 0, 0], "flows, rates, sources");
    let (recorded, unrecorded) = (flood.count(FlowRecorded), flood.count(FlowUnrecorded));

    for burst in 0..BURSTS {
        flood.send(FLOOD / BURSTS);
        for number in (burst..ESTABLISHED).step_by(BURSTS as usize) {
            assert_eq!(
                flood.backend(&established(number)),
                REDIRECTED,
                "after burst {burst}, recorded flow {number}"
            );
            assert_eq!(
                flood.backend(&older(number)),
                DIRECT,
                "after burst {burst}, older flow {number}"
            );
        }
    }

    let flows = flood.kernel.flows();
    for key in &keys {
        assert!(
            flows.binary_search(&(*key, REDIRECTED)).is_ok(),
            "{key:?} is no longer remembered"
        );
    }
    assert!(flows.len() <= MAX_FLOWS as usize, "{} flows are remembered", flows.len());
    let (recorded, unrecorded) =
        (flood.count(FlowRecorded) - recorded, flood.count(FlowUnrecorded) - unrecorded);
    println!(
        "{recorded} SYNs of the flood were remembered, {unrecorded} were not; {} flows are",
        flows.len()
    );
    assert_eq!(recorded + unrecorded, u64::from(FLOOD));
    assert!(unrecorded > u64::from(FLOOD / 2), "only {unrecorded} were not remembered");
    assert_eq!(flood.kernel.remembered()[1..], [0; 2], "rates, sources");
}
