//! `check --host`: whether this host has what a configuration asks for.
//!
//! [`read`] looks at the host and changes nothing; what to say of it is decided in [`findings`],
//! which is pure.

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
use crate::realtime;
use crate::scripts;
use vrrp_model::Degraded;
use vrrp_model::host::HostView;
use vrrp_model::{Config, XdpUse};
use vrrp_steering::desired::{self, nat_sides};

pub use findings::findings;
use programs::Trial;

const AS_STARTED: &str =
    "what counts is what the agent is started with: check as its user, or as root";

/// What [`findings`] goes by.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub network: Arc<HostView>,
    /// Effective capabilities of this process, a bit each; `None` where /proc does not tell.
    pub capabilities: Option<u64>,
    /// Of each script, why it could not be started.
    pub scripts: Vec<Option<String>>,
    /// The directory for pins, or the nearest one above it that exists, is on a bpffs.
    pub bpffs: bool,
    /// Why the metrics address cannot be listened on.
    pub metrics: Option<String>,
    /// Process ids of running keepalived daemons.
    pub keepalived: Vec<u32>,
    /// What the election thread would be refused.
    pub thread: Vec<Degraded>,
    /// Settings of the kernel that are not as NAT needs them.
    pub forwarding: Vec<Lack>,
    /// Interfaces that take VLAN tags off frames, and whose driver does not let that be turned off.
    pub hidden_tags: Vec<String>,
    /// Of each upstream, why its connections could not be steered.
    pub upstreams: Vec<Option<String>>,
    /// Of each object that is needed, whether the kernel loads it.
    pub programs: Vec<Trial>,
    /// An agent answers on the API socket: its addresses and ports are taken for good reason.
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

/// Looks at what `config` needs besides the network. The metrics port is bound for an instant and
/// let go, a thread of this process has the election thread's scheduling for as long, and the
/// kernel programs are loaded for a moment.
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
            .map(|script| scripts::inspect(script).err().map(|why| why.to_string()))
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

/// What cannot be read is left out: it is told when the agent attaches.
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

/// The network with the routes that `config` needs; without them where the kernel does not tell.
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
    // Where the namespace cannot be read it counts as ours.
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
