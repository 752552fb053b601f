//! The running configuration, and its replacement by a reload. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::drained::Drained;
use crate::map_ids::MapIds;
use vrrp_model::{Config, Router, RouterIdx, SyncGroup};

/// The configuration, including removed routers that still hand over, and its indices in the maps.
#[derive(Debug, Clone)]
pub struct RunningConfig {
    pub config: Arc<Config>,
    /// For each router, its index in the maps.
    pub indices: Vec<RouterIdx>,
    /// Places of routers that the configuration no longer has and that have not handed over yet.
    pub leaving: BTreeSet<RouterIdx>,
    pub slots: MapIds,
    /// Backends that are drained by order.
    pub drained: Drained,
}

/// The differences of a new configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Names of routers.
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
    /// Places to be released.
    pub released: Vec<RouterIdx>,
    pub services: bool,
    pub upstreams: bool,
    pub scripts: bool,
    pub groups: bool,
    /// Commands and FIFOs that are told of changes.
    pub notify: bool,
    /// Keys that take effect only when the agent starts.
    pub needs_restart: Vec<&'static str>,
}

impl Changes {
    /// For the log and the caller of a reload.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        for (what, names) in
            [("added", &self.added), ("changed", &self.changed), ("removed", &self.removed)]
        {
            if !names.is_empty() {
                parts.push(format!("{what} {}", names.join(", ")));
            }
        }
        if self.services {
            parts.push("services changed".to_owned());
        }
        if self.upstreams {
            parts.push("upstreams changed".to_owned());
        }
        if self.scripts {
            parts.push("scripts changed".to_owned());
        }
        if self.groups {
            parts.push("sync groups changed".to_owned());
        }
        if self.notify {
            parts.push("notify commands changed".to_owned());
        }
        if !self.needs_restart.is_empty() {
            parts.push(format!("only after a restart: {}", self.needs_restart.join(", ")));
        }
        if parts.is_empty() { "nothing changed".to_owned() } else { parts.join("; ") }
    }
}

impl RunningConfig {
    /// `slots`: numbers that the agent before this one gave.
    pub fn new(config: Config, indices: Vec<RouterIdx>, mut slots: MapIds) -> Self {
        slots.assign(&config.services);
        Self {
            config: Arc::new(config),
            indices,
            leaving: BTreeSet::new(),
            slots,
            drained: Drained::default(),
        }
    }

    /// Routers with their indices, leaving ones included.
    pub fn routers(&self) -> impl Iterator<Item = (RouterIdx, &Router)> {
        self.indices.iter().copied().zip(&self.config.routers)
    }

    /// The sync groups, by their members' indices in the maps. A router on its way out is in none,
    /// and one alone makes none.
    pub fn groups(&self) -> Vec<Vec<RouterIdx>> {
        let indices = |group: &SyncGroup| -> Vec<RouterIdx> {
            group.members.iter().filter_map(|&member| self.indices.get(member).copied()).collect()
        };
        self.config.groups.iter().map(indices).filter(|group| group.len() > 1).collect()
    }

    /// Puts `new` in force. A virtual router is the same one when interface, family and VRID are;
    /// it keeps its index.
    pub fn replace(&mut self, mut new: Config) -> Changes {
        let old = Arc::clone(&self.config);
        let mut changes = Changes {
            services: old.services != new.services,
            upstreams: old.upstreams != new.upstreams,
            scripts: old.scripts != new.scripts,
            groups: named(&old) != named(&new),
            notify: (&old.notify, &old.fifos) != (&new.notify, &new.fifos),
            needs_restart: needs_restart(&old, &new),
            ..Changes::default()
        };
        let mut indices = Vec::new();
        for router in &new.routers {
            let same = |(_, known): &(RouterIdx, &Router)| known.is_same(router);
            let known = self.routers().find(same).map(|(idx, known)| (idx, known != router));
            match known {
                Some((idx, changed)) => {
                    let returns = self.leaving.remove(&idx);
                    if changed || returns {
                        changes.changed.push(router.name.clone());
                    }
                    indices.push(idx);
                }
                None => {
                    changes.added.push(router.name.clone());
                    let taken =
                        |idx: &RouterIdx| self.indices.contains(idx) || indices.contains(idx);
                    indices.push(
                        (0..).map(RouterIdx::new).find(|idx| !taken(idx)).unwrap_or(RouterIdx::MAX),
                    );
                }
            }
        }
        let gone: Vec<(RouterIdx, Router)> = self
            .routers()
            .filter(|(idx, _)| !indices.contains(idx))
            .map(|(idx, router)| (idx, router.clone()))
            .collect();
        for (idx, router) in gone {
            if self.leaving.insert(idx) {
                changes.removed.push(router.name.clone());
                changes.released.push(idx);
            }
            indices.push(idx);
            new.routers.push(router);
        }
        self.slots.assign(&new.services);
        self.drained.retain(&new.services);
        self.indices = indices;
        self.config = Arc::new(new);
        changes
    }

    /// The configuration without routers on their way out.
    pub fn without_leaving(&self) -> Config {
        let mut config = Config::clone(&self.config);
        let mut indices = self.indices.iter();
        config.routers.retain(|_| indices.next().is_none_or(|idx| !self.leaving.contains(idx)));
        config
    }

    /// Forgets a router that has handed over.
    pub fn forget(&mut self, gone: RouterIdx) {
        self.leaving.remove(&gone);
        let Some(index) = self.indices.iter().position(|&idx| idx == gone) else {
            return;
        };
        self.indices.remove(index);
        Arc::make_mut(&mut self.config).routers.remove(index);
    }
}

/// The sync groups by names, which name the same routers in every order of the file.
fn named(config: &Config) -> Vec<(&str, Vec<&str>)> {
    let name = |&member: &usize| config.routers.get(member).map(|router| router.name.as_str());
    config
        .groups
        .iter()
        .map(|group| (group.name.as_str(), group.members.iter().filter_map(name).collect()))
        .collect()
}

fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let all = [
        ("metrics", old.metrics != new.metrics),
        ("api_socket", old.api_socket != new.api_socket),
        ("bpf_dir", old.bpf_dir != new.bpf_dir),
        ("xdp", old.xdp != new.xdp),
        ("startup_delay", old.startup_delay != new.startup_delay),
        ("election", old.election != new.election),
    ];
    all.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests;
