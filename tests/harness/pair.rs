//! A pair for comparisons: two nodes with the same program, our agent or keepalived, and any number
//! of virtual routers on any number of segments. No services: with either program the master's own
//! stack answers for an address.

mod plan;
mod usage;

use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::agent::{self, AgentPaths};
use crate::capture::Capture;
use crate::daemons::{make_dir, program, write};
use crate::echo::EchoProbe;
use crate::names::{Host, Node};
use crate::netns::NetNs;
use crate::process::{Daemon, output};
use crate::rundir::{self, RunDir};
use crate::topology::Topology;
use crate::{inject, keepalived};

pub use plan::{Plan, Program, Scheduling};
pub use usage::Usage;

/// How long a daemon may take to end on request.
const PATIENCE: Duration = Duration::from_secs(10);
/// Delay that reading a large configuration on a busy machine may add to a timer of the protocol.
const ROOM: Duration = Duration::from_secs(20);
/// The shortest time in which every master of a quiet pair has advertised.
const LOOK: Duration = Duration::from_millis(100);
/// keepalived's file with the process id of its VRRP process.
const VRRP_PID: &str = "keepalived-vrrp.pid";

/// A running pair. Dropping the value ends it.
#[derive(Debug)]
pub struct Pair {
    run: RunDir,
    topology: Topology,
    plan: Plan,
    daemons: [Option<Daemon>; 2],
    down: bool,
}

impl Pair {
    /// Creates the nodes, starts both, and waits until node 1 is master of everything.
    pub fn up(plan: Plan) -> Result<Self> {
        match plan.program {
            Program::Agent if !plan.agent.is_file() => {
                bail!("there is no agent at {}", plan.agent.display())
            }
            Program::Agent => {}
            Program::Keepalived => drop(program("keepalived")?),
        }
        let run = RunDir::create(&format!(
            "pair: {} virtual routers of {}",
            plan.routers,
            plan.program.name()
        ))?;
        let topology = Topology::of(run.id());
        let mut pair = Self { run, topology, plan, daemons: [None, None], down: false };
        pair.build()?;
        for node in Node::BOTH {
            pair.start(node)?;
        }
        pair.wait_for_master(Node::Node1)?;
        Ok(pair)
    }

    fn build(&self) -> Result<()> {
        self.topology.build_pair(self.plan.segments)?;
        let bpf_dir = self.run.path().join("switch-bpf");
        agent::mount_bpf(&bpf_dir)?;
        self.topology.wake_switch(&bpf_dir)?;
        for node in Node::BOTH {
            let dir = self.dir(node);
            make_dir(&dir)?;
            agent::mount_bpf(&AgentPaths::below(&dir).bpf_dir)?;
        }
        Ok(())
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    fn netns(&self, node: Node) -> NetNs {
        self.topology.host(node.host())
    }

    fn dir(&self, node: Node) -> PathBuf {
        self.run.path().join(node.host().name())
    }

    // Actions.

    pub fn start(&mut self, node: Node) -> Result<()> {
        let (dir, netns) = (self.dir(node), self.netns(node));
        let command = match self.plan.program {
            Program::Agent => agent::daemon(
                &self.plan.agent,
                &AgentPaths::below(&dir),
                &netns,
                &self.plan.agent_toml(node),
            )?,
            Program::Keepalived => {
                let config = dir.join("keepalived.conf");
                write(&config, &self.plan.keepalived_conf(node))?;
                keepalived::silent_daemon_on(&dir, &netns, &config)?
            }
        };
        let command = match self.plan.scheduling {
            Scheduling::Refused => without_realtime(&netns, &command)?,
            Scheduling::AsInstalled | Scheduling::Asked => command,
        };
        let daemon = Daemon::start(&format!("{node}/router"), command, &dir.join("router.log"))?;
        self.run.record(daemon.id())?;
        self.daemons[node as usize] = Some(daemon);
        Ok(())
    }

    /// Ends the program of `node` by SIGTERM and waits for it.
    pub fn stop(&mut self, node: Node) -> Result<()> {
        self.take(node)?.stop(Signal::SIGTERM, PATIENCE).map(drop)
    }

    /// Runs `vrrp-agent failover` or `failback` for the first virtual router on `node` and waits
    /// for the answer.
    pub fn ask_agent(&self, node: Node, command: &str) -> Result<String> {
        let socket = AgentPaths::below(&self.dir(node)).api_socket;
        output(Command::new(&self.plan.agent).args([command, Plan::NAME, "--socket"]).arg(socket))
    }

    /// Sends SIGTERM to the program of `node` and does not wait.
    pub fn ask_to_stop(&self, node: Node) -> Result<()> {
        self.daemon(node)?.id().signal(Signal::SIGTERM)
    }

    /// `kill -9`, keepalived with its children.
    pub fn kill(&mut self, node: Node) -> Result<()> {
        self.take(node)?.kill_group();
        Ok(())
    }

    /// `kill -9` for the VRRP process: the whole agent, but not keepalived's parent, which starts
    /// its child again.
    pub fn kill_speaker(&mut self, node: Node) -> Result<()> {
        match self.plan.program {
            Program::Agent => self.kill(node),
            Program::Keepalived => {
                let path = self.dir(node).join(VRRP_PID);
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("reading {}", path.display()))?;
                let pid: i32 =
                    text.trim().parse().with_context(|| format!("reading {}", path.display()))?;
                if !self.netns(node).pids().contains(&pid) {
                    bail!("{node} has no process {pid}");
                }
                kill(Pid::from_raw(pid), Signal::SIGKILL)
                    .context("killing keepalived's VRRP process")
            }
        }
    }

