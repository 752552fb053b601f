//! The configuration in force, and how a new one takes its place. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{Config, Router};
use crate::slots::Slots;

/// What the agent works by: the configuration, routers on their way out included, and where its parts are in the maps.
#[derive(Debug, Clone)]
pub struct Force {
    pub config: Arc<Config>,
    /// For each router, its place.
    pub places: Vec<u32>,
    /// Places of routers that the configuration no longer has and that have not handed over yet.
    pub leaving: BTreeSet<u32>,
    pub slots: Slots,
}

/// What is different in a new configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Names of routers.
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
    /// Places to be released.
    pub released: Vec<u32>,
    pub services: bool,
    pub scripts: bool,
    /// Keys that take effect only when the agent starts.
    pub needs_restart: Vec<&'static str>,
}

impl Changes {
    /// For the log and the caller of a reload.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        for (what, names) in [("added", &self.added), ("changed", &self.changed), ("removed", &self.removed)] {
            if !names.is_empty() {
                parts.push(format!("{what} {}", names.join(", ")));
            }
        }
        if self.services {
            parts.push("services changed".to_owned());
        }
        if self.scripts {
            parts.push("scripts changed".to_owned());
        }
        if !self.needs_restart.is_empty() {
            parts.push(format!("only after a restart: {}", self.needs_restart.join(", ")));
        }
        if parts.is_empty() { "nothing changed".to_owned() } else { parts.join("; ") }
    }
}

impl Force {
    pub fn new(config: Config, places: Vec<u32>) -> Self {
        let mut slots = Slots::default();
        slots.assign(&config.services);
        Self { config: Arc::new(config), places, leaving: BTreeSet::new(), slots }
    }

    /// Routers with their places, leaving ones included.
    pub fn routers(&self) -> impl Iterator<Item = (u32, &Router)> {
        self.places.iter().copied().zip(&self.config.routers)
    }

    /// Puts `new` in force. A virtual router is the same one when interface and VRID are; it keeps its place.
    pub fn replace(&mut self, mut new: Config) -> Changes {
        let old = Arc::clone(&self.config);
        let mut changes = Changes {
            services: old.services != new.services,
            scripts: old.scripts != new.scripts,
            needs_restart: needs_restart(&old, &new),
            ..Changes::default()
        };
        let mut places = Vec::new();
        for router in &new.routers {
            let same = |(_, known): &(u32, &Router)| (known.vrid, &known.interface) == (router.vrid, &router.interface);
            let known = self.routers().find(same).map(|(place, known)| (place, known != router));
            match known {
                Some((place, changed)) => {
                    let returns = self.leaving.remove(&place);
                    if changed || returns {
                        changes.changed.push(router.name.clone());
                    }
                    places.push(place);
                }
                None => {
                    changes.added.push(router.name.clone());
                    let taken = |place: &u32| self.places.contains(place) || places.contains(place);
                    places.push((0..).find(|place| !taken(place)).unwrap_or(u32::MAX));
                }
            }
        }
        let gone: Vec<(u32, Router)> =
            self.routers().filter(|(place, _)| !places.contains(place)).map(|(place, router)| (place, router.clone())).collect();
        for (place, router) in gone {
            if self.leaving.insert(place) {
                changes.removed.push(router.name.clone());
                changes.released.push(place);
            }
            places.push(place);
            new.routers.push(router);
        }
        self.slots.assign(&new.services);
        self.places = places;
        self.config = Arc::new(new);
        changes
    }

    /// Forgets a router that has handed over.
    pub fn forget(&mut self, gone: u32) {
        self.leaving.remove(&gone);
        let Some(index) = self.places.iter().position(|&place| place == gone) else {
            return;
        };
        self.places.remove(index);
        Arc::make_mut(&mut self.config).routers.remove(index);
    }
}

fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let all = [
        ("metrics", old.metrics != new.metrics),
        ("api_socket", old.api_socket != new.api_socket),
        ("bpf_dir", old.bpf_dir != new.bpf_dir),
        ("xdp", old.xdp != new.xdp),
        ("startup_delay", old.startup_delay != new.startup_delay),
    ];
    all.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}
