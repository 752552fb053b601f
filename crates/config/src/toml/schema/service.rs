//! `[[service]]`.

use serde::Deserialize;
use toml::Spanned;

use super::{Number, Text};
use vrrp_model::{CheckType, Forward, Fragments, Persistence, Protocol};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub name: Spanned<String>,
    pub address: Spanned<String>,
    pub port: Spanned<i64>,
    #[serde(default)]
    pub protocol: Protocol,
    #[serde(default)]
    pub persistence: Persistence,
    pub fragments: Option<Spanned<Fragments>>,
    pub drain: Text,
    pub quorum: Number,
    pub sorry_server: Option<SorryServer>,
    pub backends: Vec<Backend>,
    pub check: Option<Spanned<Check>>,
    #[serde(default)]
    pub guard: Guard,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    pub address: Spanned<String>,
    pub port: Number,
    pub weight: Number,
    #[serde(default)]
    pub forward: Forward,
    /// The service's when `None`.
    pub check: Option<Spanned<Check>>,
}

/// A backend without a weight.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SorryServer {
    pub address: Spanned<String>,
    pub port: Number,
    #[serde(default)]
    pub forward: Forward,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    pub new_per_source: Option<Spanned<Rate>>,
    pub new_total: Option<Spanned<Rate>>,
    #[serde(default)]
    pub allow: Vec<Spanned<String>>,
    #[serde(default)]
    pub deny: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    pub per_second: Spanned<i64>,
    pub burst: Number,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    #[serde(rename = "type")]
    pub kind: CheckType,
    pub port: Number,
    pub path: Text,
    pub interval: Text,
    pub timeout: Text,
    pub rise: Number,
    pub fall: Number,
    pub real_path: Option<Spanned<bool>>,
}
