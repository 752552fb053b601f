//! Services: who serves a port of a virtual address, and who may ask.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use vrrp_common::wire::ipv4::{PROTO_TCP, PROTO_UDP};

use super::choice::choice;
use super::{Check, CheckType};

/// A port of a virtual address whose connections are spread over backends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    /// A virtual address of one of the routers.
    pub address: IpAddr,
    pub port: u16,
    pub protocol: Protocol,
    pub persistence: Persistence,
    pub fragments: Fragments,
    /// Flows stay this long with a backend that takes no new ones but is alive, counted from the
    /// last change; zero: they do not.
    pub drain: Duration,
    /// Least sum of the weights of usable backends, 1 or more; below it the sorry server serves.
    /// Without one it changes nothing.
    pub quorum: u32,
    /// Serves alone while the quorum is not met. Never checked; its weight does not count.
    pub sorry: Option<Backend>,
    pub guard: Guard,
    /// At least one; no two have address and port in common.
    pub backends: Vec<Backend>,
    pub check: Check,
    /// Checks of backends that are not checked by `check`, by index of the backend; none of them
    /// is equal to `check`.
    pub own_checks: BTreeMap<usize, Check>,
    /// Backends reached by direct return or a tunnel are asked for connections to the virtual
    /// address too, by the node that is active for it. Never without a check, nor over UDP.
    pub real_path: bool,
}

impl Service {
    /// The time to drain where none is written.
    pub const DRAIN: Duration = Duration::from_secs(60);

    /// How a backend is asked, by its index.
    pub fn check_of(&self, backend: usize) -> &Check {
        self.own_checks.get(&backend).unwrap_or(&self.check)
    }

    /// The backends and the sorry server.
    pub fn targets(&self) -> impl Iterator<Item = &Backend> {
        self.backends.iter().chain(&self.sorry)
    }
}

/// For tests.
impl Service {
    /// A service on TCP port 80, everything else as when it is not written.
    pub fn on(address: IpAddr, backends: Vec<Backend>, check: Check) -> Self {
        Self {
            name: "web".to_owned(),
            address,
            port: 80,
            protocol: Protocol::Tcp,
            persistence: Persistence::Flow,
            fragments: Fragments::Drop,
            drain: Self::DRAIN,
            quorum: 1,
            sorry: None,
            guard: Guard::default(),
            backends,
            check,
            own_checks: BTreeMap::new(),
            real_path: true,
        }
    }
}

choice! {
    #[derive(Default)]
    pub enum Protocol {
        #[default]
        Tcp = "tcp",
        Udp = "udp",
    }
}

impl Forward {
    /// Once `Auto` is decided for an address that this node holds.
    pub const fn or_local(self) -> Self {
        match self {
            Forward::Auto => Forward::Local,
            decided => decided,
        }
    }
}

impl Protocol {
    /// What backends are asked where no check is written.
    pub const fn default_check(self) -> CheckType {
        match self {
            Protocol::Tcp => CheckType::Tcp,
            Protocol::Udp => CheckType::None,
        }
    }

    /// As the IP header has it.
    pub const fn number(self) -> u8 {
        match self {
            Protocol::Tcp => PROTO_TCP,
            Protocol::Udp => PROTO_UDP,
        }
    }

    pub const fn of_number(number: u8) -> Option<Self> {
        match number {
            PROTO_TCP => Some(Protocol::Tcp),
            PROTO_UDP => Some(Protocol::Udp),
            _ => None,
        }
    }
}

choice! {
    /// What decides the backend of a packet.
    #[derive(Default)]
    pub enum Persistence {
        /// Both addresses, both ports and the protocol.
        #[default]
        Flow = "flow",
        /// The source address: all flows of a client go to one backend.
        Source = "source",
    }
}

choice! {
    /// What becomes of fragments.
    #[derive(Default)]
    pub enum Fragments {
        /// Dropped and counted.
        #[default]
        Drop = "drop",
        /// To the backend of their source address, as all its packets. Later fragments have no
        /// port: of
        /// the services of an address and protocol one at most may have them.
        Steer = "steer",
    }
}

/// Whose packets a service takes. The default lets everybody in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// New TCP connections (SYN) of one source address.
    pub new_per_source: Option<Rate>,
    /// New TCP connections of all sources together.
    pub new_total: Option<Rate>,
    /// Sources let in; empty: everybody. Where `deny` has a longer prefix of the source, that one
    /// counts.
    pub allow: Vec<IpNet>,
    /// Sources kept out, unless `allow` has a longer prefix of them. No prefix is in both.
    pub deny: Vec<IpNet>,
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come in a second, 1 or more.
    pub per_second: u32,
    /// Tokens that it holds, 1 or more.
    pub burst: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Real address, of the service's family unless it is reached through a tunnel.
    pub address: IpAddr,
    /// The service's unless it is reached by [`Forward::Nat`].
    pub port: u16,
    /// 0..=1000; 0 drains: no new slots.
    pub weight: u16,
    pub forward: Forward,
}

choice! {
    /// How a packet reaches a backend.
    #[derive(Default)]
    pub enum Forward {
        /// `Local` when the address is this node's own, else `Dr`: both nodes of a pair can share
        /// one file.
        #[default]
        Auto = "auto",
        /// Up this node's own stack.
        Local = "local",
        /// Destination MAC rewritten, sent on the same segment; the backend answers the client
        /// directly.
        Dr = "dr",
        /// In an IP packet to the backend (RFC 2003, RFC 2473), over any route; the backend
        /// answers the client directly.
        Ipip = "ipip",
        /// Destination address and port rewritten; the backend's answers come back through the
        /// pair, which rewrites their source.
        Nat = "nat",
    }
}

/// Outer source addresses of [`Forward::Ipip`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tunnel {
    /// The host bits are a hash of the flow, so that a backend's network card spreads flows over
    /// its queues. `None`: the sending interface's own address.
    pub source_v4: Option<Ipv4Net>,
    pub source_v6: Option<Ipv6Net>,
}
