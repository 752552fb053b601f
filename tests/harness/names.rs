//! The lab's hosts, addresses and virtual routers. The numbers are those of the dual-master
//! example.

use std::fmt;
use std::net::Ipv4Addr;

use serde::Serialize;

/// Port nginx listens on.
pub const HTTP_PORT: u16 = 80;
/// Port php-fpm listens on.
pub const FASTCGI_PORT: u16 = 9000;
/// Port memcached listens on.
pub const MEMCACHED_PORT: u16 = 11211;
/// Port of the agent's metrics, on loopback inside the node's namespace.
pub const METRICS_PORT: u16 = 9165;
/// The name that resolves to both virtual addresses.
pub const SITE_NAME: &str = "www.example.test";
/// The front interface, on every host that has one.
pub const FRONT_IF: &str = "eth1";
/// The back interface, on every host that has one.
pub const BACK_IF: &str = "eth2";

/// A node's interface on a segment; the first segment is the front network.
pub fn segment_interface(segment: u8) -> String {
    if segment == 0 { FRONT_IF.to_owned() } else { format!("seg{segment}") }
}

/// The address of `host` on `segment`, a /16 that contains all virtual addresses of the
/// segment.
pub fn segment_address(host: Host, segment: u8) -> Ipv4Addr {
    let last = host.front().map_or(0, |front| front.octets()[3]);
    Ipv4Addr::new(10, 100 + segment, 0, last)
}

/// A host of the lab: one network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    Client,
    Dns,
    Node1,
    Node2,
    Php1,
    Php2,
    Php3,
    Cache,
}

impl Host {
    pub const ALL: [Self; 8] = [
        Self::Client,
        Self::Dns,
        Self::Node1,
        Self::Node2,
        Self::Php1,
        Self::Php2,
        Self::Php3,
        Self::Cache,
    ];
    pub const PHP: [Self; 3] = [Self::Php1, Self::Php2, Self::Php3];

    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Dns => "dns",
            Self::Node1 => "node1",
            Self::Node2 => "node2",
            Self::Php1 => "php1",
            Self::Php2 => "php2",
            Self::Php3 => "php3",
            Self::Cache => "cache",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|host| host.name() == name)
    }

    /// Address on the front network (/24).
    pub fn front(self) -> Option<Ipv4Addr> {
        let last = match self {
            Self::Client => 10,
            Self::Dns => 53,
            Self::Node1 => 205,
            Self::Node2 => 206,
            Self::Php1 | Self::Php2 | Self::Php3 | Self::Cache => return None,
        };
        Some(Ipv4Addr::new(192, 168, 1, last))
    }

    /// Address on the back network (/24).
    pub fn back(self) -> Option<Ipv4Addr> {
        let last = match self {
            Self::Node1 => 10,
            Self::Node2 => 11,
            Self::Php1 => 22,
            Self::Php2 => 23,
            Self::Php3 => 24,
            Self::Cache => 25,
            Self::Client | Self::Dns => return None,
        };
        Some(Ipv4Addr::new(10, 0, 0, last))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One of the two edge nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Node {
    Node1,
    Node2,
}

impl Node {
    pub const BOTH: [Self; 2] = [Self::Node1, Self::Node2];

    pub fn host(self) -> Host {
        match self {
            Self::Node1 => Host::Node1,
            Self::Node2 => Host::Node2,
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::Node1 => Self::Node2,
            Self::Node2 => Self::Node1,
        }
    }

    pub fn front(self) -> Ipv4Addr {
        match self {
            Self::Node1 => Ipv4Addr::new(192, 168, 1, 205),
            Self::Node2 => Ipv4Addr::new(192, 168, 1, 206),
        }
    }

    /// Hardware address of the front interface.
    pub fn front_mac(self) -> Mac {
        Mac::of(self.front())
    }

    pub fn from_host(host: Host) -> Option<Self> {
        Self::BOTH.into_iter().find(|node| node.host() == host)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host().fmt(f)
    }
}

/// One of the two virtual addresses with its virtual router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vip {
    Vip1,
    Vip2,
}

impl Vip {
    pub const BOTH: [Self; 2] = [Self::Vip1, Self::Vip2];

    pub fn address(self) -> Ipv4Addr {
        match self {
            Self::Vip1 => Ipv4Addr::new(192, 168, 1, 249),
            Self::Vip2 => Ipv4Addr::new(192, 168, 1, 250),
        }
    }

    pub fn vrid(self) -> u8 {
        match self {
            Self::Vip1 => 51,
            Self::Vip2 => 52,
        }
    }

    /// Name of the virtual router in the configuration files.
    pub fn router(self) -> &'static str {
        match self {
            Self::Vip1 => "VI_1",
            Self::Vip2 => "VI_2",
        }
    }

    /// The node with the higher priority: master while it has no fault.
    pub fn home(self) -> Node {
        match self {
            Self::Vip1 => Node::Node1,
            Self::Vip2 => Node::Node2,
        }
    }

    /// The configured priority of `node` for this virtual router.
    pub fn priority(self, node: Node) -> u8 {
        if self.home() == node { 100 } else { 99 }
    }
}

impl fmt::Display for Vip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vip1 => "VIP1",
            Self::Vip2 => "VIP2",
        })
    }
}

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// Destination of IPv4 adverts (224.0.0.18).
    pub const VRRP_MULTICAST: Self = Self([0x01, 0x00, 0x5e, 0x00, 0x00, 0x12]);

    /// The lab's hardware addresses contain the IPv4 address, so that captures are easy to read.
    pub fn of(address: Ipv4Addr) -> Self {
        let [a, b, c, d] = address.octets();
        Self([0x02, 0x00, a, b, c, d])
    }

    /// Broadcast or multicast.
    pub fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
