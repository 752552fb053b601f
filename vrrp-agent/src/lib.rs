//! The failover agent, as a library.
//!
//! Reading order: `model` (what is asked for), `election` (who is master; pure), `elector` (the
//! thread that runs the elections), `desired` (what should be true in the kernel; pure), `effects`
//! (making it so), `agent` (the loop that joins them). `plane` holds the kernel program and its
//! maps, `net` the sockets and netlink.

pub mod agent;
pub mod agreement;
pub mod announce;
pub mod auth;
pub mod capture;
pub mod check;
pub mod client;
pub mod clock;
pub mod config;
pub mod desired;
pub mod drain;
pub mod effects;
pub mod election;
pub mod elector;
pub mod explain;
pub mod forwarding;
pub mod handover;
pub mod health;
pub mod histogram;
pub mod http;
pub mod kernel_release;
pub mod logger;
pub mod metrics;
pub mod model;
pub mod net;
pub mod plane;
pub mod realtime;
pub mod ring;
pub mod scripts;
pub mod shortage;
pub mod signals;
pub mod slots;
pub mod status;
pub mod time;
pub mod track;
