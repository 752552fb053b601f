//! What the kernel program, the agent and the tests share.
//!
//! Reading order: [`packet`] (how bytes are reached), [`ip`] (addresses of both families), [`wire`]
//! (formats), [`classify`] (a frame to what it is), [`policy`] (is this advert acceptable to that
//! virtual router), [`lease`] (who may act), [`flow`] and [`maglev`] (which backend), [`bucket`]
//! (how many), [`maps`] (the map ABI), [`reason`] and [`counter`] (what is counted, under which
//! name). For connections steered where they are made: [`balance`] (which backend) and
//! [`socket_maps`] (the map ABI).
//!
//! No allocation, no clock, no I/O: every function here runs in the XDP program as well as on the
//! host.
#![no_std]

pub mod balance;
pub mod bucket;
pub mod classify;
pub mod counter;
pub mod flow;
pub mod ip;
pub mod lease;
pub mod maglev;
pub mod maps;
pub mod packet;
pub mod policy;
pub mod reason;
pub mod socket_maps;
pub mod wire;