    /// Freezes (SIGSTOP) or thaws (SIGCONT) the program of `node`, keepalived with its children.
    pub fn freeze(&self, node: Node, frozen: bool) -> Result<()> {
        let signal = if frozen { Signal::SIGSTOP } else { Signal::SIGCONT };
        killpg(Pid::from_raw(self.daemon(node)?.id().pid), signal)
            .with_context(|| format!("sending {signal} to {node}"))
    }

    /// Sets all front links of `node` up or down.
    pub fn set_cables(&self, node: Node, up: bool) -> Result<()> {
        self.topology.set_segments(node.host(), self.plan.segments, up)
    }

    /// The client broadcasts an ARP request for the first virtual address.
    pub fn ask_for_address(&self) -> Result<()> {
        // From its front address, which matches its hardware address.
        let client = Host::Client.front().context("the client has no address")?;
        let frame = inject::arp_request(client, self.plan.vip());
        inject::send_raw(&self.topology.host(Host::Client), frame)
    }

    fn daemon(&self, node: Node) -> Result<&Daemon> {
        self.daemons[node as usize].as_ref().with_context(|| format!("nothing runs on {node}"))
    }

    fn take(&mut self, node: Node) -> Result<Daemon> {
        self.daemons[node as usize].take().with_context(|| format!("nothing runs on {node}"))
    }

    // Queries.

    pub fn runs(&self, node: Node) -> bool {
        self.daemons[node as usize].is_some()
    }

    /// Starts a client that pings the first virtual address each `interval`.
    pub fn probe(&self, interval: Duration) -> Result<EchoProbe> {
        EchoProbe::start(&self.topology.host(Host::Client), self.plan.vip(), interval)
    }

    pub fn capture(&self) -> Result<Capture> {
        Capture::start(&self.topology.front_switch())
    }

    /// Waits until `node`, and not the other one, advertises every address.
    pub fn wait_for_master(&self, node: Node) -> Result<()> {
        let capture = self.capture()?;
        let look = LOOK.max(self.plan.interval * 3 / 2);
        let deadline = Instant::now() + self.plan.master_down_interval() * 2 + ROOM;
        loop {
            capture.clear();
            sleep(look);
            let masters = capture.advertisers();
            let right = masters.iter().filter(|(_, nodes)| nodes.as_slice() == [node]).count();
            if right == usize::from(self.plan.routers) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let log = self.daemon(node).map(Daemon::tail).unwrap_or_default();
                bail!(
                    "{node} is alone in advertising {right} of {} addresses; its log ends: {log}",
                    self.plan.routers
                );
            }
        }
    }

    /// CPU time and memory of the program of `node` so far, all its processes together.
    pub fn usage(&self, node: Node) -> Result<Usage> {
        Usage::of(&self.netns(node).pids())
    }

    // Its end.

    /// Removes the pair and reports what could not be removed.
    pub fn down(mut self) -> Result<()> {
        self.tear_down()
    }

    fn tear_down(&mut self) -> Result<()> {
        self.down = true;
        for daemon in self.daemons.iter_mut().flatten() {
            daemon.kill_group();
        }
        rundir::remove(self.run.id())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if !self.down
            && let Err(e) = self.tear_down()
        {
            eprintln!("removing pair {}: {e:#}", self.run.id());
        }
    }
}

/// The same command without the permission for real-time scheduling.
fn without_realtime(netns: &NetNs, command: &Command) -> Result<Command> {
    let mut wrapped = netns.command(&program("setpriv")?)?;
    wrapped.args(["--bounding-set", "-sys_nice", "--inh-caps", "-sys_nice", "--"]);
    wrapped.arg(command.get_program()).args(command.get_args());
    Ok(wrapped)
}
