//! Two nodes with an agent each, backends, a client, and small servers: the lab's topology without
//! its daemons.

use std::collections::BTreeMap;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;
use vrrp_tests::agent::{self, AgentPaths};
use vrrp_tests::http;
use vrrp_tests::names::{Host, Node};
use vrrp_tests::netns::NetNs;
use vrrp_tests::options::agent_binary;
use vrrp_tests::process::{Daemon, output};
use vrrp_tests::rundir::{self, RunDir};
use vrrp_tests::topology::{self, Topology};
use vrrp_tests::{cgroup, daemons};

use crate::server::Server;

/// The verifier takes seconds here, and an agent takes part in the election only after that.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Interval of polls. The clock skips a pause, and each poll costs a process.
const PAUSE: Duration = Duration::from_millis(250);
const ANSWER: Duration = Duration::from_secs(3);

/// A running site. Dropping the value ends it.
pub struct Site {
    run: RunDir,
    topology: Topology,
    agents: [Option<Daemon>; 2],
    pub servers: Vec<Server>,
    config: fn(Node) -> String,
}

impl Site {
    /// Creates namespaces and links; no agent runs yet.
    pub fn build(about: &str, config: fn(Node) -> String) -> Result<Self> {
        let run = RunDir::create(about)?;
        let topology = Topology::of(run.id());
        let site = Self { run, topology, agents: [None, None], servers: Vec::new(), config };
        site.topology.build()?;
        let bpf_dir = site.run.path().join("switch-bpf");
        agent::mount_bpf(&bpf_dir)?;
        site.topology.wake_switch(&bpf_dir)?;
        for node in Node::BOTH {
            let paths = site.paths(node);
            daemons::make_dir(&paths.dir)?;
            agent::mount_bpf(&paths.bpf_dir)?;
            let cgroup = paths.cgroup.context("no cgroup of version 2")?;
            ensure!(cgroup::make(&cgroup), "no cgroup can be made");
        }
        Ok(site)
    }

    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    pub fn netns(&self, host: Host) -> NetNs {
        self.topology.host(host)
    }

    pub fn paths(&self, node: Node) -> AgentPaths {
        AgentPaths::below(&self.run.path().join(node.host().name()))
    }

    /// Gives these hosts IPv6 addresses on their networks.
    pub fn enable_ipv6(&self, hosts: &[Host]) -> Result<()> {
        hosts.iter().try_for_each(|&host| {
            topology::enable_ipv6(&self.netns(host), front6(host), back6(host))
        })
    }

    pub fn serve(&mut self, host: Host, port: u16) -> Result<()> {
        self.servers.push(Server::start(&self.netns(host), host, port)?);
        Ok(())
    }

    pub fn server(&self, host: Host, port: u16) -> Result<&Server> {
        self.servers
            .iter()
            .find(|server| (server.host, server.port) == (host, port))
            .context("no such server")
    }

    // Agents.

    pub fn start(&mut self, node: Node) -> Result<()> {
        let paths = self.paths(node);
        let command =
            agent::daemon(&agent_binary(), &paths, &self.netns(node.host()), &(self.config)(node))?;
        let daemon = Daemon::start(&format!("{node}/agent"), command, &self.log_path(node))?;
        self.run.record(daemon.id())?;
        self.agents[node as usize] = Some(daemon);
        Ok(())
    }

    pub fn kill(&mut self, node: Node) -> Result<()> {
        self.agents[node as usize].take().context("no agent runs")?.kill_group();
        Ok(())
    }

    pub fn stop(&mut self, node: Node) -> Result<()> {
        let mut daemon = self.agents[node as usize].take().context("no agent runs")?;
        let status = daemon.stop(Signal::SIGTERM, PATIENCE)?;
        ensure!(status.success(), "the agent of {node} ended with {status}");
        Ok(())
    }

    fn log_path(&self, node: Node) -> PathBuf {
        self.paths(node).dir.join("agent.log")
    }

    pub fn log(&self, node: Node) -> String {
        std::fs::read_to_string(self.log_path(node)).unwrap_or_default()
    }

    /// Runs `vrrp-agent` on `node` with these arguments, whatever its exit code.
    pub fn agent(&self, node: Node, words: &[&str]) -> Result<Output> {
        let mut command = self.netns(node.host()).command(&agent_binary().to_string_lossy())?;
        command.args(words).output().with_context(|| format!("vrrp-agent {}", words.join(" ")))
    }

