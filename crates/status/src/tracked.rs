//! The tracked scripts and interfaces that change a router's priority.

use std::fmt;

use serde::{Deserialize, Serialize};

use vrrp_steering::tracking::Health;

/// One term of the effective priority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedStatus {
    pub kind: TrackedKind,
    pub name: String,
    /// As configured; 0: its failure is a fault.
    pub weight: i16,
    /// Failure counts as well, and well as failure.
    #[serde(default)]
    pub reverse: bool,
    pub state: TrackedState,
    /// Its present summand of the effective priority.
    pub contributes: i16,
}

impl TrackedStatus {
    /// Whether it keeps the router out of the election.
    pub fn is_fault(&self) -> bool {
        let well = if self.reverse { TrackedState::Bad } else { TrackedState::Good };
        self.weight == 0 && self.state != well
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackedKind {
    Script,
    Interface,
}

impl fmt::Display for TrackedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TrackedKind::Script => "script",
            TrackedKind::Interface => "interface",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackedState {
    Good,
    Bad,
    /// No result yet.
    Unknown,
}

impl From<Health> for TrackedState {
    fn from(health: Health) -> Self {
        match health {
            Health::Good => TrackedState::Good,
            Health::Bad => TrackedState::Bad,
            Health::Unknown => TrackedState::Unknown,
        }
    }
}

impl fmt::Display for TrackedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TrackedState::Good => "good",
            TrackedState::Bad => "bad",
            TrackedState::Unknown => "unknown",
        })
    }
}
