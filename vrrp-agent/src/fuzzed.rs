//! The root of the crate that `fuzz` builds instead of the whole agent: the pure modules that read
//! what others write. Without the runtime, netlink and the loader it is built in a fraction of the
//! time, and coverage counts what the targets can reach.
#![allow(dead_code, reason = "the rest of the agent, which uses it, is not here")]

pub mod auth;
pub mod config;
pub mod election;
pub mod model;
pub mod time;

pub mod agreement {
    pub mod message;
}
