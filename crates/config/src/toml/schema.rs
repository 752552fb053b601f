//! The shape of our TOML: names and types of every key. Meanings and defaults are in `file`.
//!
//! No `Debug` here: it would print the password.

mod metrics;
mod router;
mod script;
mod service;
mod upstream;

use serde::Deserialize;
use toml::Spanned;

pub use metrics::Metrics;
pub use router::{Address, Garp, Hmac, Peer, VirtualRouter};
pub use script::{Command, Script};
pub use service::{Backend, Check, Guard, Rate, Service, SorryServer};
pub use upstream::{Upstream, UpstreamBackend};
use vrrp_model::XdpUse;

type Text = Option<Spanned<String>>;
type Number = Option<Spanned<i64>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub node: Text,
    pub api_socket: Text,
    pub bpf_dir: Text,
    pub metrics: Option<Spanned<Metrics>>,
    pub compare_rings: Option<bool>,
    #[serde(default)]
    pub xdp: XdpUse,
    pub pass_foreign_vrids: Option<bool>,
    pub nat_forward_other: Option<bool>,
    pub startup_delay: Text,
    pub release_on_exit: Option<bool>,
    #[serde(default)]
    pub election: Election,
    #[serde(default)]
    pub tunnel: Tunnel,
    #[serde(default)]
    pub virtual_router: Vec<VirtualRouter>,
    #[serde(default)]
    pub script: Vec<Script>,
    #[serde(default)]
    pub service: Vec<Service>,
    #[serde(default)]
    pub upstream: Vec<Upstream>,
    #[serde(default)]
    pub sync_group: Vec<SyncGroup>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Election {
    pub realtime_priority: Number,
    #[serde(default)]
    pub cpus: Vec<Spanned<i64>>,
    pub lock_memory: Option<bool>,
}

/// Prefixes of outer source addresses.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Tunnel {
    pub source_v4: Text,
    pub source_v6: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncGroup {
    pub name: Spanned<String>,
    pub members: Spanned<Vec<Spanned<String>>>,
}
