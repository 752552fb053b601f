//! A duel: two nodes on one bridge with a VRRP program each, a client that sends requests, and a
//! capture. There is no nginx and no service: a duel tests the protocol between two programs and
//! takes seconds.

mod setup;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::agent::{self, AgentPaths};
use crate::capture::{Capture, Recording};
use crate::daemons::{make_dir, write};
use crate::frr::{self, FrrPaths};
use crate::names::{FRONT_IF, Host, Mac, Node};
use crate::netns::NetNs;
use crate::options::agent_binary;
use crate::process::{Daemon, output, wait_until};
use crate::rundir::{self, RunDir};
use crate::topology::Topology;
use crate::{inject, keepalived};

pub use setup::{Setup, Speaker, Unicast, VRID};

/// How long a daemon may take to start, and to end on request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running duel. Dropping the value ends it.
#[derive(Debug)]
pub struct Duel {
    run: RunDir,
    topology: Topology,
    capture: Capture,
    speakers: [Speaker; 2],
    setups: [Setup; 2],
    daemons: BTreeMap<String, Daemon>,
    down: bool,
}

impl Duel {
    /// Creates the nodes and starts the capture; no VRRP program runs yet. Index 0 is node 1, which
    /// has the lower addresses.
    pub fn new(speakers: [Speaker; 2], setups: [Setup; 2]) -> Result<Self> {
        if speakers.contains(&Speaker::Frr) {
            frr::require()?;
        }
        let run =
            RunDir::create(&format!("duel: {} and {}", speakers[0].name(), speakers[1].name()))?;
        let built = build(&run);
        let (topology, capture) = match built {
            Ok(built) => built,
            Err(error) => {
                rundir::remove(run.id())?;
                return Err(error);
            }
        };
        Ok(Self { run, topology, capture, speakers, setups, daemons: BTreeMap::new(), down: false })
    }

    pub fn speaker(&self, node: Node) -> Speaker {
        self.speakers[node as usize]
    }

    pub fn setup(&self, node: Node) -> &Setup {
        &self.setups[node as usize]
    }

    fn netns(&self, node: Node) -> NetNs {
        self.topology.host(node.host())
    }

    fn dir(&self, node: Node) -> PathBuf {
        self.run.path().join(node.host().name())
    }

    /// The address of `node` in the family of the duel.
    fn address(&self, node: Node) -> IpAddr {
        let front = node.front();
        if self.setup(node).is_ipv6() { link_local(front).into() } else { front.into() }
    }

    // Actions.

    /// Starts the VRRP program of `node`.
    pub fn start(&mut self, node: Node) -> Result<()> {
        let (dir, netns, setup) = (self.dir(node), self.netns(node), self.setup(node).clone());
        make_dir(&dir)?;
        if setup.arp_ignore {
            netns.run(|| {
                std::fs::write("/proc/sys/net/ipv4/conf/all/arp_ignore", "1")
                    .context("setting arp_ignore")
            })?;
        }
        let (own, other) = (self.address(node), self.address(node.other()));
        let command = match self.speaker(node) {
            Speaker::Agent => {
                let paths = AgentPaths::below(&dir);
                if !paths.bpf_dir.exists() {
                    agent::mount_bpf(&paths.bpf_dir)?;
                }
                agent::daemon(&agent_binary(), &paths, &netns, &setup.agent(other))?
            }
            Speaker::Keepalived => {
                let config = dir.join("keepalived.conf");
                write(&config, &setup.keepalived(own, other))?;
                keepalived::daemon_on(&dir, &netns, &config)?
            }
            Speaker::Frr => {
                let paths = FrrPaths::make(&dir)?;
                frr::remove_macvlan(&netns, VRID, setup.is_ipv6());
                frr::make_macvlan(&netns, FRONT_IF, VRID, &setup.parsed())?;
                let zebra = zebra_name(node);
                if !self.daemons.contains_key(&zebra) {
                    self.launch(node, &zebra, paths.daemon("zebra", &netns, "log stdout\n")?)?;
                    wait_until("zebra's socket", PATIENCE, || paths.zebra_socket().exists())?;
                }
                paths.daemon("vrrpd", &netns, &setup.frr())?
            }
        };
        self.launch(node, &speaker_name(node), command)
    }

    fn launch(&mut self, node: Node, name: &str, command: Command) -> Result<()> {
        let file = name.rsplit('/').next().unwrap_or(name);
        let daemon = Daemon::start(name, command, &self.dir(node).join(format!("{file}.log")))?;
        self.run.record(daemon.id())?;
        self.daemons.insert(name.to_owned(), daemon);
        Ok(())
    }

    /// Ends the VRRP program of `node` by SIGTERM.
    pub fn stop(&mut self, node: Node) -> Result<ExitStatus> {
        self.take(node)?.stop(Signal::SIGTERM, PATIENCE)
    }

    /// `kill -9`, keepalived with its children. zebra keeps running.
    pub fn kill(&mut self, node: Node) -> Result<()> {
        self.take(node)?.kill_group();
        Ok(())
    }

    fn take(&mut self, node: Node) -> Result<Daemon> {
        let name = speaker_name(node);
        self.daemons.remove(&name).with_context(|| format!("{name} is not running"))
    }

    /// Drops (`silent` true) every frame between `node` and the others, in both directions: the
    /// links keep their carrier.
    pub fn part(&self, node: Node, silent: bool) -> Result<()> {
        self.topology.set_front_silence(node.host(), silent)
    }

    /// Removes the first virtual address of `node` with ip(8).
    pub fn remove_address(&self, node: Node) -> Result<()> {
        let vip = self.vip()?;
        let length = if vip.is_ipv4() { 32 } else { 128 };
        self.netns(node).ip(&[format!("addr del {vip}/{length} dev {FRONT_IF}")])
    }

