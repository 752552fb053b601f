//! The failover agent, as a library.
//!
//! Reading order: `model` (what is asked for), `election` (who is master; pure), `elector` (the
//! thread that runs the elections), `desired` (what should be true in the kernel; pure), `effects`
//! (making it so), `agent` (the loop that joins them). `plane` holds the kernel program and its
//! maps, `net` the sockets and netlink.

pub mod agent;
pub mod capture;
pub mod check;
pub mod client;
pub mod clock;
pub mod effects;
pub mod elector;
pub mod health;
pub mod http;
pub mod kernel_release;
pub mod logger;
pub mod net;
pub mod plane;
pub mod realtime;
pub mod ring_agreement;
pub mod scripts;
pub mod shortage;
pub mod signals;
