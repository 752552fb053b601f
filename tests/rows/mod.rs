//! Packet rows: one sentence, one frame in one state of the world, and every expected result.
//!
//! The same table runs on the host (`classify` and `policy::judge`) and on the loaded program.
//! "VC-" numbers name the conformance rule that a row tests; rules about timers and address lists
//! belong to the election.
#![allow(dead_code, reason = "each test reads its part of a row")]

pub mod adverts;
pub mod changes;
pub mod clients;
pub mod errors;
pub mod flow;
pub mod forwarding;
pub mod frame;
pub mod frame_v6;
pub mod guards;
pub mod ipv6;
pub mod kernel;
pub mod limits;
pub mod neighbours;
pub mod virtual_mac;
pub mod world;

use vrrp_common::classify::{Class, classify};
use vrrp_common::counter::{RouterCounter, Verdict};
use vrrp_common::flow::FlowKey;
use vrrp_common::maps::{ROUTER_VIRTUAL_MAC, RouterConf};
use vrrp_common::policy::{self, Foreign};
use vrrp_common::reason::Reason;
use vrrp_common::wire::eth::Ethernet;
use vrrp_common::wire::vrrp::virtual_mac;

use world::World;

/// The result of the host's parser and policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// A valid advert for this virtual router. The host does not apply rate limits.
    Advert(usize),
    /// An advert for another daemon's virtual router, for another VLAN's interface, or for one that
    /// the agent has not configured yet.
    Foreign,
    Rejected(Reason),
    Arp,
    Neighbour,
    Ipv4,
    Ipv6,
    Other,
}

/// A counter that moves by one, besides the verdict's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    Reason(Reason),
    Router(usize, RouterCounter),
    Backend(u16),
}

pub struct Row {
    pub says: String,
    pub world: World,
    /// Frames sent before; their results are not checked.
    pub before: Vec<Vec<u8>>,
    pub frame: Vec<u8>,
    pub seen: Seen,
    pub verdict: Verdict,
    pub out: Vec<u8>,
    /// Sorted; exactly these move, each by one.
    pub counts: Vec<Count>,
    /// The recorded flows afterwards; `None`: the same as before.
    pub flows: Option<Vec<(FlowKey, u16)>>,
}

/// A row in the plain world whose frame passes unchanged and uncounted.
pub fn row(says: impl Into<String>, frame: Vec<u8>, seen: Seen) -> Row {
    Row {
        says: says.into(),
        world: World::new(),
        before: Vec::new(),
        out: frame.clone(),
        frame,
        seen,
        verdict: Verdict::Pass,
        counts: Vec::new(),
        flows: None,
    }
}

impl Row {
    pub fn when(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world);
        self
    }

    pub fn after(mut self, times: u32, frame: &[u8]) -> Self {
        self.before.extend((0..times).map(|_| frame.to_vec()));
        self
    }

    pub fn drops(mut self) -> Self {
        self.verdict = Verdict::Drop;
        self
    }

    pub fn sends(mut self, verdict: Verdict, out: Vec<u8>) -> Self {
        self.verdict = verdict;
        self.out = out;
        self
    }

    pub fn becomes(mut self, out: Vec<u8>) -> Self {
        self.out = out;
        self
    }

    /// The flows that are remembered afterwards.
    pub fn remembers(mut self, flows: &[(FlowKey, u16)]) -> Self {
        let mut flows = flows.to_vec();
        flows.sort_unstable();
        self.flows = Some(flows);
        self
    }

    pub fn counts(mut self, counts: &[Count]) -> Self {
        self.counts.extend_from_slice(counts);
        self.counts.sort();
        self
    }
}

/// A row whose frame is dropped for `reason`.
pub fn rejected(says: impl Into<String>, frame: Vec<u8>, reason: Reason) -> Row {
    row(says, frame, Seen::Rejected(reason)).drops().counts(&[Count::Reason(reason)])
}

/// A row whose frame is a valid advert for virtual router `router`.
pub fn accepted(says: impl Into<String>, frame: Vec<u8>, router: usize) -> Row {
    row(says, frame, Seen::Advert(router))
        .counts(&[Count::Router(router, RouterCounter::AdvertReceived)])
}

/// All rows.
pub fn table() -> Vec<Row> {
    let mut rows = adverts::rows();
    rows.extend(limits::rows());
    rows.extend(neighbours::rows());
    rows.extend(clients::rows());
    rows.extend(ipv6::rows());
    rows.extend(virtual_mac::rows());
    rows.extend(forwarding::rows());
    rows.extend(errors::rows());
    rows.extend(changes::rows());
    rows.extend(guards::rows());
    rows
}

/// The host's result for `frame`: the parser, then the policy of the virtual router that it names.
pub fn see(world: &World, frame: &[u8]) -> Seen {
    let vrrp = match classify(frame) {
        Class::Vrrp(vrrp) => vrrp,
        Class::Arp { .. } => return Seen::Arp,
        Class::Neighbour { .. } => return Seen::Neighbour,
        Class::Ipv4 { .. } => return Seen::Ipv4,
        Class::Ipv6 { .. } => return Seen::Ipv6,
        Class::Other => return Seen::Other,
    };
    // For an interface that is not ours the host's result does not matter.
    let interface =
        world.interface.unwrap_or(World::new().interface.expect("the plain world has one"));
    let here =
        |router: &RouterConf| router.ifindex == world::IFINDEX && router.vlan == vrrp.ethernet.vlan;
    if !policy::listens_to(&interface, &vrrp.destination)
        || is_for_another_host(world, &vrrp.ethernet)
    {
        return Seen::Foreign;
    }
    let named =
        |router: &RouterConf| here(router) && router.vrid == vrrp.vrid && router.is_v6() == vrrp.v6;
    let index = world.routers.iter().position(named);
    if index.is_none()
        && policy::foreign(&interface, vrrp.ethernet.vlan, vrrp.vrid, &vrrp.destination)
            != Foreign::Refused
    {
        return Seen::Foreign;
    }
    let judged = index.filter(|_| vrrp.advert.is_ok()).map(|index| &world.routers[index]);
    if let Err(reason) = policy::judge_ttl(vrrp.ttl, &vrrp.source, judged) {
        return Seen::Rejected(reason);
    }
    let advert = match vrrp.advert {
        Ok(advert) => advert,
        Err(reason) => return Seen::Rejected(reason),
    };
    let Some(index) = index else {
        return Seen::Rejected(Reason::Vrid);
    };
    if world.routers[index].used == 0 {
        return Seen::Foreign;
    }
    let router = &world.routers[index];
    let judged = policy::judge(&advert, &vrrp.source, &vrrp.destination, router)
        .and_then(|()| policy::judge_addresses(frame, vrrp.message, advert.count, router));
    match judged {
        Ok(()) => Seen::Advert(index),
        Err(reason) => Seen::Rejected(reason),
    }
}

/// Whether a frame is addressed to one other host, as a switch floods it.
fn is_for_another_host(world: &World, ethernet: &Ethernet) -> bool {
    let to = ethernet.destination;
    let own = world.interface.is_none_or(|interface| interface.mac == to);
    let virtual_router = |router: &RouterConf| {
        router.flags & ROUTER_VIRTUAL_MAC != 0
            && router.ifindex == world::IFINDEX
            && router.vlan == ethernet.vlan
            && virtual_mac(router.is_v6(), router.vrid) == to
    };
    to[0] & 1 == 0 && !own && !world.routers.iter().any(virtual_router)
}
