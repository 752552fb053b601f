//! The contents of a file, in either language, before they are checked: values with the places they
//! were written at.
//!
//! TOML is read into these types as they are; the names and types of its keys are theirs. The
//! reader of keepalived.conf makes them. Defaults and meanings are in `validate`.
//!
//! No `Debug` here: drafts hold passwords.

mod check;
mod metrics;
mod notify;
mod route;
mod router;
mod script;
mod service;
mod upstream;

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::source::Span;
pub(super) use check::{CheckDraft, ChecksDraft, RequestDraft, SniDraft, StatusDraft, digest};
pub(super) use metrics::Metrics;
pub(super) use notify::{FifoDraft, MailDraft, NotifyDraft};
pub(super) use route::{RouteDraft, RuleDraft};
pub(super) use router::{
    AddressDraft, AnnounceDraft, HmacDraft, InterfaceTrackDraft, KeyDraft, PeerDraft, RouterDraft,
    ScriptTrackDraft,
};
pub(super) use script::{Command, RecoverDraft, ScriptDraft};
pub(super) use service::{
    BackendDraft, GuardDraft, RateDraft, ServiceDraft, SorryDraft, TargetDraft,
};
pub(super) use upstream::{UpstreamBackendDraft, UpstreamDraft};
use vrrp_model::XdpUse;

/// A value and where it was written.
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

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Spanned::<T>::deserialize(deserializer)?;
        Ok(Self { span: written.span(), value: written.into_inner() })
    }
}

type Text = Option<At<String>>;
type Number = Option<At<i64>>;

/// A duration.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Time {
    /// As TOML has it: a number and a unit, not read yet.
    Text(String),
    Exact(Duration),
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::Text)
    }
}

impl From<At<Duration>> for At<Time> {
    fn from(exact: At<Duration>) -> Self {
        Self { value: Time::Exact(exact.value), span: exact.span }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    pub node: Text,
    pub api_socket: Text,
    pub bpf_dir: Text,
    pub metrics: Option<At<Metrics>>,
    pub compare_rings: Option<bool>,
    #[serde(default)]
    pub xdp: XdpUse,
    #[serde(default)]
    pub pass_foreign_vrids: bool,
    #[serde(default)]
    pub nat_forward_other: bool,
    pub startup_delay: Option<At<Time>>,
    pub release_on_exit: Option<bool>,
    #[serde(default)]
    pub election: ElectionDraft,
    #[serde(default)]
    pub tunnel: TunnelDraft,
    #[serde(default, rename = "virtual_router")]
    pub routers: Vec<RouterDraft>,
    #[serde(default, rename = "script")]
    pub scripts: Vec<ScriptDraft>,
    /// Whether root refuses programs that other users could replace.
    pub script_security: Option<bool>,
    #[serde(default, rename = "static_route")]
    pub static_routes: Vec<RouteDraft>,
    #[serde(default, rename = "static_rule")]
    pub static_rules: Vec<RuleDraft>,
    #[serde(default)]
    pub notify: Vec<NotifyDraft>,
    #[serde(default, rename = "notify_fifo")]
    pub fifos: Vec<FifoDraft>,
    pub mail: Option<MailDraft>,
    #[serde(default, rename = "service")]
    pub services: Vec<ServiceDraft>,
    #[serde(default, rename = "upstream")]
    pub upstreams: Vec<UpstreamDraft>,
    #[serde(default, rename = "sync_group")]
    pub groups: Vec<GroupDraft>,
}

/// How the election thread is scheduled; the model's defaults for what is `None`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ElectionDraft {
    pub realtime_priority: Number,
    #[serde(default)]
    pub cpus: Vec<At<i64>>,
    pub lock_memory: Option<bool>,
}

/// Prefixes of outer source addresses, `PREFIX/LENGTH` each.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct TunnelDraft {
    pub source_v4: Text,
    pub source_v6: Text,
}

/// Routers that are masters together or not at all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupDraft {
    pub name: At<String>,
    pub members: Vec<At<String>>,
}
