//! What the agent is asked to do, whatever file it was written in.
//!
//! keepalived.conf and our TOML both become these types (`vrrp_config`); nothing here knows a
//! file, a line or a keyword. Everything is checked by the time it exists: references resolve by
//! index, numbers are in range, names are unique.

mod check;
mod choice;
mod election_thread;
mod fit;
pub mod histogram;
mod hmac;
pub mod host;
mod index;
mod notify;
mod route;
mod service;
pub mod suggest;
mod text;
pub mod time;
mod upstream;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use check::{
    BodyRegex, Check, CheckKind, CheckType, DnsCheck, DnsRecord, HexBytes, HttpCheck, HttpRequest,
    HttpVersion, ScriptCheck, Sni, UdpCheck, UdpReply,
};
use choice::choice;
pub use election_thread::{Degraded, ElectionThread, Missing};
pub use hmac::{Hmac, HmacError, HmacKey, HmacMode};
pub use index::RouterIdx;
pub use notify::{Action, Command, Fifo, Mail, Notify, NotifyEvent, Run, Subject};
pub use route::{RouteKind, RouteScope, Routing, VirtualRoute, VirtualRule};
pub use service::{
    Backend, Forward, Fragments, Guard, Persistence, Protocol, Rate, Service, Tunnel,
};
pub use upstream::{Balance, Cgroup, Upstream, UpstreamBackend};

/// Where nothing else is configured.
impl Config {
    pub const METRICS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9165);
    pub const API_SOCKET: &str = "/run/vrrp-agent/api.sock";
    pub const BPF_DIR: &str = "/sys/fs/bpf/vrrp-agent";
}

/// The whole configuration of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Name of this node in logs, status and metrics (`router_id`); the host name when not
    /// configured.
    pub node: String,
    /// Where `/metrics` listens; `None` turns it off.
    pub metrics: Option<SocketAddr>,
    /// Whether rings are compared with those of the other nodes.
    pub compare_rings: bool,
    /// The control API's unix socket.
    pub api_socket: PathBuf,
    /// Directory on a bpffs under which maps and links are pinned.
    pub bpf_dir: PathBuf,
    /// Whether to attach the XDP program at all.
    pub xdp: XdpUse,
    /// Whether adverts of VRIDs that are not configured here pass, because another VRRP daemon runs
    /// on the same interfaces.
    pub pass_foreign_vrids: bool,
    /// Whether packets from the side of NAT backends are forwarded though they belong to no
    /// service.
    pub nat_forward_other: bool,
    /// Wait this long after start before any election begins.
    pub startup_delay: Duration,
    /// Whether a stopping agent releases its masterships; else they stay for the agent that starts
    /// next.
    pub release_on_exit: bool,
    pub election: ElectionThread,
    pub routers: Vec<Router>,
    /// Routers that are masters together or not at all (`vrrp_sync_group`).
    pub groups: Vec<SyncGroup>,
    pub scripts: Vec<Script>,
    /// There while the agent runs.
    pub routing: Routing,
    /// In the order in which they are run.
    pub notify: Vec<Notify>,
    pub fifos: Vec<Fifo>,
    /// Never `None` where a [`Notify`] sends mail.
    pub mail: Option<Mail>,
    pub services: Vec<Service>,
    pub tunnel: Tunnel,
    pub upstreams: Vec<Upstream>,
}

impl Config {
    /// Takes scripts out, by their indices, and out of what tracks them.
    pub fn remove_scripts(&mut self, gone: &[usize]) {
        let before = |script: usize| gone.iter().filter(|&&index| index < script).count();
        for router in &mut self.routers {
            router.track_scripts.retain(|tracked| !gone.contains(&tracked.script));
            router
                .track_scripts
                .iter_mut()
                .for_each(|tracked| tracked.script -= before(tracked.script));
        }
        let mut index = 0..;
        self.scripts.retain(|_| index.next().is_none_or(|index| !gone.contains(&index)));
    }
}

choice! {
    /// Which XDP attach modes the agent may use on an interface.
    #[derive(Default)]
    pub enum XdpUse {
        /// Driver mode, then generic mode, then none: the first that attaches.
        #[default]
        Auto = "auto",
        /// Generic (skb) mode only.
        Generic = "generic",
        /// No XDP: election and addresses work through the sockets alone.
        Off = "off",
    }
}

/// One virtual router: an election for a set of virtual addresses on an interface (RFC 9568 section
/// 1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Router {
    /// Instance name, as users know it (`VI_1`).
    pub name: String,
    pub interface: String,
    /// 1..=255.
    pub vrid: u8,
    pub version: Version,
    /// 1..=255; 255 means address owner.
    pub priority: u8,
    /// Advertisement interval: whole seconds 1..=255 for v2, multiples of 10 ms up to 40.95 s for
    /// v3.
    pub interval: Duration,
    pub preempt: bool,
    /// Wait this long, hearing a lower-priority master, before preempting it.
    pub preempt_delay: Duration,
    pub auth: Auth,
    /// v3 over IPv4 only: which checksum form is sent. Both are accepted.
    pub checksum: ChecksumForm,
    /// Authentication of adverts between our own nodes; `None`: none.
    pub hmac: Option<Hmac>,
    /// Source address of adverts; when `None` the interface's primary IPv4 address, or its
    /// link-local IPv6 one.
    pub source: Option<IpAddr>,
    pub delivery: Delivery,
    /// Allowed sources of adverts; empty: any. Where delivery is unicast also who adverts go to,
    /// and never empty.
    pub peers: Vec<Peer>,
    /// Whether frames carry the virtual router's MAC address (RFC 9568 section 7.3) instead of the
    /// interface's.
    pub virtual_mac: bool,
    /// Whether the stack accepts packets for the addresses though another node is master: a
    /// takeover installs nothing first.
    pub accept_always: bool,
    /// Advertised virtual addresses, in file order, all of one family. At least one.
    pub addresses: Vec<VirtualAddress>,
    /// Installed with the others but not advertised (`virtual_ipaddress_excluded`).
    pub excluded_addresses: Vec<VirtualAddress>,
    pub announce: Announce,
    pub track_scripts: Vec<TrackScript>,
    pub track_interfaces: Vec<TrackInterface>,
    /// Whether it is a fault if the link of `interface` goes down.
    pub track_own_interface: bool,
    /// There while this node is master.
    pub routing: Routing,
}

