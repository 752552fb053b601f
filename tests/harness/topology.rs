//! The wiring: two bridges and a namespace for each host.
//!
//! ```text
//!   client .10    dns .53      node1 .205     node2 .206          192.168.1.0/24, eth1
//!      |            |            |   |          |   |
//!   ---+----- front (bridge) ----+---|----------+---|---
//!                                    |              |
//!   --------- back (bridge) ---------+------+-------+---          10.0.0.0/24, eth2
//!               |        |        |         |
//!             php1 .22  php2 .23  php3 .24  cache .25
//! ```
//!
//! Each bridge lives in a namespace of the lab; its ports bear the hosts' names. Whatever leaves a
//! host can be captured and attributed there, and a host's cable is pulled by setting its port
//! down.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::names::{BACK_IF, FRONT_IF, Host, Mac, Node, segment_address, segment_interface};
use crate::netns::NetNs;
use crate::process::{output, run};
use crate::rundir::{BACK_SWITCH, FRONT_SWITCH, namespace};
use crate::xdp;

/// The bridge of every network except the further segments of a pair.
const BRIDGE: &str = "br0";

/// The namespaces of one lab.
#[derive(Debug, Clone)]
pub struct Topology {
    id: String,
}

impl Topology {
    /// The topology of lab `id`, whether it has been built or not.
    pub fn of(id: &str) -> Self {
        Self { id: id.to_owned() }
    }

    pub fn host(&self, host: Host) -> NetNs {
        namespace(&self.id, host.name())
    }

    /// The namespace of the front bridge: captures and link failures happen there.
    pub fn front_switch(&self) -> NetNs {
        namespace(&self.id, FRONT_SWITCH)
    }

    fn back_switch(&self) -> NetNs {
        namespace(&self.id, BACK_SWITCH)
    }

    /// Creates namespaces, bridges, links and addresses.
    pub fn build(&self) -> Result<()> {
        for switch in [self.front_switch(), self.back_switch()] {
            make_switch(&switch)?;
        }
        for host in Host::ALL {
            let netns = self.host(host);
            make_namespace(&netns, false)?;
            if let Some(address) = host.front() {
                connect(&self.front_switch(), &netns, host, FRONT_IF, address)?;
            }
            if let Some(address) = host.back() {
                connect(&self.back_switch(), &netns, host, BACK_IF, address)?;
            }
        }
        Ok(())
    }

    /// Connects `host` to the front network, to which it does not belong by default.
    pub fn connect_front(&self, host: Host, address: Ipv4Addr) -> Result<()> {
        connect(&self.front_switch(), &self.host(host), host, FRONT_IF, address)
    }

    /// One more link between `host` and the front network, down and without an address: a slave of
    /// a bond.
    pub fn spare_cable(&self, host: Host, interface: &str, port: &str, mac: Mac) -> Result<()> {
        plug(&self.front_switch(), BRIDGE, port, &self.host(host), interface, mac)
    }

    /// Creates only two nodes and a client on the front network, with IPv4 and IPv6.
    pub fn build_duel(&self) -> Result<()> {
        make_switch(&self.front_switch())?;
        for host in [Host::Client, Host::Node1, Host::Node2] {
            let netns = self.host(host);
            make_namespace(&netns, true)?;
            let address =
                host.front().with_context(|| format!("{host} is not on the front network"))?;
            connect(&self.front_switch(), &netns, host, FRONT_IF, address)?;
            let [.., last] = address.octets();
            netns.ip(&[format!("addr add 2001:db8::{last}/64 dev {FRONT_IF} nodad")])?;
        }
        Ok(())
    }

