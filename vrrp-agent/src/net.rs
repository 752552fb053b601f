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

use std::fmt;

pub use netlink::{Netlink, NetlinkError};

/// A network interface of this host. The index is what counts; the name is for people.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Interface {
    pub index: u32,
    pub name: String,
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
