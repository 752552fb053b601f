//! The settings of a pair, in each program's language.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use crate::names::Node;
use crate::names::segment_interface;

/// The router program of both nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Agent,
    /// Debian's keepalived.
    Keepalived,
}

impl Program {
    pub const BOTH: [Self; 2] = [Self::Agent, Self::Keepalived];

    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "vrrp-agent",
            Self::Keepalived => "keepalived",
        }
    }
}

/// Whether the programs run under real-time scheduling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduling {
    /// The default of each: our agent requests it, keepalived does not.
    AsInstalled,
    /// keepalived requests it (`vrrp_rt_priority`).
    Asked,
    /// Not permitted: without CAP_SYS_NICE.
    Refused,
}

/// Two nodes with the same program and the same virtual routers; node 1 has the higher priority for
/// all of them.
#[derive(Debug, Clone)]
pub struct Plan {
    pub program: Program,
    pub interval: Duration,
    /// Number of virtual routers, spread evenly over the segments.
    pub routers: u16,
    /// Networks with both nodes, each with an interface of its own.
    pub segments: u8,
    pub scheduling: Scheduling,
    /// Our agent's `accept_always`.
    pub accept_always: bool,
    /// The `vrrp-agent` binary.
    pub agent: PathBuf,
}

/// One virtual router: VRIDs start again at 1 on each segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Router {
    segment: u8,
    vrid: u8,
}

impl Router {
    fn vip(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 100 + self.segment, 1, self.vrid)
    }
}

impl Plan {
    /// The virtual router with the first virtual address.
    pub const VRID: u8 = 1;

    /// One virtual router.
    pub fn single(program: Program, interval: Duration, agent: PathBuf) -> Self {
        Self {
            program,
            interval,
            routers: 1,
            segments: 1,
            scheduling: Scheduling::AsInstalled,
            accept_always: false,
            agent,
        }
    }

    /// The name of the first virtual router in our agent's file.
    pub const NAME: &str = "VI_0_1";

    /// The virtual address of the first virtual router.
    pub fn vip(&self) -> Ipv4Addr {
        Router { segment: 0, vrid: Self::VRID }.vip()
    }

    /// How long a backup of node 2's priority waits for its master (RFC 9568 6.1).
    pub fn master_down_interval(&self) -> Duration {
        self.interval * 3 + self.interval * (256 - u32::from(priority(Node::Node2))) / 256
    }

    fn all(&self) -> impl Iterator<Item = Router> {
        let segments = u16::from(self.segments);
        (0..self.routers)
            .map(move |n| Router { segment: (n % segments) as u8, vrid: (n / segments + 1) as u8 })
    }

    /// Our agent's file with the example's paths.
    pub fn agent_toml(&self, node: Node) -> String {
        let mut text = format!(
            "node = \"{node}\"\napi_socket = \"/run/vrrp-agent/api.sock\"\nbpf_dir = \"/sys/fs/bpf/vrrp-agent\"\n\
             metrics = \"127.0.0.1:9165\"\n"
        );
        for router in self.all() {
            let accept = if self.accept_always { "accept_always = true\n" } else { "" };
            text.push_str(&format!(
                "\n[[virtual_router]]\n{accept}name = \"VI_{}_{}\"\ninterface = \"{}\"\nvrid = {}\nversion = 3\npriority = {}\n\
                 interval = \"{}ms\"\naddresses = [\"{}\"]\n",
                router.segment,
                router.vrid,
                segment_interface(router.segment),
                router.vrid,
                priority(node),
                self.interval.as_millis(),
                router.vip()
            ));
        }
        text
    }

    /// keepalived.conf.
    pub fn keepalived_conf(&self, node: Node) -> String {
        let realtime = if self.scheduling == Scheduling::Asked {
            "    vrrp_rt_priority 50\n    vrrp_no_swap\n"
        } else {
            ""
        };
        let mut text = format!("global_defs {{\n    router_id {node}\n{realtime}}}\n");
        for router in self.all() {
            text.push_str(&format!(
                "\nvrrp_instance VI_{}_{} {{\n    state BACKUP\n    interface {}\n    version 3\n    virtual_router_id {}\n    \
                 priority {}\n    advert_int {}\n    virtual_ipaddress {{\n        {}/32\n    }}\n}}\n",
                router.segment,
                router.vrid,
                segment_interface(router.segment),
                router.vrid,
                priority(node),
                self.interval.as_secs_f64(),
                router.vip()
            ));
        }
        text
    }
}

/// As in the dual-master example.
fn priority(node: Node) -> u8 {
    match node {
        Node::Node1 => 100,
        Node::Node2 => 99,
    }
}

#[cfg(test)]
mod tests;
