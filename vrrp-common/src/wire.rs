//! Wire formats, one file per protocol. Each parses from a [`crate::packet::Packet`] and emits into
//! a caller's buffer.
//!
//! Nothing here panics on any input: parsers return `None` or a [`crate::reason::Reason`], emitters
//! return `None` if the buffer is too short.

pub mod arp;
pub mod checksum;
pub mod eth;
pub mod icmp;
pub mod ipv4;
pub mod ipv6;
pub mod l4;
pub mod nd;
pub mod trailer;
pub mod vrrp;
