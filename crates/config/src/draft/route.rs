//! Routes and rules: `routes`, `rules`, `virtual_routes`, `virtual_rules` and their static kinds.

use serde::Deserialize;

use super::{At, Number, Text};
use vrrp_model::{RouteKind, RouteScope};

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct RouteDraft {
    /// `ADDRESS/LENGTH`, or an address alone.
    pub to: At<String>,
    #[serde(default, rename = "type")]
    pub kind: RouteKind,
    pub via: Text,
    pub device: Text,
    pub source: Text,
    pub scope: Option<RouteScope>,
    pub table: Number,
    pub metric: Number,
    #[serde(default)]
    pub onlink: bool,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct RuleDraft {
    pub from: Text,
    pub to: Text,
    pub input: Text,
    pub table: At<i64>,
    pub priority: At<i64>,
}