impl Router {
    /// That of its first address.
    pub fn family(&self) -> Family {
        self.addresses.first().map_or(Family::V4, |first| Family::of(first.address))
    }

    /// Whether it is the same virtual router (RFC 9568 section 1.4), whatever else differs.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.vrid, self.family(), &self.interface)
            == (other.vrid, other.family(), &other.interface)
    }

    /// Advertised and excluded ones.
    pub fn all_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses
            .iter()
            .chain(&self.excluded_addresses)
            .map(|virtual_address| virtual_address.address)
    }
}

/// The IP version of an address. All advertised addresses of a virtual router are of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// Where adverts are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// To a group: 224.0.0.18 or ff02::12 unless configured.
    Multicast(IpAddr),
    /// To each peer.
    Unicast,
}

/// Another router of the same virtual router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub address: IpAddr,
    /// Range of TTL or hop limit its adverts may arrive with besides 255.
    pub min_ttl: u8,
    pub max_ttl: u8,
}

/// Virtual routers that are masters together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroup {
    pub name: String,
    /// Indices into [`Config::routers`].
    pub members: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    V2,
    V3,
}

/// VRRPv2 authentication (RFC 2338 section 5.3.6).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    None,
    /// Eight bytes, zero padded, in clear on the wire.
    Pass([u8; 8]),
}

impl fmt::Debug for Auth {
    /// Never prints the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Auth::None => "None",
            Auth::Pass(_) => "Pass([REDACTED])",
        })
    }
}

/// Where nothing else is configured.
impl Router {
    /// RFC 9568 section 6.1.
    pub const PRIORITY: u8 = 100;
    /// RFC 9568 section 6.1.
    pub const INTERVAL: Duration = Duration::from_secs(1);
}

/// Where nothing else is configured.
impl Script {
    pub const INTERVAL: Duration = Duration::from_secs(1);
}

choice! {
    /// What the v3 IPv4 checksum covers (RFC 5798 section 5.2.8 against RFC 9568 section 5.2.8).
    #[derive(Default)]
    pub enum ChecksumForm {
        /// With the IPv4 pseudo-header: what keepalived and FRR send and insist on.
        #[default]
        PseudoHeader = "pseudo-header",
        /// The VRRP message only (RFC 9568).
        MessageOnly = "message-only",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualAddress {
    pub address: IpAddr,
    /// 0..=32, or 0..=128 for IPv6; the longest when not written.
    pub prefix_len: u8,
    /// Interface it is installed on; the router's own when `None`.
    pub device: Option<String>,
    /// Interface label (`eth1:0`), at most 15 bytes; IPv4 only.
    pub label: Option<String>,
}

/// Gratuitous ARP after a takeover; for IPv6, unsolicited neighbour advertisements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announce {
    /// Frames per address in a burst: after a takeover, and again after `delay`.
    pub repeat: u32,
    /// Pause between the frames of a burst for one address; zero: all at once.
    pub interval: Duration,
    /// Pause before the second burst; zero: no second burst.
    pub delay: Duration,
    /// While master, announce again this often; zero: never.
    pub refresh: Duration,
    pub refresh_repeat: u32,
}

impl Default for Announce {
    /// As keepalived's, but paced and refreshed: one lost burst must not leave a client with a
    /// stale address for long.
    fn default() -> Self {
        Self {
            repeat: 5,
            interval: Duration::from_millis(10),
            delay: Duration::from_secs(5),
            refresh: Duration::from_secs(60),
            refresh_repeat: 1,
        }
    }
}

/// What a tracked script or interface does to a router.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// -253..=253. Zero: failure means fault. Positive: added to the priority while it is well.
    /// Negative: added while it fails.
    pub value: i16,
    /// Failure counts as well, and well as failure (`weight N reverse`).
    pub reverse: bool,
}

impl Weight {
    /// Not reversed.
    pub const fn new(value: i16) -> Self {
        Self { value, reverse: false }
    }
}

/// A script that a router's priority depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackScript {
    /// Index into [`Config::scripts`].
    pub script: usize,
    pub weight: Weight,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackInterface {
    pub interface: String,
    pub weight: Weight,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub name: String,
    pub command: Command,
    pub interval: Duration,
    /// After this the run counts as failed and is killed.
    pub timeout: Duration,
    /// Consecutive successes that make it good.
    pub rise: u32,
    /// Consecutive failures that make it bad.
    pub fall: u32,
    /// Whether it counts as failed until its first result; otherwise the first result decides.
    pub init_fail: bool,
    /// What is tried before a failure counts.
    pub recover: Option<Recover>,
}

/// A command that may make a script succeed again, such as the start of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recover {
    pub command: Command,
    /// Failures in a row that are answered by the command; further ones count. At least 1.
    pub attempts: u32,
    /// After this the command is killed.
    pub timeout: Duration,
}

/// Where nothing else is configured.
impl Recover {
    pub const ATTEMPTS: u32 = 1;
    pub const TIMEOUT: Duration = Duration::from_secs(30);
}
