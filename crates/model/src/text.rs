//! Parts of the model as people read them, in `check`, `explain` and messages.

use std::fmt;

use super::{Config, Family, Peer, Router, SyncGroup};

impl Config {
    /// The sync group of the router at `index`, and the names of its other members; `None` where it
    /// is alone.
    pub fn group_of(&self, index: usize) -> Option<(&SyncGroup, Vec<&str>)> {
        let group = self
            .groups
            .iter()
            .find(|group| group.members.len() > 1 && group.members.contains(&index))?;
        let others = group.members.iter().filter(|member| **member != index);
        Some((
            group,
            others
                .filter_map(|member| self.routers.get(*member))
                .map(|router| router.name.as_str())
                .collect(),
        ))
    }
}

impl Router {
    /// The peers as a list for people; empty without peers.
    pub fn peer_list(&self) -> String {
        self.peers.iter().map(Peer::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl fmt::Display for Peer {
    /// The range of TTLs only where one is allowed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.min_ttl {
            u8::MAX => write!(f, "{}", self.address),
            min_ttl => write!(f, "{} (TTL {min_ttl} to {})", self.address, self.max_ttl),
        }
    }
}
