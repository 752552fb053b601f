//! The failover agent, as a library: read `model`, `election`, `desired`, `effects`, `agent` in this order.

pub mod check;
pub mod config;
pub mod model;
pub mod time;
