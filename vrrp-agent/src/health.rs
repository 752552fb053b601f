//! Health of backends: `probe` checks a backend's own address, `vip_probe` checks the virtual
//! address over the forwarding path, `hysteresis` decides when results change the state.

pub mod probe;
mod unusable;
pub mod vip_probe;

pub use unusable::remove_unusable;
use vrrp_model::time::Instant;

/// A backend's health has changed, or is known for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Index into [`vrrp_model::Config::services`], or into its upstreams.
    pub service: usize,
    /// Index into the backends of that service or upstream.
    pub backend: usize,
    pub up: bool,
    /// The deciding probe's observation, for people.
    pub reason: String,
    /// Time of the deciding probe's result.
    pub at: Instant,
}
