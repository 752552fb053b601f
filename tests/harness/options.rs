//! The programs of a lab's nodes and their settings.

use std::path::{Path, PathBuf};

use crate::keepalived::Settings;

/// What runs the virtual routers of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Router {
    /// Our agent with the example's TOML.
    Agent,
    /// Our agent with a TOML text of the test's own (paths as in the example).
    AgentWith(String),
    /// Our agent, reading the node's keepalived.conf.
    AgentOnKeepalivedConf,
    /// Debian's keepalived.
    Keepalived,
    /// Nothing: the node has nginx only.
    Nothing,
}

impl Router {
    pub fn is_agent(&self) -> bool {
        matches!(self, Self::Agent | Self::AgentWith(_) | Self::AgentOnKeepalivedConf)
    }

    /// Whether it steers nginx's connections to php-fpm.
    pub fn steers_upstreams(&self) -> bool {
        match self {
            Self::Agent => true,
            Self::AgentWith(text) => text.contains("[[upstream]]"),
            Self::AgentOnKeepalivedConf | Self::Keepalived | Self::Nothing => false,
        }
    }

    pub fn describe(&self) -> &'static str {
        match self {
            Self::Agent | Self::AgentWith(_) => "vrrp-agent",
            Self::AgentOnKeepalivedConf => "vrrp-agent on keepalived.conf",
            Self::Keepalived => "keepalived",
            Self::Nothing => "no router",
        }
    }
}

/// The settings of a lab. Index 0 is node 1.
#[derive(Debug, Clone)]
pub struct LabOptions {
    pub routers: [Router; 2],
    pub settings: [Settings; 2],
    /// The `vrrp-agent` binary.
    pub agent: PathBuf,
}

impl LabOptions {
    /// Both nodes with the example's settings.
    pub fn new(node1: Router, node2: Router) -> Self {
        Self { routers: [node1, node2], settings: Default::default(), agent: agent_binary() }
    }

    /// The same, with other settings on both nodes.
    pub fn with_settings(mut self, settings: &Settings) -> Self {
        self.settings = [settings.clone(), settings.clone()];
        self
    }
}

/// `VRRP_AGENT_BIN`, else cargo's output path.
pub fn agent_binary() -> PathBuf {
    match std::env::var_os("VRRP_AGENT_BIN") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/vrrp-agent"),
    }
}
