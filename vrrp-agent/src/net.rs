//! Access to the kernel's network stack except BPF: sockets, addresses, routes, neighbours and
//! settings.
//!
//! Nothing here decides anything: each call makes one change or returns one state.

pub mod addresses;
pub mod advert_socket;
pub mod ethtool;
pub mod filter;
pub mod host_state;
pub mod nat_sysctls;
pub mod neighbour;
mod netlink;
pub mod packet_socket;
pub(crate) mod raw;
pub mod route;
pub mod routing;
pub mod sysctl;
pub mod tcp_sniffer;
#[cfg(test)]
pub(crate) mod testing;
pub mod watch;

pub use netlink::{Netlink, NetlinkError};
