//! Whether backends are well: `probe` asks them, `path` asks them by the way that clients' packets
//! take, `hysteresis` decides when an answer is news.

pub mod probe;
pub mod vip_probe;

use vrrp_model::time::Instant;

/// A backend's health has changed, or is known for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Index into [`vrrp_model::Config::services`], or its upstreams.
    pub service: usize,
    /// Index into the backends of that service or upstream.
    pub backend: usize,
    pub up: bool,
    /// What the deciding probe saw, for people.
    pub reason: String,
    /// When the deciding probe had its result.
    pub at: Instant,
}
