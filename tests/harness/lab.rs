//! The lab: starts, changes and queries it. Dropping the value removes it.

mod site;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::agent::{self, AgentPaths, AgentStatus, Metrics};
use crate::capture::Capture;
use crate::daemons::{self, make_dir};
use crate::http::Response;
use crate::keepalived::{self, Settings};
use crate::names::{HTTP_PORT, Host, METRICS_PORT, Node, Vip};
use crate::options::{LabOptions, Router, agent_binary};
use crate::probe::HttpProbe;
use crate::process::{Daemon, output, wait_until};
use crate::rundir::{self, RunDir};
use crate::topology::Topology;
use crate::{dns, http};

/// Below the run directory of a lab that stays up: contains its agent as `vrrp-agent`.
pub const AGENT_DIR: &str = "bin";

/// How long a daemon may take to start, and to end on request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running lab.
#[derive(Debug)]
pub struct Lab {
    run: RunDir,
    topology: Topology,
    options: LabOptions,
    daemons: BTreeMap<String, Daemon>,
    held: bool,
}

impl Lab {
    /// Brings up the whole site and waits until each virtual address is served.
    pub fn up(options: LabOptions) -> Result<Self> {
        let mut lab = Self::without_routers(options)?;
        for node in Node::BOTH {
            lab.start_router(node)?;
        }
        let limit = PATIENCE + lab.settings(Node::Node1).master_down_interval();
        lab.wait_for_service(limit)?;
        Ok(lab)
    }

    /// Starts everything except the nodes' routers: no virtual address answers yet.
    pub fn without_routers(options: LabOptions) -> Result<Self> {
        daemons::require_programs(&[
            "ip",
            "bridge",
            "ethtool",
            "nginx",
            "memcached",
            "dnsmasq",
            "curl",
        ])?;
        if options.routers.contains(&Router::Keepalived) {
            daemons::require_programs(&["keepalived"])?;
        }
        if options.routers.iter().any(Router::is_agent) && !options.agent.is_file() {
            bail!(
                "there is no agent at {} (build it, or set VRRP_AGENT_BIN)",
                options.agent.display()
            );
        }
        let [one, two] = &options.routers;
        let run = RunDir::create(&format!("node1: {}, node2: {}", one.describe(), two.describe()))?;
        let topology = Topology::of(run.id());
        let mut lab = Self { run, topology, options, daemons: BTreeMap::new(), held: false };
        lab.topology.build()?;
        let bpf_dir = lab.run.path().join("switch-bpf");
        agent::mount_bpf(&bpf_dir)?;
        lab.topology.wake_switch(&bpf_dir)?;
        lab.start_site()?;
        Ok(lab)
    }

    // Its parts.

    pub fn id(&self) -> &str {
        self.run.id()
    }

    pub fn run_dir(&self) -> &Path {
        self.run.path()
    }

    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    pub fn router(&self, node: Node) -> &Router {
        &self.options.routers[node as usize]
    }

    pub fn settings(&self, node: Node) -> &Settings {
        &self.options.settings[node as usize]
    }

    /// The run directory of `host`: configs, logs, sockets.
    pub fn dir(&self, host: Host) -> PathBuf {
        self.run.path().join(host.name())
    }

    fn make_node_dir(&self, node: Node) -> Result<PathBuf> {
        let dir = self.dir(node.host());
        make_dir(&dir)?;
        Ok(dir)
    }

    // Actions.

    /// Starts the router program of `node`; its settings are read again.
    pub fn start_router(&mut self, node: Node) -> Result<()> {
        let (dir, netns) = (self.make_node_dir(node)?, self.topology.host(node.host()));
        let (binary, paths) = (&self.options.agent, AgentPaths::below(&dir));
        let settings = self.settings(node);
        let command = match self.router(node) {
            Router::Nothing => return Ok(()),
            Router::Keepalived => keepalived::daemon(&dir, &netns, node, settings)?,
            Router::Agent => agent::daemon(binary, &paths, &netns, &agent::config(node, settings))?,
            Router::AgentWith(text) => agent::daemon(binary, &paths, &netns, text)?,
            Router::AgentOnKeepalivedConf => {
                let config = keepalived::write_config(&dir, node, settings)?;
                agent::daemon_with_keepalived_conf(binary, &paths, &netns, &config)?
            }
        };
        self.start(&router_name(node), command)
    }

