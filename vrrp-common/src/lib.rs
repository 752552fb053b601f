//! What the kernel program, the agent and the tests share.
//!
//! Reading order: [`packet`] (checked reads of bytes), [`ip`] (addresses of both families),
//! [`wire`] (wire formats), [`classify`] (the class of a frame), [`policy`] (validation of an
//! advert), [`lease`] (lease, fence and active node), [`flow`] and [`maglev`] (choice of the
//! backend), [`bucket`] (rate limits), [`maps`] (the map ABI), [`reason`] and [`counter`] (drop
//! reasons and counters). For connections steered at connect(): [`balance`] (choice of the backend)
//! and [`socket_maps`] (the map ABI).
//!
//! No allocation, no clock, no I/O: every function runs in the XDP program and in user space.
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
