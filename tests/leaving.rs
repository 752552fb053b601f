//! The state that an agent leaves on its host: none after a stop, however early; after a kill, only
//! state that `vrrp-agent detach` removes.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;
use vrrp_tests::Host;
use vrrp_tests::line::{End, Line, Plan};
use vrrp_tests::names::FRONT_IF;
use vrrp_tests::options::agent_binary;
use vrrp_tests::process::{Daemon, output, wait_until};

const VIP: &str = "192.168.1.249";
const VIP6: &str = "2001:db8::249";
const PATIENCE: Duration = Duration::from_secs(10);
/// Delays after the agent's start: it reads its configuration, loads its program, and runs.
const DELAYS: [u64; 5] = [0, 20, 50, 100, 200];

/// One host with an agent, alone on its network.
struct Node {
    line: Line,
    xdp: &'static str,
}

impl Node {
    fn up(about: &str, xdp: &'static str) -> Result<Self> {
        let end = |ifindex, host| End {
            ifindex,
            mac: [2, 0, 0, 0, 1, host],
            address: Ipv4Addr::new(192, 168, 1, host),
        };
        let back = |ifindex, host| End {
            ifindex,
            mac: [2, 0, 0, 0, 2, host],
            address: Ipv4Addr::new(10, 0, 0, host),
        };
        let plan = Plan {
            client: end(10, 10),
            front: end(11, 205),
            back: back(12, 10),
            backend: back(13, 22),
        };
        let line = Line::up(about, &plan)?;
        // For the virtual addresses of that family.
        let on = || {
            fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0").context("IPv6 on the node")
        };
        line.host(Host::Node1).run(on)?;
        Ok(Self { line, xdp })
    }

    /// In the run directory of the host.
    fn path(&self, name: &str) -> PathBuf {
        self.line.bpf_dir().with_file_name(name)
    }

    fn bpf_dir(&self) -> PathBuf {
        self.line.bpf_dir().join("agent")
    }

    fn configure(&self, more: &str) -> Result<()> {
        let (socket, bpf_dir, xdp) = (self.path("api.sock"), self.bpf_dir(), self.xdp);
        let text = format!(
            "node = \"n1\"\nxdp = \"{xdp}\"\napi_socket = \"{}\"\nbpf_dir = \"{}\"\n\n\
             [[virtual_router]]\nname = \"VI_51\"\ninterface = \"{FRONT_IF}\"\nvrid = 51\npriority = 110\ninterval = \"100ms\"\n\
             addresses = [\"{VIP}\"]\nexcluded_addresses = [\"{VIP6}\"]\n{more}",
            socket.display(),
            bpf_dir.display()
        );
        fs::write(self.path("agent.toml"), text).context("the configuration")
    }

    fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = self.line.host(Host::Node1).command(&agent_binary().to_string_lossy())?;
        command
            .args(words)
            .env("VRRP_AGENT_SOCKET", self.path("api.sock"))
            .env("VRRP_AGENT_BPF_DIR", self.bpf_dir());
        Ok(command)
    }

    fn start(&self) -> Result<Daemon> {
        let mut command = self.command(&["run", "--config"])?;
        command.arg(self.path("agent.toml")).env_remove("VRRP_AGENT_BPF_DIR");
        Daemon::start("the agent", command, &self.path("agent.log"))
    }

    /// Starts the agent, and sends a signal this long after its first instructions.
    fn signalled(&self, signal: Signal, delay: Duration) -> Result<Daemon> {
        let agent = self.start()?;
        let begun = Instant::now();
        let status = format!("/proc/{}/status", agent.id().pid);
        while !takes(&fs::read_to_string(&status).context("a living agent")?, signal) {
            ensure!(begun.elapsed() < PATIENCE, "the agent neither blocks nor handles {signal}");
        }
        println!(
            "{signal} is blocked or handled {:?} after the exec; sent {delay:?} later",
            begun.elapsed()
        );
        sleep(delay);
        agent.id().signal(signal)?;
        Ok(agent)
    }

    fn status(&self) -> Result<Value> {
        let text = output(&mut self.command(&["status", "--json"])?)?;
        serde_json::from_str(&text).context("the agent's status")
    }

    fn detach(&self) -> Result<Output> {
        let output = self.command(&["detach"])?.output().context("vrrp-agent detach")?;
        println!(
            "detach: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output)
    }

    fn ip(&self, words: &str) -> Result<String> {
        let netns = self.line.host(Host::Node1);
        output(Command::new("ip").args(["-n", netns.name()]).args(words.split(' ')))
    }

    /// Whether the host has the address, `ADDRESS/LENGTH`.
    fn holds(&self, address: &str) -> bool {
        self.ip(&format!("-o addr show dev {FRONT_IF}"))
            .is_ok_and(|text| text.contains(&format!(" {address}")))
    }

    fn wait_for_addresses(&self) -> Result<()> {
        let held =
            wait_until("both virtual addresses", PATIENCE, || self.holds(VIP) && self.holds(VIP6));
        held.with_context(|| fs::read_to_string(self.path("agent.log")).unwrap_or_default())
    }

    /// Fails if anything of an agent is left.
    fn check_nothing_is_left(&self) -> Result<()> {
        let log = || fs::read_to_string(self.path("agent.log")).unwrap_or_default();
        ensure!(!self.holds(VIP) && !self.holds(VIP6), "a virtual address is left: {}", log());
        let link = self.ip(&format!("link show dev {FRONT_IF}"))?;
        ensure!(!link.contains("xdp"), "an XDP program is left: {link}{}", log());
        for family in ["-4", "-6"] {
            let routes = self.ip(&format!("{family} route show table local proto 112"))?;
            ensure!(routes.is_empty(), "routes are left: {routes}{}", log());
        }
        let pins = self.names(&self.bpf_dir());
        ensure!(pins.is_empty(), "pins are left: {pins:?}: {}", log());
        let lists: Vec<_> = self
            .names(&self.path(""))
            .into_iter()
            .filter(|name| name.contains(".changes"))
            .collect();
        ensure!(lists.is_empty(), "lists are left: {lists:?}: {}", log());
        Ok(())
    }

    fn names(&self, directory: &std::path::Path) -> Vec<String> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }
}