    /// Ends the router of `node` by SIGTERM and waits for it.
    pub fn stop_router(&mut self, node: Node) -> Result<ExitStatus> {
        let mut daemon = self.take(&router_name(node))?;
        daemon.stop(Signal::SIGTERM, PATIENCE)
    }

    /// `kill -9`: our agent, or keepalived with its children. None of them can clean up.
    pub fn kill_router(&mut self, node: Node) -> Result<()> {
        self.take(&router_name(node))?.kill_group();
        Ok(())
    }

    /// Freezes (SIGSTOP) or thaws (SIGCONT) the router of `node`.
    pub fn freeze_router(&self, node: Node, frozen: bool) -> Result<()> {
        let signal = if frozen { Signal::SIGSTOP } else { Signal::SIGCONT };
        self.daemon(&router_name(node))?.id().signal(signal)
    }

    pub fn router_runs(&mut self, node: Node) -> bool {
        self.daemons.get_mut(&router_name(node)).is_some_and(Daemon::is_running)
    }

    /// The router's log so far.
    pub fn router_log(&self, node: Node) -> PathBuf {
        self.dir(node.host()).join("router.log")
    }

    /// Changes the router program of `node` and its settings from the next start on.
    pub fn set_router(&mut self, node: Node, router: Router, settings: Settings) {
        self.options.routers[node as usize] = router;
        self.options.settings[node as usize] = settings;
    }

    /// Sets the front link of `node` down.
    pub fn cut(&self, node: Node) -> Result<()> {
        self.topology.set_front_link(node.host(), false)
    }

    /// Sets the front link of `node` up.
    pub fn heal(&self, node: Node) -> Result<()> {
        self.topology.set_front_link(node.host(), true)
    }

    // Queries.

    /// GET from the client.
    pub fn get(&self, address: Ipv4Addr, path: &str, cookie: Option<&str>) -> Result<Response> {
        self.get_from(Host::Client, SocketAddrV4::new(address, HTTP_PORT), path, cookie)
    }

    fn get_from(
        &self,
        host: Host,
        server: SocketAddrV4,
        path: &str,
        cookie: Option<&str>,
    ) -> Result<Response> {
        let (path, cookie) = (path.to_owned(), cookie.map(str::to_owned));
        let limit = Duration::from_secs(2);
        self.topology
            .host(host)
            .run(move || http::get(server.into(), &path, cookie.as_deref(), limit))
    }

    /// Queries the lab's name server from the client.
    pub fn resolve(&self, name: &str) -> Result<Vec<Ipv4Addr>> {
        let address = Host::Dns.front().context("the name server has no address")?;
        let name = name.to_owned();
        let server = SocketAddrV4::new(address, 53);
        self.topology
            .host(Host::Client)
            .run(move || dns::resolve(server, &name, Duration::from_secs(1)))
    }

    /// Starts a client that sends a request to `address` each `interval`.
    pub fn probe(&self, address: Ipv4Addr, interval: Duration) -> Result<HttpProbe> {
        HttpProbe::start(&self.topology.host(Host::Client), address, interval)
    }

    /// Starts a capture of the front network.
    pub fn capture(&self) -> Result<Capture> {
        Capture::start(&self.topology.front_switch())
    }

    /// Whether the kernel of `node` holds `address` on an interface.
    pub fn holds(&self, node: Node, address: Ipv4Addr) -> Result<bool> {
        let netns = self.topology.host(node.host());
        let text =
            output(Command::new("ip").args(["-n", netns.name(), "-o", "-4", "addr", "show"]))?;
        Ok(text.contains(&format!(" {address}/")))
    }

    /// The agent's status. Fails if no agent runs.
    pub fn agent_status(&self, node: Node) -> Result<AgentStatus> {
        AgentStatus::ask(&self.options.agent, &AgentPaths::below(&self.dir(node.host())).api_socket)
    }