    /// Creates two nodes on `segments` networks, and a client on the first one, the front network.
    pub fn build_pair(&self, segments: u8) -> Result<()> {
        self.build_duel()?;
        let switch = self.front_switch();
        for segment in 0..segments {
            let bridge = if segment == 0 { BRIDGE.to_owned() } else { format!("br{segment}") };
            if segment > 0 {
                make_bridge(&switch, &bridge)?;
            }
            let hosts = [Host::Node1, Host::Node2]
                .into_iter()
                .chain((segment == 0).then_some(Host::Client));
            for host in hosts {
                let (netns, interface, address) =
                    (self.host(host), segment_interface(segment), segment_address(host, segment));
                if segment > 0 {
                    plug(
                        &switch,
                        &bridge,
                        &segment_port(host, segment),
                        &netns,
                        &interface,
                        Mac::of(address),
                    )?;
                }
                netns.ip(&[
                    format!("addr add {address}/16 brd + dev {interface}"),
                    format!("link set {interface} up"),
                ])?;
            }
        }
        Ok(())
    }

    /// Sets the links of `host` to all segments up or down with one command, as simultaneously as
    /// possible.
    pub fn set_segments(&self, host: Host, segments: u8, up: bool) -> Result<()> {
        let state = if up { "up" } else { "down" };
        let ports: Vec<String> = (0..segments).map(|segment| segment_port(host, segment)).collect();
        // One request sets all links of a group.
        let switch = self.front_switch();
        match ports.as_slice() {
            [port] => switch.ip(&[format!("link set {port} {state}")]),
            ports => {
                switch.ip(&ports
                    .iter()
                    .map(|port| format!("link set {port} group {CUT}"))
                    .collect::<Vec<_>>())?;
                switch.ip(&[format!("link set group {CUT} {state}")])
            }
        }
    }

    /// Makes frames that the nodes' XDP programs transmit leave at once; `bpf_dir` is a BPF file
    /// system of the lab.
    ///
    /// A veth passes frames of XDP_TX to its peer, but wakes the peer only if it has an XDP program
    /// too. Without one they stay queued until the node sends something else (seen: 210 ms). GRO is
    /// not enough for that.
    pub fn wake_switch(&self, bpf_dir: &Path) -> Result<()> {
        let program = xdp::pin_pass(bpf_dir)?;
        let switch = self.front_switch();
        Node::BOTH
            .into_iter()
            .try_for_each(|node| xdp::attach(&switch, node.host().name(), &program))
    }

    /// Sets the front link of `host` up or down: its interface gains or loses its carrier.
    pub fn set_front_link(&self, host: Host, up: bool) -> Result<()> {
        let state = if up { "up" } else { "down" };
        self.front_switch().ip(&[format!("link set {host} {state}")])
    }

    /// Silences (`silent` true) the front port of `host`: its interface keeps its carrier, its
    /// frames are dropped.
    pub fn set_front_silence(&self, host: Host, silent: bool) -> Result<()> {
        let state = if silent { "disabled" } else { "forwarding" };
        run(Command::new("bridge").args([
            "-n",
            self.front_switch().name(),
            "link",
            "set",
            "dev",
            host.name(),
            "state",
            state,
        ]))
    }

    /// Drops (`parted` true) all frames between the two nodes on the front network; each still
    /// reaches all other hosts.
    pub fn part_nodes(&self, parted: bool) -> Result<()> {
        let isolated = if parted { "on" } else { "off" };
        let link =
            |node: Node| format!("link set dev {node} type bridge_slave isolated {isolated}");
        self.front_switch().ip(&Node::BOTH.map(link))
    }

    /// Frames for `host` that were dropped on the last link because its queue was full.
    pub fn front_drops(&self, host: Host) -> Result<u64> {
        let switch = self.front_switch();
        let text = output(Command::new("ip").args([
            "-n",
            switch.name(),
            "-s",
            "-j",
            "link",
            "show",
            "dev",
            host.name(),
        ]))?;
        let links: serde_json::Value =
            serde_json::from_str(&text).context("reading the switch's counters")?;
        links[0]["stats64"]["tx"]["dropped"]
            .as_u64()
            .with_context(|| format!("the switch has no drop counter for {host}"))
    }
}

/// The link group of links that are set together.
const CUT: u32 = 7;

/// The port of `host` on the switch of a segment.
pub fn segment_port(host: Host, segment: u8) -> String {
    if segment == 0 { host.name().to_owned() } else { format!("{host}-{segment}") }
}

