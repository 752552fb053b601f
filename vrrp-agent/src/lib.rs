//! The failover agent, as a library: read `model`, `election`, `desired`, `effects`, `agent` in this order.

pub mod client;
pub mod health;
pub mod http;
pub mod logger;
pub mod metrics;
pub mod model;
pub mod scripts;
pub mod status;
pub mod time;
