//! Making desired state true: [`DataPlane`] changes the kernel program's maps and hooks, which
//! takes microseconds; [`Host`] changes addresses, routes and settings, which waits for the kernel.
//!
//! Both are level-triggered: they take the whole of what should be, compare it with what is, and do
//! what differs. They may be called at any time and any number of times; what failed is tried again
//! by the next call. The agent's loop alone calls the data plane; the host is a task of its own,
//! which follows the newest desired state.

mod addresses;
mod claims;
mod data_plane;
mod host;
mod kernel;
mod nat_sysctls;
mod neighbours;
mod problems;
mod record;
#[cfg(test)]
mod recording;
mod rings;
mod routing;
mod settings;
mod steering;
mod tags;
mod undo;
mod unicast_filter;
mod upstreams;
mod xdp_attach;

pub use data_plane::DataPlane;
pub use host::{Announced, Host, HostTask, Wanted};
pub use problems::Problems;
pub use record::path as record_path;
#[cfg(test)]
pub use recording::{Act, RecordingSteering};
pub use steering::{HookFacts, PlaneFacts, RingFacts, Steering};
pub use tags::Seen as TagsSeen;
pub use undo::undo;
pub use upstreams::Standing;
