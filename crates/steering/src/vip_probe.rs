//! Connections to a virtual address by the path that clients' packets take: the frames, and when
//! each is due.

pub mod frame;
pub mod schedule;

use std::collections::BTreeMap;

pub use frame::{Outer, Path};

/// What to probe, by index of the service and of its backend.
pub type Paths = BTreeMap<(usize, usize), Path>;
