//! What a router's tracked scripts and interfaces make of its priority: hysteresis, weights, fault.
//!
//! Pure: whoever runs the scripts and watches the links reports here, and asks for [`Track::effective`] after a change.

use std::collections::BTreeMap;

use crate::model::{Config, Router, Script};

/// Effective priorities of a router that is not the address owner.
const LOWEST: i32 = 1;
const HIGHEST: i32 = 254;
const OWNER: u8 = 255;

/// Whether something tracked is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// No result yet.
    Unknown,
    Good,
    Bad,
}

/// All scripts and interfaces of a node, whichever routers track them.
#[derive(Debug, Clone)]
pub struct Track {
    /// In the order of [`Config::scripts`].
    scripts: Vec<ScriptHealth>,
    interfaces: BTreeMap<String, Health>,
}

#[derive(Debug, Clone)]
struct ScriptHealth {
    health: Health,
    rise: u32,
    fall: u32,
    /// Consecutive results that speak against `health`.
    against: u32,
}

/// What tracking makes of one router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// 1..=254, or 255 for the address owner.
    pub priority: u8,
    /// The first thing that keeps the router from taking part.
    pub fault: Option<Fault>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A script of weight 0 fails. Index into [`Config::scripts`].
    Script(usize),
    /// A script of weight 0 has not had its first result.
    ScriptPending(usize),
    /// An interface of weight 0 is down or missing.
    Interface(String),
}

impl Fault {
    /// For people: what keeps the router out.
    pub fn describe(&self, config: &Config) -> String {
        let name = |script: &usize| config.scripts.get(*script).map_or("?", |script| script.name.as_str());
        match self {
            Fault::Script(script) => format!("script {} fails", name(script)),
            Fault::ScriptPending(script) => format!("script {} has not ended yet", name(script)),
            Fault::Interface(interface) => format!("interface {interface} is down"),
        }
    }
}

impl Health {
    /// The word used in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Health::Unknown => "unknown",
            Health::Good => "good",
            Health::Bad => "bad",
        }
    }
}

impl Track {
    /// Nothing known yet, but for scripts with `init_fail`, which are bad.
    pub fn new(config: &Config) -> Self {
        let interfaces = config.routers.iter().flat_map(|router| &router.track_interfaces);
        Self {
            scripts: config.scripts.iter().map(ScriptHealth::new).collect(),
            interfaces: interfaces.map(|tracked| (tracked.interface.clone(), Health::Unknown)).collect(),
        }
    }

    /// Takes the result of one run of `script` (index into [`Config::scripts`]). Returns whether its health changed.
    ///
    /// The first result decides at once; from then on `rise` or `fall` consecutive ones turn it.
    pub fn result(&mut self, script: usize, ok: bool) -> bool {
        self.scripts.get_mut(script).is_some_and(|script| script.result(ok))
    }

    /// Takes the state of a link; a missing interface is not up. Returns whether that is news.
    pub fn interface(&mut self, name: &str, up: bool) -> bool {
        let health = if up { Health::Good } else { Health::Bad };
        match self.interfaces.get_mut(name) {
            Some(known) if *known != health => {
                *known = health;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Health of a script (index into [`Config::scripts`]).
    pub fn script_health(&self, script: usize) -> Health {
        self.scripts.get(script).map_or(Health::Unknown, |script| script.health)
    }

    /// Health of a tracked interface.
    pub fn interface_health(&self, name: &str) -> Health {
        self.interfaces.get(name).copied().unwrap_or(Health::Unknown)
    }

    /// Names of all tracked interfaces.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.interfaces.keys().map(String::as_str)
    }

    /// Priority and fault of `router`. Weights leave the address owner's priority alone; faults do not spare it.
    pub fn effective(&self, router: &Router) -> Effective {
        let mut sum = i32::from(router.priority);
        let mut fault = None;
        for tracked in &router.track_scripts {
            let health = self.script_health(tracked.script);
            sum += adjustment(tracked.weight, health);
            if tracked.weight == 0 {
                let here = match health {
                    Health::Good => None,
                    Health::Bad => Some(Fault::Script(tracked.script)),
                    Health::Unknown => Some(Fault::ScriptPending(tracked.script)),
                };
                fault = fault.or(here);
            }
        }
        for tracked in &router.track_interfaces {
            let health = self.interface_health(&tracked.interface);
            sum += adjustment(tracked.weight, health);
            if tracked.weight == 0 && health != Health::Good {
                fault = fault.or_else(|| Some(Fault::Interface(tracked.interface.clone())));
            }
        }
        let priority = match router.priority {
            OWNER => OWNER,
            _ => u8::try_from(sum.clamp(LOWEST, HIGHEST)).unwrap_or(1),
        };
        Effective { priority, fault }
    }
}

/// A positive weight rewards health, a negative one punishes failure; what is unknown does neither.
fn adjustment(weight: i16, health: Health) -> i32 {
    match health {
        Health::Good => i32::from(weight.max(0)),
        Health::Bad => i32::from(weight.min(0)),
        Health::Unknown => 0,
    }
}

impl ScriptHealth {
    fn new(script: &Script) -> Self {
        let health = if script.init_fail { Health::Bad } else { Health::Unknown };
        Self { health, rise: script.rise, fall: script.fall, against: 0 }
    }

    fn result(&mut self, ok: bool) -> bool {
        let (next, needed) = match (self.health, ok) {
            (Health::Unknown, true) => (Health::Good, 1),
            (Health::Unknown, false) => (Health::Bad, 1),
            (Health::Bad, true) => (Health::Good, self.rise),
            (Health::Good, false) => (Health::Bad, self.fall),
            (Health::Good, true) | (Health::Bad, false) => {
                self.against = 0;
                return false;
            }
        };
        self.against += 1;
        if self.against < needed {
            return false;
        }
        self.health = next;
        self.against = 0;
        true
    }
}

#[cfg(test)]
mod tests;
