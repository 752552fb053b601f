//! `[[upstream]]`.

use serde::Deserialize;
use toml::Spanned;

use super::{Check, Number, Text};
use vrrp_model::Balance;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    pub name: Spanned<String>,
    pub address: Spanned<String>,
    pub port: Spanned<i64>,
    pub cgroup: Text,
    pub unit: Text,
    #[serde(default)]
    pub balance: Balance,
    pub backends: Vec<UpstreamBackend>,
    pub check: Option<Spanned<Check>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamBackend {
    pub address: Spanned<String>,
    pub port: Number,
    pub weight: Number,
}
