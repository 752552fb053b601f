//! The map ABI of the socket programs, which steer connections at connect(), like `maps` for the
//! XDP program.
//!
//! A process in one of the configured cgroups connects to the address of an upstream, which no host
//! needs to have; the programs replace it by the address of a backend. Every change of this file
//! raises [`LAYOUT`]: pins of another layout are not adopted.

use crate::ip::Address;
use crate::maps::Shape;

/// Version of everything in this file; part of the directory name of these pinned maps and links.
pub const LAYOUT: u32 = 1;

pub const MAX_UPSTREAMS: u32 = 64;
/// Backends over all upstreams.
pub const MAX_BACKENDS: u32 = 1_024;
/// Backends of one upstream.
pub const MAX_MEMBERS: usize = 64;

/// Nanoseconds that a backend is suspect after a connection to it was not established, or was
/// reset.
pub const SUSPECT_NANOS: u64 = 1_000_000_000;

/// Names of the maps, as the socket programs declare them.
pub mod name {
    /// HASH: [`super::UpstreamKey`] -> [`super::Upstream`]. Written by the agent.
    pub const UPSTREAMS: &str = "UPSTREAMS";
    /// ARRAY: backend index -> [`super::Backend`]. Written by the agent.
    pub const BACKENDS: &str = "SOCK_BACKENDS";
    /// ARRAY: backend index -> [`super::Load`]. Written by the programs; the agent resets entries.
    pub const LOADS: &str = "SOCK_LOADS";
    /// PER-CPU ARRAY: upstream index -> [`super::Outcomes`].
    pub const OUTCOMES: &str = "SOCK_OUTCOMES";
    /// SOCKET STORAGE -> [`super::Steered`]: freed with its socket, so it can neither fill up nor
    /// leak.
    pub const STEERED: &str = "STEERED";
}

const fn shape<K, V>(name: &'static str, entries: u32) -> Shape {
    Shape { name, key: size_of::<K>() as u32, value: size_of::<V>() as u32, entries }
}

/// All maps that are pinned, and that an upgrade compares with the pins.
pub const SHAPES: &[Shape] = &[
    shape::<UpstreamKey, Upstream>(name::UPSTREAMS, MAX_UPSTREAMS),
    shape::<u32, Backend>(name::BACKENDS, MAX_BACKENDS),
    shape::<u32, Load>(name::LOADS, MAX_BACKENDS),
    shape::<u32, Outcomes>(name::OUTCOMES, MAX_UPSTREAMS),
    shape::<u32, Steered>(name::STEERED, 0),
];

/// Names of the programs in the object, in the order of attachment: the programs that end a count
/// come before those that begin one.
pub const PROGRAMS: [&str; 6] =
    ["sock_release", "sock_ops", "getpeername4", "getpeername6", "connect4", "connect6"];

/// Destination of a TCP connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(C)]
pub struct UpstreamKey {
    pub address: Address,
    /// Host order.
    pub port: u16,
    pub pad: [u8; 6],
}

/// The members and the balancing of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Upstream {
    /// Index into the outcomes.
    pub index: u32,
    /// `balance::LEAST_CONNECTIONS` or `balance::WEIGHTED_RANDOM`.
    pub balance: u32,
    /// Members in use; 0: connections are refused.
    pub count: u32,
    pub pad: u32,
    pub members: [Member; MAX_MEMBERS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Member {
    /// Backend index.
    pub backend: u32,
    pub weight: u32,
}

/// A real server. It may be a member of several upstreams, and has one load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(C)]
pub struct Backend {
    /// Unspecified (all zero) in an unused entry.
    pub address: Address,
    /// Host order.
    pub port: u16,
    pub pad: [u8; 6],
}

/// State of a backend from its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Load {
    /// Epoch of the count. A connection that was counted in an earlier epoch does not lower this
    /// count: the index belonged to another backend then, or connections may have been closed
    /// without a program that counted it. Written by the agent, with the count at 0.
    pub epoch: u64,
    /// Connections that were opened and not closed, including those not established yet. A
    /// connection that is closed while an epoch begins may leave the count one too low; a negative
    /// count is 0.
    pub in_flight: i64,
    /// Nanoseconds since boot: until then it is chosen only if all backends are suspect.
    pub suspect_until: u64,
    /// Connections that were steered to it.
    pub connects: u64,
    /// Those that were not established, or were reset.
    pub failures: u64,
}

/// Counts of connects to an upstream by result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Outcomes {
    /// Sent to a backend.
    pub steered: u64,
    /// Refused (EPERM), because no backend was usable.
    pub refused: u64,
    /// Steered, but not counted for lack of memory in the backend's load.
    pub uncounted: u64,
}

/// Socket storage of a steered socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Steered {
    /// The upstream's address that the process connected to.
    pub address: Address,
    pub epoch: u64,
    pub backend: u32,
    /// Host order.
    pub port: u16,
    /// 1 while it counts as in flight.
    pub counted: u8,
    /// 1 once it was established, 2 once it was reset.
    pub established: u8,
}

const _: () = {
    assert!(size_of::<UpstreamKey>() == 24);
    assert!(size_of::<Upstream>() == 528);
    assert!(size_of::<Backend>() == 24);
    assert!(size_of::<Load>() == 40);
    assert!(size_of::<Outcomes>() == 24);
    assert!(size_of::<Steered>() == 32);
    assert!(MAX_MEMBERS.is_power_of_two());
};

#[cfg(feature = "user")]
mod user {
    use super::*;

    macro_rules! pod {
        ($($name:ident)*) => {
            $(
                // SAFETY: `repr(C)`, integers and byte arrays only, and the size assertions leave
                // no room for padding.
                unsafe impl aya::Pod for $name {}
            )*
        };
    }

    pod!(UpstreamKey Upstream Backend Load Outcomes Steered);
}
