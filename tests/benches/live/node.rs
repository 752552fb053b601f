//! The code that the node in the middle runs, one after the other.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use aya::maps::{Array, Map, MapData};
use vrrp_common::ip::Address;
use vrrp_common::maps::{AddressKey, BackendConf, FORWARD_DR, FORWARD_IPIP, FORWARD_NAT, name};
use vrrp_common::reason::Reason;
use vrrp_tests::Host;
use vrrp_tests::line::Line;
use vrrp_tests::names::{BACK_IF, FRONT_IF};
use vrrp_tests::process::run;
use vrrp_tests::{daemons, xdp};

use crate::common::Object;
use crate::common::place::{BACKENDS, FRONT_IFINDEX, ip};
use crate::rows::kernel::Kernel;
use crate::rows::world::{
    BACK, BACK_IFINDEX, BACK_MAC, DNS_PORT, MTU, NODE1_MAC, NODE2_MAC, REAL_PORT, VIP1, WEB_PORT,
    World,
};

/// Forwarding mode of our program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    DirectReturn,
    Tunnel,
    Nat,
}

/// Interface towards the backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The interface that packets arrive on.
    Front,
    Back,
}

/// What runs on the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// A program of the bench object.
    Bench(&'static str),
    /// Our program.
    Ours(Mode, Way),
    /// The kernel, routing.
    Routing,
    /// The kernel, with an nft rule for destination NAT of the virtual address.
    Nft,
}

/// The node, and the programs that can run on it.
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

    /// Fails unless our program dropped adverts for this reason; other reasons do not count.
    pub fn check_reason(&mut self, runs: Runs, reason: Reason) -> Result<()> {
        let counted = self.kernel.counters().dropped(reason);
        ensure!(
            matches!(runs, Runs::Bench(_)) || counted > 0,
            "no advert was dropped for `{}`",
            reason.label()
        );
        Ok(())
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
            Runs::Ours(mode, way) => {
                self.kernel.fill(&world(mode, way));
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

/// Active for the virtual addresses, with all flows spread over three backends.
fn world(mode: Mode, way: Way) -> World {
    let mut world = World::new();
    world.active();
    world.active_v6();
    if let Some(interface) = &mut world.interface {
        interface.ifindex = FRONT_IFINDEX;
    }
    for (key, _) in &mut world.addresses {
        *key = AddressKey { ifindex: FRONT_IFINDEX, ..*key };
    }
    let forward = match mode {
        Mode::DirectReturn => FORWARD_DR,
        Mode::Tunnel => FORWARD_IPIP,
        Mode::Nat => FORWARD_NAT,
    };
    let (ifindex, source_mac) = match way {
        Way::Front => (FRONT_IFINDEX, NODE1_MAC),
        Way::Back => (BACK_IFINDEX, BACK_MAC),
    };
    for (backend, address) in world.backends.iter_mut().zip(BACKENDS) {
        *backend = BackendConf {
            address: Address::v4(address),
            source: Address::v4(BACK),
            ifindex,
            mtu: MTU,
            port: REAL_PORT,
            mac: NODE2_MAC,
            source_mac,
            forward,
            ..BackendConf::default()
        };
    }
    for router in &mut world.routers {
        router.rate_limit = u32::MAX;
    }
    for service in &mut world.services {
        for (slot, backend) in service.live.0.iter_mut().zip((0..BACKENDS.len() as u16).cycle()) {
            *slot = backend;
        }
    }
    world
}

/// Makes the program treat this interface too as the one of the rows' world, on which test runs
/// arrive.
fn listen(kernel: &Kernel, ifindex: u32) -> Result<()> {
    let ids = kernel
        .program()
        .info()?
        .map_ids()?
        .context("the kernel does not report a program's maps")?;
    for id in ids {
        let map = MapData::from_id(id)?;
        if map.info()?.name_as_str() == Some(name::INTERFACES) {
            let mut interfaces: Array<_, u32> = Array::try_from(Map::Array(map))?;
            return Ok(interfaces.set(ifindex, 1, 0)?);
        }
    }
    bail!("the program has no map of interfaces")
}

/// The most favourable case for the kernel: it routes with resolved neighbours and no other rules.
fn routes(line: &Line) -> Result<()> {
    let netns = line.host(Host::Node1);
    netns.run(|| {
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("switching routing on")
    })?;
    let neighbours = BACKENDS.map(|backend| {
        format!(
            "neigh add {} lladdr {} dev {BACK_IF} nud permanent",
            ip(backend),
            vrrp_tests::names::Mac(NODE2_MAC)
        )
    });
    netns.ip(&neighbours)
}

/// New flows are spread by a hash of the client's address and port, as in our ring.
fn translation() -> String {
    let [one, two, three] = BACKENDS.map(ip);
    let rule = |protocol: &str, port: u16| {
        format!(
            "ip daddr {} {protocol} dport {port} dnat to jhash ip saddr . {protocol} sport mod 3 \
             map {{ 0: {one}, 1: {two}, 2: {three} }}",
            ip(VIP1)
        )
    };
    format!(
        "table ip bench {{\nchain in {{\ntype nat hook prerouting priority dstnat; policy accept;\n{}\n{}\n}}\n}}",
        rule("tcp", WEB_PORT),
        rule("udp", DNS_PORT)
    )
}