fn make_switch(switch: &NetNs) -> Result<()> {
    make_namespace(switch, false)?;
    make_bridge(switch, BRIDGE)
}

fn make_bridge(switch: &NetNs, bridge: &str) -> Result<()> {
    switch.ip(&[
        format!("link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"),
        format!("link set {bridge} up"),
    ])
}

/// Enables IPv6 in a namespace and gives its interfaces these addresses (/64), without duplicate
/// address detection.
pub fn enable_ipv6(netns: &NetNs, front: Option<Ipv6Addr>, back: Option<Ipv6Addr>) -> Result<()> {
    netns.run(|| {
        for name in ["all", "default", "lo", FRONT_IF, BACK_IF] {
            let path = |key: &str| format!("/proc/sys/net/ipv6/conf/{name}/{key}");
            if Path::new(&path("accept_dad")).exists() {
                std::fs::write(path("accept_dad"), "0")?;
                std::fs::write(path("disable_ipv6"), "0")?;
            }
        }
        Ok(())
    })?;
    let front = front.map(|address| format!("addr add {address}/64 dev {FRONT_IF} nodad"));
    let back = back.map(|address| format!("addr add {address}/64 dev {BACK_IF} nodad"));
    netns.ip(&front.into_iter().chain(back).collect::<Vec<_>>())
}

/// With IPv6 there is no duplicate address detection: it would delay the link-local addresses by a
/// second.
pub(crate) fn make_namespace(netns: &NetNs, ipv6: bool) -> Result<()> {
    netns.create()?;
    let off = if ipv6 { "0" } else { "1" };
    netns.run(move || {
        for (key, value) in [
            ("ipv6/conf/all/disable_ipv6", off),
            ("ipv6/conf/default/disable_ipv6", off),
            ("ipv6/conf/default/accept_dad", "0"),
            ("ipv6/conf/default/accept_ra", "0"),
            ("ipv4/ip_forward", "0"),
            ("ipv4/conf/all/rp_filter", "0"),
            ("ipv4/conf/default/rp_filter", "0"),
        ] {
            let path = format!("/proc/sys/net/{key}");
            // A kernel without IPv6 has no such sysctl and needs none.
            if Path::new(&path).exists() {
                std::fs::write(&path, value)
                    .with_context(|| format!("setting {key} to {value}"))?;
            }
        }
        Ok(())
    })?;
    netns.ip(&["link set lo up".to_owned()])
}

/// A cable between a switch and a host, with the host's address.
fn connect(
    switch: &NetNs,
    netns: &NetNs,
    host: Host,
    interface: &str,
    address: Ipv4Addr,
) -> Result<()> {
    plug(switch, BRIDGE, host.name(), netns, interface, Mac::of(address))?;
    netns.ip(&[
        format!("addr add {address}/24 brd + dev {interface}"),
        format!("link set {interface} up"),
    ])
}

/// A cable between a port of a bridge and an interface of a host.
fn plug(
    switch: &NetNs,
    bridge: &str,
    port: &str,
    netns: &NetNs,
    interface: &str,
    mac: Mac,
) -> Result<()> {
    run(Command::new("ip").args(["link", "add", interface, "address", &mac.to_string()]).args([
        "netns",
        netns.name(),
        "type",
        "veth",
        "peer",
        "name",
        port,
        "netns",
        switch.name(),
    ]))?;
    switch.ip(&[format!("link set {port} master {bridge} up")])?;
    // No checksum offload: frames have the checksums that a real network card would send, for XDP
    // and for captures. GRO of the switch would leave checksums unfinished, so its ports must not
    // offload either.
    ethtool(netns, interface, &["tx", "off"])?;
    ethtool(switch, port, &["tx", "off"])?;
    // GRO gives both ends of the pair a NAPI context: without one at the peer, redirected frames
    // vanish on a veth.
    ethtool(netns, interface, &["gro", "on"])?;
    ethtool(switch, port, &["gro", "on"])
}

pub(crate) fn ethtool(netns: &NetNs, interface: &str, features: &[&str]) -> Result<()> {
    run(netns.command("ethtool")?.args(["-K", interface]).args(features))
}
