//! `check --host`: whether this host has everything that a configuration needs.
//!
//! [`read`] inspects the host and changes nothing; [`findings`], which is pure, evaluates the
//! facts.

mod findings;
pub mod programs;

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use crate::net::NetlinkError;
use crate::net::ethtool::Ethtool;
use crate::net::nat_sysctls::{Lack, lacking};
use crate::net::sysctl::Sysctl;
use crate::net::watch::Watcher;
use crate::plane::sockets::Cgroup;
use crate::process;
use crate::realtime;
use vrrp_model::Degraded;
use vrrp_model::host::HostView;
use vrrp_model::{Config, XdpUse};
use vrrp_steering::desired::{self, nat_sides};

pub use findings::findings;
use programs::Trial;

const AS_STARTED: &str =
    "the agent's own user and privileges count: run the check as that user, or as root";

/// Facts about the host.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub network: Arc<HostView>,
    /// Effective capabilities of this process, a bit each; `None` if /proc cannot be read.
    pub capabilities: Option<u64>,
    /// For each script, why it could not be started.
    pub scripts: Vec<Option<String>>,
    /// Whether the directory for pins, or its nearest existing parent, is on a bpffs.
    pub bpffs: bool,
    /// Why the agent could not listen on the metrics address.
    pub metrics: Option<String>,
    /// Process ids of running keepalived daemons.
    pub keepalived: Vec<u32>,
    /// Privileges that the election thread would be refused.
    pub thread: Vec<Degraded>,
    /// Sysctls whose values do not suit NAT.
    pub forwarding: Vec<Lack>,
    /// Interfaces that remove VLAN tags from frames and whose driver does not let that be turned
    /// off.
    pub hidden_tags: Vec<String>,
    /// For each upstream, why its connections could not be steered.
    pub upstreams: Vec<Option<String>>,
    /// For each needed object, whether the kernel loads it.
    pub programs: Vec<Trial>,
    /// An agent answers on the API socket, so addresses and ports that are in use are expected.
    pub agent_runs: bool,
}

/// Links and addresses of this network namespace.
///
/// # Errors
/// The kernel does not answer.
pub async fn network() -> Result<Arc<HostView>, NetlinkError> {
    let (_watcher, view) = Watcher::start().await?;
    let view = view.borrow().clone();
    Ok(view)
}

/// Reads what `config` needs besides the network. It binds the metrics port for a moment, gives a
/// thread of this process the election thread's scheduling for a moment, and loads the kernel
/// programs for a moment.
pub fn read(config: &Config, network: &Arc<HostView>) -> Facts {
    let network = with_routes(config, network);
    let sides = nat_sides(config, &network);
    let link = |ifindex: &u32| network.links.get(ifindex);
    let sides =
        sides.iter().filter_map(|(ifindex, side)| Some((link(ifindex)?.name.as_str(), *side)));
    let forwarding = sides
        .flat_map(|(name, side)| lacking(&Sysctl::default(), name, side).unwrap_or_default())
        .collect();
    Facts {
        hidden_tags: hidden_tags(config),
        forwarding,
        network: Arc::clone(&network),
        scripts: config
            .scripts
            .iter()
            .map(|script| process::inspect(&script.command).err().map(|why| why.to_string()))
            .collect(),
        capabilities: fs::read_to_string("/proc/self/status")
            .ok()
            .and_then(|status| realtime::effective_capabilities(&status)),
        bpffs: on_bpffs(&config.bpf_dir),
        metrics: config.metrics.and_then(cannot_listen),
        keepalived: processes("keepalived"),
        thread: realtime::try_out(&config.election),
        upstreams: config
            .upstreams
            .iter()
            .map(|upstream| {
                Cgroup::find(&upstream.cgroup, None).err().map(|error| error.to_string())
            })
            .collect(),
        programs: programs::try_out(config),
        agent_runs: UnixStream::connect(&config.api_socket).is_ok(),
    }
}

/// An interface that cannot be read is left out: the agent reports it when it attaches.
fn hidden_tags(config: &Config) -> Vec<String> {
    let Ok(ethtool) = Ethtool::open() else {
        return Vec::new();
    };
    let hides =
        |interface: &&str| ethtool.tags(interface).is_ok_and(|tags| tags.on != tags.changeable);
    let interfaces: BTreeSet<&str> =
        config.routers.iter().map(|router| router.interface.as_str()).collect();
    interfaces
        .into_iter()
        .filter(|_| config.xdp != XdpUse::Off)
        .filter(hides)
        .map(str::to_owned)
        .collect()
}

/// The network with the routes that `config` needs; without routes if the kernel does not answer.
fn with_routes(config: &Config, network: &Arc<HostView>) -> Arc<HostView> {
    let destinations = desired::destinations(config, network);
    if destinations.is_empty() {
        return Arc::clone(network);
    }
    let look_up = async {
        let (mut watcher, view) = Watcher::start().await?;
        watcher.follow_routes_to(destinations).await?;
        let view = view.borrow().clone();
        Ok::<_, NetlinkError>(view)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .ok()
        .and_then(|runtime| runtime.block_on(look_up).ok())
        .unwrap_or_else(|| Arc::clone(network))
}

fn on_bpffs(path: &Path) -> bool {
    let found = path.ancestors().find(|path| path.exists());
    found
        .and_then(|path| statfs(path).ok())
        .is_some_and(|found| found.filesystem_type() == BPF_FS_MAGIC)
}

fn cannot_listen(address: SocketAddr) -> Option<String> {
    TcpListener::bind(address).err().map(|error| error.to_string())
}

/// Ids of the processes in this network namespace whose program has this name.
fn processes(name: &str) -> Vec<u32> {
    let namespace = |id: &str| fs::read_link(format!("/proc/{id}/ns/net")).ok();
    let own = namespace("self");
    // A namespace that cannot be read counts as ours.
    let here = |id: u32| namespace(&id.to_string()).is_none_or(|found| Some(found) == own);
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut found: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|id: &u32| {
            fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|comm| comm.trim_end() == name)
        })
        .filter(|id| here(*id))
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests;