    /// The agent's metrics, fetched inside the node.
    pub fn metrics(&self, node: Node) -> Result<Metrics> {
        let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, METRICS_PORT);
        let answer = self.get_from(node.host(), server, "/metrics", None)?;
        if answer.status != 200 {
            bail!("the metrics of {node} answer with status {}", answer.status);
        }
        Ok(Metrics::parse(&answer.body))
    }

    /// Waits until both virtual addresses answer the client and, if both nodes have a router, each
    /// is held by its home node only.
    pub fn wait_for_service(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        let settled = |lab: &Self| Vip::BOTH.iter().all(|vip| lab.is_settled(*vip));
        while !settled(self) {
            for node in Node::BOTH {
                let name = router_name(node);
                if let Some(daemon) = self.daemons.get_mut(&name)
                    && !daemon.is_running()
                {
                    bail!("{name} has ended; its log ends: {}", daemon.tail());
                }
            }
            if Instant::now() >= deadline {
                bail!("the virtual addresses are not served as they should be within {patience:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn is_settled(&self, vip: Vip) -> bool {
        let routed = |node: Node| self.daemons.contains_key(&router_name(node));
        let expected = if routed(vip.home()) { vip.home() } else { vip.home().other() };
        self.holds(expected, vip.address()).unwrap_or(false)
            && !self.holds(expected.other(), vip.address()).unwrap_or(true)
            && self.get(vip.address(), "/", None).is_ok_and(|answer| answer.status == 200)
    }

    /// `vrrp-agent` with these arguments, for the agent of `node`.
    pub fn vrrp_agent(&self, node: Node, words: &[&str]) -> Command {
        let mut command = Command::new(agent_binary());
        command
            .args(words)
            .arg("--socket")
            .arg(AgentPaths::below(&self.dir(node.host())).api_socket);
        command
    }

    // Its end.

    /// Makes the lab outlive this process; returns its id. `rundir::remove` removes it.
    pub fn hold(mut self) -> Result<String> {
        let bin = self.run.path().join(AGENT_DIR);
        make_dir(&bin)?;
        let agent = std::path::absolute(&self.options.agent).context("the agent's path")?;
        std::os::unix::fs::symlink(&agent, bin.join("vrrp-agent"))
            .context("the path of the agent")?;
        self.run.hold()?;
        self.held = true;
        Ok(self.run.id().to_owned())
    }

    /// Removes the lab and reports what could not be removed.
    pub fn down(mut self) -> Result<()> {
        self.tear_down()
    }

    fn tear_down(&mut self) -> Result<()> {
        self.held = true;
        for daemon in self.daemons.values_mut() {
            daemon.kill_group();
        }
        rundir::remove(self.run.id())
    }

    fn start(&mut self, name: &str, command: Command) -> Result<()> {
        let host = name.split('/').next().unwrap_or(name);
        let dir = self.run.path().join(host);
        make_dir(&dir)?;
        let file = name.rsplit('/').next().unwrap_or(name);
        let daemon = Daemon::start(name, command, &dir.join(format!("{file}.log")))?;
        self.run.record(daemon.id())?;
        self.daemons.insert(name.to_owned(), daemon);
        Ok(())
    }

    fn daemon(&self, name: &str) -> Result<&Daemon> {
        self.daemons.get(name).with_context(|| format!("{name} is not running"))
    }

    fn take(&mut self, name: &str) -> Result<Daemon> {
        self.daemons.remove(name).with_context(|| format!("{name} is not running"))
    }

    fn wait_for_port(&self, host: Host, address: Option<Ipv4Addr>, port: u16) -> Result<()> {
        let address = address.with_context(|| format!("{host} has no such address"))?;
        let netns = self.topology.host(host);
        wait_until(&format!("{host} listening on port {port}"), PATIENCE, || {
            netns.run(move || Ok(std::net::TcpStream::connect((address, port))?)).is_ok()
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !self.held
            && let Err(e) = self.tear_down()
        {
            eprintln!("removing lab {}: {e:#}", self.run.id());
        }
    }
}

fn router_name(node: Node) -> String {
    format!("{node}/router")
}
