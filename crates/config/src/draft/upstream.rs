//! Upstreams: `[[upstream]]`.

use serde::Deserialize;

use super::check::checks;
use super::{At, ChecksDraft, Number, Text};
use vrrp_model::Balance;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamDraft {
    pub name: At<String>,
    pub address: At<String>,
    pub port: At<i64>,
    /// One of this and `unit`.
    pub cgroup: Text,
    pub unit: Text,
    #[serde(default)]
    pub balance: Balance,
    pub backends: Vec<UpstreamBackendDraft>,
    #[serde(default, deserialize_with = "checks")]
    pub check: Option<ChecksDraft>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamBackendDraft {
    pub address: At<String>,
    /// The upstream's when `None`.
    pub port: Number,
    pub weight: Number,
}