/// Whether the process of this /proc status text blocks or handles `signal`.
fn takes(status: &str, signal: Signal) -> bool {
    let set = |name: &str| {
        let hex = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(hex.trim(), 16).ok()
    };
    ["SigBlk:", "SigCgt:"]
        .iter()
        .filter_map(|name| set(name))
        .any(|set| set >> (signal as i32 - 1) & 1 == 1)
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_reload_asked_for_at_any_time_of_the_start_is_done_after_it() -> Result<()> {
    let node = Node::up("early reloads", "auto")?;
    let mask = node.path("mask");
    let script = format!(
        "\n[[script]]\nname = \"mask\"\ncommand = [\"/bin/sh\", \"-c\", \"grep SigBlk /proc/self/status > {}\"]\n\
         interval = \"1s\"\n",
        mask.display()
    );
    node.configure(&format!("track_scripts = [{{ script = \"mask\" }}]\n{script}"))?;
    for delay in DELAYS.map(Duration::from_millis) {
        let mut agent = node.signalled(Signal::SIGHUP, delay)?;
        wait_until("a reload", PATIENCE, || {
            node.status().is_ok_and(|status| status["reload"]["successful"] == true)
        })?;
        // keepalived writes files at these; an operator may send them by habit, and they must not
        // end the agent.
        for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGPIPE] {
            agent.id().signal(signal)?;
        }
        node.wait_for_addresses()?;
        ensure!(agent.is_running(), "the agent has ended: {}", agent.tail());
        // A second signal and a reload during the stop change nothing.
        for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
            agent.id().signal(signal)?;
        }
        let status = agent.stop(Signal::SIGTERM, PATIENCE)?;
        ensure!(status.success(), "{status}: {}", agent.tail());
        node.check_nothing_is_left()?;
    }
    let blocked = fs::read_to_string(&mask).context("the script ran")?;
    ensure!(
        blocked.split_whitespace().last() == Some("0000000000000000"),
        "a script starts with blocked signals: {blocked}"
    );
    node.line.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_stop_at_any_time_of_the_start_leaves_nothing() -> Result<()> {
    let node = Node::up("early stops", "auto")?;
    node.configure("")?;
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        for delay in DELAYS.map(Duration::from_millis) {
            let mut agent = node.signalled(signal, delay)?;
            let begun = Instant::now();
            let status = agent.stop(signal, PATIENCE)?;
            println!("{signal} after {delay:?}: {status} after {:?}", begun.elapsed());
            ensure!(status.success(), "{status}: {}", agent.tail());
            node.check_nothing_is_left()?;
        }
    }
    node.line.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_stop_early_in_the_start_takes_back_what_a_killed_agent_left() -> Result<()> {
    for xdp in ["auto", "off"] {
        let node = Node::up("an early stop after a kill", xdp)?;
        node.configure("")?;
        let mut agent = node.start()?;
        node.wait_for_addresses()?;
        agent.kill_group();
        ensure!(node.holds(VIP), "a killed agent leaves its addresses");
        let mut agent = node.signalled(Signal::SIGTERM, Duration::ZERO)?;
        let status = agent.stop(Signal::SIGTERM, PATIENCE)?;
        ensure!(status.success(), "{status}: {}", agent.tail());
        node.check_nothing_is_left()?;
        node.line.down()?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn detach_takes_back_the_addresses_of_a_killed_agent_with_and_without_a_program_and_no_other()
-> Result<()> {
    for xdp in ["off", "auto"] {
        let node = Node::up("addresses after a kill", xdp)?;
        node.configure("")?;
        let mut agent = node.start()?;
        node.wait_for_addresses()?;
        agent.kill_group();
        // The host's own, one of them the virtual address with another prefix length.
        node.ip(&format!("addr add 192.168.1.9/24 dev {FRONT_IF}"))?;
        node.ip(&format!("addr add {VIP}/24 dev {FRONT_IF}"))?;
        let said = node.detach()?;
        ensure!(said.status.success(), "{said:?}");
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        ensure!(
            text.contains(&format!("removed: {VIP}/32 on {FRONT_IF}\n"))
                && text.ends_with("nothing is left\n"),
            "{text}"
        );
        ensure!(
            !node.holds(&format!("{VIP}/32")) && !node.holds(VIP6),
            "an address of the agent is left"
        );
        for other in ["192.168.1.205/24", "192.168.1.9/24", &format!("{VIP}/24")] {
            ensure!(node.holds(other), "{other} was not the agent's");
        }
        node.ip(&format!("addr del {VIP}/24 dev {FRONT_IF}"))?;
        node.check_nothing_is_left()?;
        node.line.down()?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn an_address_that_bears_the_mark_and_is_in_no_record_is_named_and_left_alone() -> Result<()> {
    let node = Node::up("a marked address in no record", "off")?;
    node.configure("")?;
    let mut agent = node.start()?;
    node.wait_for_addresses()?;
    agent.kill_group();
    let record = node.path("api.changes.json");
    let whole = fs::read(&record).context("the record")?;
    let mut part: Value = serde_json::from_slice(&whole).context("the record")?;
    let addresses = part["addresses"].as_array_mut().context("addresses in the record")?;
    addresses.retain(|address| address["address"] != VIP6);
    fs::write(&record, part.to_string()).context("the record")?;
    let said = node.detach()?;
    ensure!(said.status.success() && !node.holds(VIP) && node.holds(VIP6), "{said:?}");
    ensure!(
        String::from_utf8_lossy(&said.stderr)
            .contains(&format!("not removed: {VIP6}/128 on {FRONT_IF}")),
        "{said:?}"
    );
    fs::write(&record, whole).context("the record")?;
    ensure!(node.detach()?.status.success(), "detach");
    node.check_nothing_is_left()?;
    node.line.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn detach_with_nothing_to_do_is_success() -> Result<()> {
    let node = Node::up("detach without an agent", "auto")?;
    node.configure("")?;
    let nothing = |node: &Node| -> Result<()> {
        let said = node.detach()?;
        ensure!(said.status.success() && said.stdout == b"nothing is left\n", "{said:?}");
        node.check_nothing_is_left()
    };
    nothing(&node)?;
    for name in ["v1", "v5", "sockets-v1"] {
        fs::create_dir_all(node.bpf_dir().join(name)).context("an empty directory")?;
    }
    nothing(&node)?;
    let mut agent = node.start()?;
    node.wait_for_addresses()?;
    let status = agent.stop(Signal::SIGTERM, PATIENCE)?;
    ensure!(status.success(), "{status}");
    nothing(&node)?;
    node.line.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn what_another_version_of_the_agent_left_is_detached_before_the_new_program_is_attached()
-> Result<()> {
    let node = Node::up("pins of another layout", "auto")?;
    node.configure("")?;
    // A killed agent whose pins have the name of another layout.
    let leave = || -> Result<()> {
        let mut agent = node.start()?;
        node.wait_for_addresses()?;
        agent.kill_group();
        let names = node.names(&node.bpf_dir());
        let [name] = names.as_slice() else { bail!("not one directory of pins: {names:?}") };
        fs::rename(node.bpf_dir().join(name), node.bpf_dir().join("v0"))
            .context("renaming the pins")
    };
    leave()?;
    let said = node.detach()?;
    ensure!(said.status.success(), "{said:?}");
    node.check_nothing_is_left()?;

    leave()?;
    let mut agent = node.start()?;
    let attached = |status: &Value| status["interfaces"][0]["xdp"]["mode"] != "off";
    wait_until("the new agent's program", PATIENCE, || {
        node.status().is_ok_and(|status| attached(&status))
    })
    .with_context(|| format!("{:?}: {}", node.status(), agent.tail()))?;
    ensure!(!node.names(&node.bpf_dir()).contains(&"v0".to_owned()), "the other pins are gone");
    let status = agent.stop(Signal::SIGTERM, PATIENCE)?;
    ensure!(status.success(), "{status}");
    node.check_nothing_is_left()?;
    node.line.down()
}
