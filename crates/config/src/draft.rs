//! What a file says, in either language, before it is checked: values with the places they were
//! written at.
//!
//! No `Debug` here: drafts hold passwords.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::source::Span;
use vrrp_model::{
    Announce, Balance, CheckType, ChecksumForm, Forward, Fragments, HmacMode, Persistence,
    Protocol, Version, XdpUse,
};

/// A value and where it was written; a default carries the place of the block it belongs to.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct At<T> {
    pub value: T,
    pub span: Span,
}

impl<T> At<T> {
    pub(super) fn new(value: T, span: &Span) -> Self {
        Self { value, span: span.clone() }
    }
}

pub(super) struct Draft {
    pub node: Option<At<String>>,
    pub metrics: Option<SocketAddr>,
    pub compare_rings: bool,
    pub api_socket: PathBuf,
    pub bpf_dir: PathBuf,
    pub xdp: XdpUse,
    pub pass_foreign_vrids: bool,
    pub nat_forward_other: bool,
    pub startup_delay: Duration,
    pub release_on_exit: bool,
    pub election: ElectionDraft,
    pub routers: Vec<RouterDraft>,
    pub groups: Vec<GroupDraft>,
    pub scripts: Vec<ScriptDraft>,
    pub services: Vec<ServiceDraft>,
    pub tunnel: TunnelDraft,
    pub upstreams: Vec<UpstreamDraft>,
}

impl Default for Draft {
    /// The settings of the agent itself when a file does not mention them; keepalived.conf never
    /// does.
    fn default() -> Self {
        Self {
            node: None,
            metrics: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9165))),
            compare_rings: true,
            api_socket: PathBuf::from("/run/vrrp-agent/api.sock"),
            bpf_dir: PathBuf::from("/sys/fs/bpf/vrrp-agent"),
            xdp: XdpUse::Auto,
            pass_foreign_vrids: false,
            nat_forward_other: false,
            startup_delay: Duration::ZERO,
            release_on_exit: true,
            election: ElectionDraft::default(),
            routers: Vec::new(),
            groups: Vec::new(),
            scripts: Vec::new(),
            services: Vec::new(),
            tunnel: TunnelDraft::default(),
            upstreams: Vec::new(),
        }
    }
}

/// How the election thread is scheduled; the model's defaults for what is `None`.
#[derive(Default)]
pub(super) struct ElectionDraft {
    pub realtime_priority: Option<At<i64>>,
    pub cpus: Vec<At<i64>>,
    pub lock_memory: Option<bool>,
}

pub(super) struct RouterDraft {
    pub name: At<String>,
    pub interface: At<String>,
    pub vrid: At<i64>,
    pub version: Version,
    pub priority: At<i64>,
    pub interval: At<Duration>,
    pub preempt: bool,
    pub preempt_delay: Duration,
    pub auth_pass: Option<At<String>>,
    pub checksum: ChecksumForm,
    pub source: Option<At<String>>,
    pub group: Option<At<String>>,
    /// Written, and where, if adverts go to each peer instead of to a group.
    pub unicast: Option<At<()>>,
    pub peers: Vec<PeerDraft>,
    pub virtual_mac: bool,
    pub accept_always: bool,
    pub hmac: Option<HmacDraft>,
    pub addresses: Vec<AddressDraft>,
    pub excluded_addresses: Vec<AddressDraft>,
    pub announce: Announce,
    pub track_scripts: Vec<TrackDraft>,
    pub track_interfaces: Vec<TrackDraft>,
}

pub(super) struct PeerDraft {
    pub address: At<String>,
    pub min_ttl: Option<At<i64>>,
    pub max_ttl: Option<At<i64>>,
}

pub(super) struct AddressDraft {
    /// `ADDRESS` or `ADDRESS/LENGTH`.
    pub address: At<String>,
    pub device: Option<At<String>>,
    pub label: Option<At<String>>,
}

/// A tracked script or interface.
pub(super) struct TrackDraft {
    pub name: At<String>,
    /// The script's own weight when `None`.
    pub weight: Option<At<i64>>,
}

pub(super) struct HmacDraft {
    pub mode: HmacMode,
    /// The first key when `None`.
    pub send: Option<At<i64>>,
    pub keys: Vec<KeyDraft>,
    pub span: Span,
}

pub(super) struct KeyDraft {
    pub id: At<i64>,
    /// The bytes themselves, or `hex:` and two digits a byte.
    pub secret: At<String>,
}

/// Routers that are masters together or not at all.
pub(super) struct GroupDraft {
    pub name: At<String>,
    pub members: Vec<At<String>>,
}

pub(super) struct ScriptDraft {
    pub name: At<String>,
    pub command: At<Vec<String>>,
    pub interval: At<Duration>,
    /// The interval when `None`.
    pub timeout: Option<At<Duration>>,
    /// Weight where a router tracks it without one.
    pub weight: At<i64>,
    pub rise: At<i64>,
    pub fall: At<i64>,
    pub user: Option<At<String>>,
    pub init_fail: bool,
}

pub(super) struct ServiceDraft {
    pub name: At<String>,
    pub address: At<String>,
    pub port: At<i64>,
    pub protocol: Protocol,
    pub persistence: Persistence,
    pub fragments: At<Fragments>,
    pub drain: At<Duration>,
    pub quorum: At<i64>,
    pub sorry: Option<BackendDraft>,
    pub guard: GuardDraft,
    pub backends: Vec<BackendDraft>,
    pub check: CheckDraft,
}

#[derive(Clone)]
pub(super) struct BackendDraft {
    pub address: At<String>,
    /// The service's when `None`.
    pub port: Option<At<i64>>,
    pub weight: At<i64>,
    pub forward: Forward,
    /// The service's when `None`.
    pub check: Option<CheckDraft>,
}

#[derive(Default)]
pub(super) struct GuardDraft {
    pub new_per_source: Option<RateDraft>,
    pub new_total: Option<RateDraft>,
    pub allow: Vec<At<String>>,
    pub deny: Vec<At<String>>,
}

pub(super) struct RateDraft {
    pub per_second: At<i64>,
    /// As much as in a second when `None`.
    pub burst: Option<At<i64>>,
    pub span: Span,
}

/// `PREFIX/LENGTH` each.
#[derive(Default)]
pub(super) struct TunnelDraft {
    pub source_v4: Option<At<String>>,
    pub source_v6: Option<At<String>>,
}

#[derive(Clone)]
pub(super) struct CheckDraft {
    pub kind: CheckType,
    pub span: Span,
    pub port: Option<At<i64>>,
    pub path: Option<At<String>>,
    pub interval: At<Duration>,
    pub timeout: At<Duration>,
    pub rise: At<i64>,
    pub fall: At<i64>,
    pub real_path: Option<At<bool>>,
}

pub(super) struct UpstreamDraft {
    pub name: At<String>,
    pub address: At<String>,
    pub port: At<i64>,
    pub cgroup: CgroupDraft,
    pub balance: Balance,
    pub backends: Vec<UpstreamBackendDraft>,
    pub check: CheckDraft,
}

/// One of both.
pub(super) struct CgroupDraft {
    pub path: Option<At<String>>,
    pub unit: Option<At<String>>,
}

pub(super) struct UpstreamBackendDraft {
    pub address: At<String>,
    /// The upstream's when `None`.
    pub port: Option<At<i64>>,
    pub weight: At<i64>,
}
