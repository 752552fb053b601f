//! The failover agent: what has threads, sockets, maps and processes. Only [`main`] is public.
//!
//! Reading order: `commands` (the command line), `elector` (the thread that runs the elections of
//! `vrrp-election`), `effects` (applies the desired state of `vrrp-steering` to the kernel),
//! `agent` (the loop that joins them). `plane` holds the kernel programs and their maps, `net` the
//! sockets and netlink.

mod agent;
mod capture;
mod check;
mod cli;
mod client;
mod clock;
mod commands;
mod effects;
mod elector;
mod health;
mod http;
mod keepalived;
mod kernel_release;
mod logger;
mod net;
mod notify;
mod plane;
mod process;
mod realtime;
mod ring_agreement;
mod scripts;
mod shortage;
mod signals;

pub use commands::main;