    /// Sends a frame from the client.
    fn send(&self, frame: Vec<u8>) -> Result<()> {
        inject::send_raw(&self.topology.host(Host::Client), frame)
    }

    // Queries.

    /// The first virtual address.
    pub fn vip(&self) -> Result<IpAddr> {
        self.setups[0].vip().context("a duel needs an address")
    }

    /// Whether the VRRP program of `node` runs.
    pub fn runs(&mut self, node: Node) -> bool {
        self.daemons.get_mut(&speaker_name(node)).is_some_and(Daemon::is_running)
    }

    /// Whether the VRRP program of `node` runs and regards itself as the master.
    pub fn is_master(&mut self, node: Node) -> bool {
        if !self.runs(node) {
            return false;
        }
        match self.speaker(node) {
            Speaker::Agent => self.agent(node).is_ok_and(|router| router["role"] == "master"),
            Speaker::Keepalived => self.holds(node).unwrap_or(false),
            Speaker::Frr => {
                let family = if self.setup(node).is_ipv6() { "v6" } else { "v4" };
                let paths = FrrPaths::make(&self.dir(node));
                paths
                    .and_then(|paths| paths.ask(VRID))
                    .is_ok_and(|router| router[family]["status"] == "Master")
            }
        }
    }

    /// Whether the kernel of `node` has the first virtual address on a working interface.
    pub fn holds(&self, node: Node) -> Result<bool> {
        let netns = self.netns(node);
        let text =
            output(Command::new("ip").args(["-n", netns.name(), "-o", "addr", "show", "up"]))?;
        Ok(text.contains(&format!(" {}/", self.vip()?)))
    }

    /// The router in our agent's status.
    pub fn agent(&self, node: Node) -> Result<Value> {
        let status = self.agent_status(node)?;
        status["routers"].get(0).cloned().context("the agent has no router yet")
    }

    /// Our agent's whole status.
    pub fn agent_status(&self, node: Node) -> Result<Value> {
        let socket = AgentPaths::below(&self.dir(node)).api_socket;
        let text = output(
            Command::new(agent_binary()).args(["status", "--json", "--socket"]).arg(socket),
        )?;
        serde_json::from_str(&text).context("reading the agent's status")
    }

    /// The log of the speaker of `node`.
    pub fn log(&self, node: Node) -> String {
        std::fs::read_to_string(self.dir(node).join("speaker.log")).unwrap_or_default()
    }

    pub fn recording(&self) -> Recording {
        self.capture.so_far()
    }

    /// The nodes that answer the client's ARP request or neighbour solicitation for the first
    /// virtual address.
    pub fn answering_nodes(&self) -> Result<Vec<Node>> {
        let (vip, client) = (self.vip()?, client()?);
        let mac = Mac::of(client);
        let since = Instant::now();
        self.send(match vip {
            IpAddr::V4(vip) => inject::arp_request(client, vip),
            IpAddr::V6(vip) => inject::neighbor_solicitation(mac, link_local(client), vip),
        })?;
        std::thread::sleep(Duration::from_millis(60));
        let recording = self.recording();
        let answers =
            recording.frames.iter().filter(|seen| seen.at >= since && seen.frame.dst == mac);
        let from: Vec<Host> =
            answers.filter(|seen| seen.frame.claim() == Some(vip)).map(|seen| seen.from).collect();
        Ok(Node::BOTH.into_iter().filter(|node| from.contains(&node.host())).collect())
    }

    /// The client sends an advert of priority 254 to `node` alone, with this time to live.
    pub fn forge(&self, node: Node, ttl: u8) -> Result<()> {
        let IpAddr::V4(vip) = self.vip()? else { bail!("the unknown sender supports IPv4 only") };
        self.send(inject::stranger(client()?, node, VRID, ttl, vip))
    }

    /// The client sends a captured frame again, unchanged.
    pub fn send_again(&self, frame: &[u8]) -> Result<()> {
        self.send(frame.to_vec())
    }

    /// Removes the duel and reports what could not be removed.
    pub fn down(mut self) -> Result<()> {
        self.tear_down()
    }

    fn tear_down(&mut self) -> Result<()> {
        self.down = true;
        for daemon in self.daemons.values_mut() {
            daemon.kill_group();
        }
        rundir::remove(self.run.id())
    }
}

impl Drop for Duel {
    fn drop(&mut self) {
        if !self.down
            && let Err(e) = self.tear_down()
        {
            eprintln!("removing duel {}: {e:#}", self.run.id());
        }
    }
}

fn build(run: &RunDir) -> Result<(Topology, Capture)> {
    let topology = Topology::of(run.id());
    topology.build_duel()?;
    let bpf_dir = run.path().join("switch-bpf");
    agent::mount_bpf(&bpf_dir)?;
    topology.wake_switch(&bpf_dir)?;
    let capture = Capture::start(&topology.front_switch())?;
    Ok((topology, capture))
}

fn client() -> Result<Ipv4Addr> {
    Host::Client.front().context("the client has no address")
}

/// The link-local address that the kernel derives from the lab's MAC address: `02:00:` and the four
/// octets of `front`.
fn link_local(front: Ipv4Addr) -> Ipv6Addr {
    let [a, b, c, d] = front.octets().map(u16::from);
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, a << 8 | 0xff, 0xfe00 | b, c << 8 | d)
}

fn speaker_name(node: Node) -> String {
    format!("{node}/speaker")
}

fn zebra_name(node: Node) -> String {
    format!("{node}/zebra")
}
