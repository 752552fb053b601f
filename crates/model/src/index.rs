//! Indices in the kernel program's maps, each a type of its own: a router's is never taken for a
//! service's.

use std::fmt;

/// Index of a virtual router in the maps. It is the router's for as long as it is configured, also
/// over reloads and restarts; the position in [`crate::Config::routers`] may change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouterIdx(u32);

impl RouterIdx {
    pub const MAX: Self = Self(u32::MAX);

    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// As the maps have it.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RouterIdx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
