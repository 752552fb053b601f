//! Three namespaces in a row, to measure what one machine does with a packet: no bridge, no other
//! traffic.
//!
//! ```text
//! client eth1 ---- eth1 node1 eth2 ---- eth1 node2
//! ```
//!
//! A frame that leaves a veth by XDP_TX or redirect is lost unless the peer has a NAPI context: GRO
//! gives it one.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::agent::mount_bpf;
use crate::names::{BACK_IF, FRONT_IF, Host, Mac};
use crate::netns::NetNs;
use crate::process::run;
use crate::rundir::{self, RunDir};
use crate::topology::{ethtool, make_namespace};

/// One end of a link.
#[derive(Debug, Clone, Copy)]
pub struct End {
    pub ifindex: u32,
    pub mac: [u8; 6],
    /// In a network of 256.
    pub address: Ipv4Addr,
}

/// Both links, from the client on.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub client: End,
    pub front: End,
    pub back: End,
    pub backend: End,
}

/// The three hosts. Dropping the value removes them.
#[derive(Debug)]
pub struct Line {
    run: RunDir,
    down: bool,
}

impl Line {
    pub fn up(about: &str, plan: &Plan) -> Result<Self> {
        let this = Self { run: RunDir::create(about)?, down: false };
        mount_bpf(&this.bpf_dir())?;
        let [client, node1, node2] =
            [Host::Client, Host::Node1, Host::Node2].map(|host| this.host(host));
        for netns in [&client, &node1, &node2] {
            make_namespace(netns, false)?;
        }
        cable((&client, FRONT_IF, plan.client), (&node1, FRONT_IF, plan.front))?;
        cable((&node1, BACK_IF, plan.back), (&node2, FRONT_IF, plan.backend))?;
        Ok(this)
    }

    pub fn host(&self, host: Host) -> NetNs {
        rundir::namespace(self.run.id(), host.name())
    }

    /// A BPF file system for this line alone.
    pub fn bpf_dir(&self) -> PathBuf {
        self.run.path().join("bpf")
    }

    /// Removes the line and reports what could not be removed.
    pub fn down(mut self) -> Result<()> {
        self.down = true;
        rundir::remove(self.run.id())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.down
            && let Err(e) = rundir::remove(self.run.id())
        {
            eprintln!("removing {}: {e:#}", self.run.id());
        }
    }
}

fn cable(one: (&NetNs, &str, End), other: (&NetNs, &str, End)) -> Result<()> {
    let describe = |(netns, name, end): (&NetNs, &str, End)| {
        let (mac, index) = (Mac(end.mac).to_string(), end.ifindex.to_string());
        ["name", name, "address", &mac, "index", &index, "netns", netns.name()].map(str::to_owned)
    };
    // A queue for each CPU: frames that two CPUs send are received on two CPUs.
    let cpus = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let queues = ["numtxqueues", &cpus, "numrxqueues", &cpus];
    let mut add = Command::new("ip");
    add.args(["link", "add"])
        .args(describe(one))
        .args(queues)
        .args(["type", "veth", "peer"])
        .args(describe(other))
        .args(queues);
    run(&mut add)?;
    for (netns, name, end) in [one, other] {
        ethtool(netns, name, &["tx", "off"])?;
        ethtool(netns, name, &["gro", "on"])?;
        netns.ip(&[
            format!("addr add {}/24 brd + dev {name}", end.address),
            format!("link set {name} up"),
        ])?;
    }
    Ok(())
}
