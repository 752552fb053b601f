//! The failover agent, as a library: read `model`, `election`, `desired`, `effects`, `agent` in this order.

pub mod clock;
pub mod model;
pub mod net;
pub mod realtime;
pub mod time;