    /// The same for commands that query the running agent; it must succeed.
    pub fn ask(&self, node: Node, words: &[&str]) -> Result<String> {
        let socket = self.paths(node).api_socket;
        output(Command::new(agent_binary()).args(words).arg("--socket").arg(socket))
    }

    pub fn status(&self, node: Node) -> Result<Value> {
        serde_json::from_str(&self.ask(node, &["status", "--json"])?)
            .context("reading the agent's status")
    }

    pub fn router(&self, node: Node, name: &str) -> Result<Value> {
        let status = self.status(node)?;
        let routers = status["routers"].as_array().context("the status has no routers")?;
        routers
            .iter()
            .find(|router| router["name"] == name)
            .cloned()
            .with_context(|| format!("no router {name}"))
    }

    pub fn role(&self, node: Node, name: &str) -> Result<String> {
        Ok(self.router(node, name)?["role"].as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the router has this role.
    pub fn wait_role(&self, node: Node, name: &str, role: &str) -> Result<()> {
        let waited = wait_until(&format!("{name} as {role} on {node}"), PATIENCE, || {
            self.role(node, name).is_ok_and(|now| now == role)
        });
        waited.with_context(|| format!("its log ends: {}", tail(&self.log(node))))
    }

    /// Waits until each backend of a service on `node` is as wanted.
    pub fn wait_backends(
        &self,
        node: Node,
        what: &str,
        wanted: impl Fn(&Value, &Value) -> bool,
    ) -> Result<()> {
        let right = || -> Result<bool> {
            let status = self.status(node)?;
            let services = status["services"].as_array().context("no services")?.clone();
            Ok(services
                .iter()
                .all(|service| backends(service).iter().all(|backend| wanted(service, backend))))
        };
        let waited =
            wait_until(&format!("{what} on {node}"), PATIENCE, || right().unwrap_or(false));
        waited.with_context(|| self.ask(node, &["status"]).unwrap_or_default())
    }

    // The client.

    /// Requests a page from the client; returns the host that served it.
    pub fn get(&self, server: SocketAddr) -> Result<String> {
        let answer = self.netns(Host::Client).run(move || http::get(server, "/", None, ANSWER))?;
        ensure!(answer.status == 200, "status {}", answer.status);
        Ok(answer.header("x-node").context("a server that names itself")?.to_owned())
    }

    /// Requests many pages; returns how often each host served.
    pub fn pages(&self, server: SocketAddr, count: usize) -> Result<BTreeMap<String, usize>> {
        let mut served = BTreeMap::new();
        for number in 0..count {
            let host = self.get(server).with_context(|| format!("request {number} to {server}"))?;
            *served.entry(host).or_default() += 1;
        }
        Ok(served)
    }

    /// Requests many pages, and fails unless exactly these hosts served them.
    pub fn served_by(&self, server: SocketAddr, count: usize, hosts: &[Host]) -> Result<String> {
        let served = self.pages(server, count)?;
        let mut names: Vec<&str> = hosts.iter().map(|host| host.name()).collect();
        names.sort_unstable();
        ensure!(served.keys().eq(names.iter()), "{server} was served by {served:?}");
        Ok(format!("{server} served by {served:?}"))
    }

    /// Ends everything.
    pub fn down(mut self) -> Result<()> {
        self.tear_down()
    }

    fn tear_down(&mut self) -> Result<()> {
        self.servers.clear();
        for agent in self.agents.iter_mut().filter_map(Option::take) {
            let mut agent = agent;
            agent.kill_group();
        }
        rundir::remove(self.run.id())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Err(error) = self.tear_down() {
            println!("removing the site: {error:#}");
        }
    }
}

pub fn backends(service: &Value) -> &[Value] {
    service["backends"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Address on the front network (/64).
pub fn front6(host: Host) -> Option<Ipv6Addr> {
    let last = if host == Host::Php3 { 60 } else { host.front()?.octets()[3] };
    Some(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, last.into()))
}

/// Address on the back network (/64).
pub fn back6(host: Host) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host.back()?.octets()[3].into()))
}

/// Polls until `ready` returns true.
pub fn wait_until(what: &str, patience: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + patience;
    while !ready() {
        if Instant::now() >= deadline {
            bail!("{what}: not within {patience:?}");
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

pub fn tail(text: &str) -> String {
    const LINES: usize = 4;
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Fails unless a command of the agent ended with 0; returns its output.
pub fn succeeded(output: &Output) -> Result<String> {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if !output.status.success() {
        bail!("ended with {}: {text}", output.status);
    }
    Ok(text)
}
