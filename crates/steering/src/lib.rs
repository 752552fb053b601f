//! The desired state of the kernel, computed from the configuration and the observed state. Pure:
//! no clock, no socket, no file.
//!
//! Reading order: [`running_config`] (the running configuration), [`desired`] (addresses, virtual
//! routers, services and upstreams), [`ring`] (which backend takes which slot), [`drain`].

pub mod desired;
pub mod drain;
pub mod drained;
pub mod health_table;
pub mod hysteresis;
pub mod map_ids;
pub mod ring;
pub mod ring_agreement;
pub mod running_config;
pub mod startup_gate;
pub mod tracking;
pub mod vip_probe;
