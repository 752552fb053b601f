//! The lab: a whole dual-master site in network namespaces of one machine.
//!
//! Two edge nodes, a client and a DNS server share a front network; the nodes, three php-fpm hosts
//! and a memcached share a back network. The daemons are real ones. `cargo xtask lab` runs a
//! scenario in it, the integration tests use it piece by piece. Reading order: [`names`] (hosts and
//! addresses), [`topology`] (their links), [`lab`] (actions on them), then the modules that observe
//! and disturb: [`probe`], [`capture`], [`inject`].
//!
//! Everything that a lab creates has its id in its name, is in its run directory or inside its own
//! namespaces, and is removed with it: when the [`Lab`] is dropped, on SIGINT and SIGTERM, on a
//! panic, and, if its owner was killed by SIGKILL, when the next lab starts ([`rundir`]).

pub mod agent;
pub mod capture;
pub mod cgroup;
pub mod daemons;
pub mod dns;
pub mod documents;
pub mod downloads;
pub mod duel;
pub mod echo;
pub mod frames;
pub mod freezer;
pub mod frr;
pub mod held;
pub mod http;
pub mod inject;
pub mod keepalived;
pub mod lab;
pub mod line;
pub mod names;
pub mod netns;
pub mod options;
pub mod pair;
pub mod probe;
pub mod process;
pub mod rundir;
pub mod scene;
pub mod skips;
pub mod summary;
mod sys;
pub mod table;
pub mod tap;
pub mod topology;
pub mod web;
pub mod xdp;

pub use lab::Lab;
pub use names::{Host, Node};
pub use options::{LabOptions, Router};
