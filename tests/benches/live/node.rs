//! What the node in the middle does with the frames, one thing after the other.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use aya::maps::{Array, Map, MapData};
use vrrp_common::maps::{AddressKey, BackendConf, FORWARD_DR, Ring, ServiceKey, name};
use vrrp_common::wire::ipv4::{PROTO_TCP, PROTO_UDP};
use vrrp_tests::Host;
use vrrp_tests::line::{End, Line, Plan};
use vrrp_tests::names::{BACK_IF, FRONT_IF};
use vrrp_tests::process::run;
use vrrp_tests::{daemons, xdp};

use crate::common::Object;
use crate::common::traffic::PORT;
use crate::rows::kernel::Kernel;
use crate::rows::world::{BACK_IFINDEX, BACK_MAC, CLIENT, CLIENT_MAC, NODE1, NODE1_MAC, NODE2_MAC, VIP1, World};

/// The lowest index that no other interface has.
pub const FRONT_IFINDEX: u32 = 3;
/// All at the same MAC address.
pub const BACKENDS: [[u8; 4]; 3] = [[10, 0, 0, 11], [10, 0, 0, 12], [10, 0, 0, 13]];
/// The node's own address there.
const BACK: [u8; 4] = [10, 0, 0, 10];

pub const PLAN: Plan = Plan {
    client: End { ifindex: 2, mac: CLIENT_MAC, address: ip(CLIENT) },
    front: End { ifindex: FRONT_IFINDEX, mac: NODE1_MAC, address: ip(NODE1) },
    back: End { ifindex: BACK_IFINDEX, mac: BACK_MAC, address: ip(BACK) },
    backend: End { ifindex: 2, mac: NODE2_MAC, address: ip(BACKENDS[0]) },
};

const fn ip([a, b, c, d]: [u8; 4]) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::new(a, b, c, d)
}

/// What the node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// A program of the bench object.
    Bench(&'static str),
    /// Our program, direct return by the interface of this index.
    Ours(u32),
    /// The kernel, routing.
    Routing,
    /// The kernel, with an nft rule that translates the virtual address.
    Nft,
}

/// The node, and the programs that can run there.
pub struct Node {
    kernel: Kernel,
    bpf_dir: PathBuf,
    main: PathBuf,
    now: Option<Runs>,
}

impl Node {
    pub fn new(line: &Line, object: &mut Object) -> Result<Self> {
        let kernel = Kernel::load();
        let bpf_dir = line.bpf_dir();
        let main = xdp::pin(kernel.program().fd()?, &bpf_dir, "main")?;
        for name in super::PROGRAMS {
            xdp::pin(object.program(name).fd()?, &bpf_dir, name)?;
        }
        object.array::<u32>("TARGET").set(0, BACK_IFINDEX, 0)?;
        object.steer(BACKENDS.len() as u16, NODE2_MAC, NODE1_MAC);
        routes(line)?;
        Ok(Node { kernel, bpf_dir, main, now: None })
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.bpf_dir.join(name)
    }

    /// Makes the node do this.
    pub fn run(&mut self, line: &Line, runs: Runs) -> Result<()> {
        if self.now == Some(runs) {
            return Ok(());
        }
        let netns = line.host(Host::Node1);
        let nft = |text: &str| run(netns.command(&daemons::program("nft")?)?.arg(text));
        if self.now == Some(Runs::Nft) {
            nft("delete table ip bench")?;
        }
        match runs {
            Runs::Bench(name) => xdp::attach(&netns, FRONT_IF, &self.bpf_dir.join(name))?,
            Runs::Ours(ifindex) => {
                self.kernel.fill(&world(ifindex));
                listen(&self.kernel, FRONT_IFINDEX)?;
                xdp::attach(&netns, FRONT_IF, &self.main)?;
            }
            Runs::Routing => xdp::detach(&netns, FRONT_IF)?,
            Runs::Nft => {
                xdp::detach(&netns, FRONT_IF)?;
                nft(&translation())?;
            }
        }
        self.now = Some(runs);
        Ok(())
    }
}

/// Acting for the virtual address, its flows spread over three backends, all of them reached by `ifindex`.
fn world(ifindex: u32) -> World {
    let mut world = World::new();
    world.acting();
    if let Some(interface) = &mut world.interface {
        interface.ifindex = FRONT_IFINDEX;
    }
    for (key, _) in &mut world.addresses {
        *key = AddressKey { ifindex: FRONT_IFINDEX, ..*key };
    }
    world.services =
        [PROTO_TCP, PROTO_UDP].map(|protocol| (ServiceKey { address: VIP1, port: PORT, protocol, pad: 0 }, 0)).to_vec();
    let source_mac = if ifindex == FRONT_IFINDEX { NODE1_MAC } else { BACK_MAC };
    for (backend, address) in world.backends.iter_mut().zip(BACKENDS) {
        *backend = BackendConf { ifindex, address, mac: NODE2_MAC, source_mac, forward: FORWARD_DR, ..BackendConf::default() };
    }
    let mut ring = Box::new(Ring::EMPTY);
    for (slot, backend) in ring.0.iter_mut().zip((0..BACKENDS.len() as u16).cycle()) {
        *slot = backend;
    }
    world.ring = ring;
    world
}

/// Tells the program that this interface, too, is the one of the rows' world, which a test run comes in by.
fn listen(kernel: &Kernel, ifindex: u32) -> Result<()> {
    let ids = kernel.program().info()?.map_ids()?.context("the kernel does not tell a program's maps")?;
    for id in ids {
        let map = MapData::from_id(id)?;
        if map.info()?.name_as_str() == Some(name::INTERFACES) {
            let mut interfaces: Array<_, u32> = Array::try_from(Map::Array(map))?;
            return Ok(interfaces.set(ifindex, 1, 0)?);
        }
    }
    bail!("the program has no map of interfaces")
}

/// As favourable to the kernel as can be: it routes, knows its neighbours, and has nothing else to look at.
fn routes(line: &Line) -> Result<()> {
    let netns = line.host(Host::Node1);
    netns.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("switching routing on"))?;
    let neighbours = BACKENDS.map(|backend| {
        format!("neigh add {} lladdr {} dev {BACK_IF} nud permanent", ip(backend), vrrp_tests::names::Mac(NODE2_MAC))
    });
    netns.ip(&neighbours)
}

/// New flows are spread by a hash of the client's address and port, as our ring does.
fn translation() -> String {
    let [one, two, three] = BACKENDS.map(ip);
    let rule = |protocol: &str| {
        format!(
            "ip daddr {} {protocol} dport {PORT} dnat to jhash ip saddr . {protocol} sport mod 3 \
             map {{ 0: {one}, 1: {two}, 2: {three} }}",
            ip(VIP1)
        )
    };
    format!(
        "table ip bench {{\nchain in {{\ntype nat hook prerouting priority dstnat; policy accept;\n{}\n{}\n}}\n}}",
        rule("tcp"),
        rule("udp")
    )
}
