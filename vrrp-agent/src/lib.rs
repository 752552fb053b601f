//! The failover agent, as a library: read `model`, `election`, `desired`, `effects`, `agent` in this order.

pub mod announce;
pub mod election;
pub mod model;
pub mod time;
pub mod track;
