//! The agent's hands in the kernel's network stack, all but BPF: sockets, addresses, routes,
//! neighbours and settings.
//!
//! Nothing here decides anything: each call makes one thing so, or tells what is.

pub mod addresses;
pub mod advert_socket;
pub mod ethtool;
pub mod filter;
pub mod frame_socket;
pub mod neighbour;
mod netlink;
pub(crate) mod raw;
pub mod route;
pub mod segment_socket;
pub mod sysctl;
#[cfg(test)]
pub(crate) mod testing;
pub mod view;
pub mod watch;

pub use netlink::{Netlink, NetlinkError};
