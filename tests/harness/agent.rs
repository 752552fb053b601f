//! Our own agent on a node: its configuration, its status, its metrics.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use serde::{Deserialize, Serialize};

use crate::cgroup;
use crate::daemons::{make_dir, write};
use crate::keepalived::Settings;
use crate::names::{Node, Vip};
use crate::netns::NetNs;
use crate::process::output;
use crate::sys;

const NODE1: &str = include_str!("../../examples/dual-master/node1.toml");
const NODE2: &str = include_str!("../../examples/dual-master/node2.toml");

/// Paths of a node's agent.
#[derive(Debug, Clone)]
pub struct AgentPaths {
    pub dir: PathBuf,
    pub api_socket: PathBuf,
    /// A BPF file system per node, so that two agents on one machine do not share their pins.
    pub bpf_dir: PathBuf,
    /// The cgroup of the node's nginx, whose connections the agent steers; `None` without cgroup
    /// version 2 on this machine.
    pub cgroup: Option<PathBuf>,
}

impl AgentPaths {
    /// Paths below a node's run directory.
    pub fn below(dir: &Path) -> Self {
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let cgroup = dir
            .parent()
            .and_then(name)
            .zip(name(dir))
            .and_then(|(id, node)| cgroup::path_of(&id, &node));
        Self {
            dir: dir.to_owned(),
            api_socket: dir.join("api.sock"),
            bpf_dir: dir.join("bpf"),
            cgroup,
        }
    }

    /// Detaches the agent's XDP program from `interface` without the agent.
    pub fn detach_xdp(&self, interface: &str) -> Result<()> {
        let below = |dir: &Path| -> Vec<PathBuf> {
            std::fs::read_dir(dir)
                .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
                .unwrap_or_default()
        };
        let mut pins = below(&self.bpf_dir).into_iter().flat_map(|layout| below(&layout));
        let pin = pins.find(|pin| pin.to_string_lossy().ends_with(&format!("-{interface}")));
        let pin = pin.with_context(|| {
            format!("no link of {interface} is pinned below {}", self.bpf_dir.display())
        })?;
        sys::detach_pinned_link(&pin).with_context(|| format!("detaching {}", pin.display()))
    }
}

/// Mounts a BPF file system on a new directory; it is removed with the run directory.
pub fn mount_bpf(dir: &Path) -> Result<()> {
    make_dir(dir)?;
    mount(Some("bpf"), dir, Some("bpf"), MsFlags::empty(), Some("mode=0755"))
        .with_context(|| format!("mounting a BPF file system on {}", dir.display()))
}

/// The example's configuration of `node` with other settings and the example's paths.
pub fn config(node: Node, settings: &Settings) -> String {
    let example = match node {
        Node::Node1 => NODE1,
        Node::Node2 => NODE2,
    };
    let mut section = "";
    let mut text = String::new();
    for line in example.lines() {
        if line.starts_with("[[") {
            section = line;
        }
        let line = match section {
            "[[virtual_router]]" => router_line(line, settings),
            _ => Some(line.to_owned()),
        };
        if let Some(line) = line {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

fn router_line(line: &str, settings: &Settings) -> Option<String> {
    match line.split_once(" = ").map(|(key, _)| key) {
        Some("version") => Some(format!("version = {}", settings.version)),
        Some("interval") if settings.interval.subsec_millis() == 0 => {
            Some(format!("interval = \"{}s\"", settings.interval.as_secs()))
        }
        Some("interval") => Some(format!("interval = \"{}ms\"", settings.interval.as_millis())),
        Some("auth_pass") => match (settings.version, &settings.password) {
            (2, Some(password)) => Some(format!("auth_pass = \"{password}\"")),
            _ => None,
        },
        Some("track_scripts") if !settings.track_nginx => None,
        _ => Some(line.to_owned()),
    }
}

/// `vrrp-agent run` with a TOML configuration.
pub fn daemon(binary: &Path, paths: &AgentPaths, netns: &NetNs, text: &str) -> Result<Command> {
    let config = paths.dir.join("agent.toml");
    let cgroup = paths.cgroup.as_deref().map_or_else(|| "/".into(), Path::to_string_lossy);
    let text = text
        .replace("/run/vrrp-agent", &paths.dir.to_string_lossy())
        .replace("unit = \"nginx.service\"", &format!("cgroup = \"{cgroup}\""))
        .replace("/etc/vrrp-agent", &paths.dir.to_string_lossy())
        .replace("/sys/fs/bpf/vrrp-agent", &paths.bpf_dir.to_string_lossy());
    write(&config, &text)?;
    let mut command = netns.command(&binary.to_string_lossy())?;
    command.args(["run", "--config"]).arg(config);
    Ok(command)
}

/// `vrrp-agent run` with a keepalived.conf.
pub fn daemon_with_keepalived_conf(
    binary: &Path,
    paths: &AgentPaths,
    netns: &NetNs,
    config: &Path,
) -> Result<Command> {
    let mut command = netns.command(&binary.to_string_lossy())?;
    command.args(["run", "--config"]).arg(config);
    command.arg("--api-socket").arg(&paths.api_socket).arg("--bpf-dir").arg(&paths.bpf_dir);
    Ok(command)
}

/// The parts of `vrrp-agent status --json` that the lab reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStatus {
    pub node: String,
    pub routers: Vec<RouterStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterStatus {
    pub name: String,
    pub vrid: u8,
    /// `master`, `backup`, `fault` or `init`.
    pub role: String,
    pub priority: u8,
}

impl AgentStatus {
    /// Queries the agent behind `socket`.
    pub fn ask(binary: &Path, socket: &Path) -> Result<Self> {
        let text = output(Command::new(binary).args(["status", "--json", "--socket"]).arg(socket))?;
        serde_json::from_str(&text).with_context(|| format!("reading the agent's status: {text}"))
    }

    /// The role for `vip`, if the agent runs that virtual router.
    pub fn role(&self, vip: Vip) -> Option<&str> {
        self.routers
            .iter()
            .find(|router| router.vrid == vip.vrid())
            .map(|router| router.role.as_str())
    }
}

/// The samples of a Prometheus text.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Metrics {
    /// Reads the exposition format; lines that are no samples are skipped.
    pub fn parse(text: &str) -> Self {
        Self { samples: text.lines().filter_map(parse_sample).collect() }
    }

    /// Sum of the samples of `name` that have all of `labels`.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let bears = |have: &BTreeMap<String, String>| {
            labels.iter().all(|(key, value)| have.get(*key).is_some_and(|have| have == value))
        };
        self.samples
            .iter()
            .filter(|(n, have, _)| n == name && bears(have))
            .map(|(_, _, value)| value)
            .sum()
    }

    /// Sums of the samples of `name`, for each value of `label`.
    pub fn by_label(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for (_, labels, value) in self.samples.iter().filter(|(n, _, _)| n == name) {
            if let Some(key) = labels.get(label) {
                *sums.entry(key.clone()).or_default() += value;
            }
        }
        sums
    }
}

/// `name{key="value",...} 12`. The lab's label values hold no escapes and no commas.
fn parse_sample(line: &str) -> Option<(String, BTreeMap<String, String>, f64)> {
    if line.starts_with('#') {
        return None;
    }
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    let labels = labels
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned()))
        .collect();
    Some((name.to_owned(), labels, value.parse().ok()?))
}

#[cfg(test)]
mod tests;
