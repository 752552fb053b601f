//! Services: `[[service]]`, `virtual_server`.

use serde::Deserialize;

use super::check::checks;
use super::{At, ChecksDraft, Number, Time};
use vrrp_model::{Forward, Fragments, Persistence, Protocol};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceDraft {
    pub name: At<String>,
    pub address: At<String>,
    pub port: At<i64>,
    #[serde(default)]
    pub protocol: Protocol,
    #[serde(default)]
    pub persistence: Persistence,
    pub fragments: Option<At<Fragments>>,
    pub drain: Option<At<Time>>,
    pub quorum: Number,
    #[serde(rename = "sorry_server")]
    pub sorry: Option<SorryDraft>,
    pub backends: Vec<BackendDraft>,
    /// By the protocol when `None`, see [`Protocol::default_check`].
    #[serde(default, deserialize_with = "checks")]
    pub check: Option<ChecksDraft>,
    #[serde(default)]
    pub guard: GuardDraft,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct BackendDraft {
    pub address: At<String>,
    /// The service's when `None`.
    pub port: Number,
    pub weight: Number,
    #[serde(default)]
    pub forward: Forward,
    /// The service's when `None`.
    #[serde(default, deserialize_with = "checks")]
    pub check: Option<ChecksDraft>,
}

/// A backend without a weight.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct SorryDraft {
    pub address: At<String>,
    pub port: Number,
    #[serde(default)]
    pub forward: Forward,
}

/// What a backend and a sorry server have in common.
#[derive(Clone, Copy)]
pub struct TargetDraft<'a> {
    pub address: &'a At<String>,
    pub port: Option<&'a At<i64>>,
    pub forward: Forward,
}

impl BackendDraft {
    pub fn target(&self) -> TargetDraft<'_> {
        TargetDraft { address: &self.address, port: self.port.as_ref(), forward: self.forward }
    }
}

impl SorryDraft {
    pub fn target(&self) -> TargetDraft<'_> {
        TargetDraft { address: &self.address, port: self.port.as_ref(), forward: self.forward }
    }
}

impl ServiceDraft {
    /// The backends and the sorry server.
    pub fn targets(&self) -> impl Iterator<Item = TargetDraft<'_>> {
        let backends = self.backends.iter().map(BackendDraft::target);
        backends.chain(self.sorry.iter().map(SorryDraft::target))
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct GuardDraft {
    pub new_per_source: Option<At<RateDraft>>,
    pub new_total: Option<At<RateDraft>>,
    #[serde(default)]
    pub allow: Vec<At<String>>,
    #[serde(default)]
    pub deny: Vec<At<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateDraft {
    pub per_second: At<i64>,
    /// As much as in a second when `None`.
    pub burst: Number,
}
