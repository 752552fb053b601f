//! What is reported, and the events that follow from it.

use std::fmt;
use std::net::IpAddr;

use vrrp_election::{Reason, Role};
use vrrp_model::time::Instant;
use vrrp_model::{NotifyEvent, RouterIdx};

/// What the election thread reports, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    Transition(Transition),
    LowerPriority(LowerPriority),
}

/// A change of role. It names the router in full, since its configuration may be gone when this is
/// read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub at: Instant,
    /// Index of the router in the maps.
    pub idx: RouterIdx,
    /// Name of the router.
    pub instance: String,
    pub vrid: u8,
    pub interface: String,
    pub from: Role,
    pub to: Role,
    pub reason: Reason,
    /// Epoch of the mastership after the change; `None` while the node is not active.
    pub epoch: Option<u64>,
    /// Effective priority.
    pub priority: u8,
    /// Source and priority of the last advert that was heard.
    pub peer: Option<(IpAddr, u8)>,
}

/// A master received an advert of lower priority. Reported as often as the master announces itself
/// for that reason, not for each advert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LowerPriority {
    /// Name of the router.
    pub instance: String,
    pub vrid: u8,
    pub interface: String,
    /// Effective priority of the master.
    pub priority: u8,
    pub peer: Option<(IpAddr, u8)>,
}

/// What an event is about, by name: it may be gone from the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    Router(String),
    Group(String),
    Service(String),
    /// Name of the service, address of the backend.
    Backend(String, IpAddr),
}

impl Key {
    /// keepalived's word for the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Router(_) => "INSTANCE",
            Self::Group(_) => "GROUP",
            Self::Service(_) => "VS",
            Self::Backend(..) => "RS",
        }
    }

    /// Name of the router, group or service; address of the backend.
    pub fn name(&self) -> String {
        match self {
            Self::Router(name) | Self::Group(name) | Self::Service(name) => name.clone(),
            Self::Backend(_, address) => address.to_string(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Router(name) => write!(f, "instance {name}"),
            Self::Group(name) => write!(f, "sync group {name}"),
            Self::Service(name) => write!(f, "service {name}"),
            Self::Backend(service, address) => write!(f, "backend {address} of {service}"),
        }
    }
}

/// Something to notify of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub key: Key,
    pub what: NotifyEvent,
    /// What was reported of the key before.
    pub before: Option<NotifyEvent>,
    /// Effective priority of a router; 0 for everything else, as keepalived has it.
    pub priority: u8,
    /// Why, in words; empty where there is no reason.
    pub reason: &'static str,
    /// VRID and interface of a router.
    pub router: Option<(u8, String)>,
    /// Source and priority of the last advert that a router heard.
    pub peer: Option<(IpAddr, u8)>,
}
