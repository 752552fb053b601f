//! Effective priority and fault of a router from its tracked scripts and interfaces.
//!
//! Pure: the runner of scripts and the watcher of links report here, and ask for
//! [`Track::effective`] after a change.

use std::collections::BTreeMap;

use crate::hysteresis::Hysteresis;
use vrrp_model::{Config, Router, Script, Weight};

/// Effective priorities of a router that is not the address owner.
const LOWEST: i32 = 1;
const HIGHEST: i32 = 254;
const OWNER: u8 = 255;

/// Whether something tracked is well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    /// No result yet.
    #[default]
    Unknown,
    Good,
    Bad,
}

impl Health {
    /// As the weight has it: a reversed one exchanges good and bad.
    fn as_counted(self, weight: Weight) -> Self {
        match (self, weight.reverse) {
            (Self::Good, true) => Self::Bad,
            (Self::Bad, true) => Self::Good,
            (health, _) => health,
        }
    }
}

/// All scripts and interfaces of a node, whichever routers track them.
#[derive(Debug, Clone)]
pub struct Track {
    /// In the order of [`Config::scripts`].
    scripts: Vec<Hysteresis>,
    interfaces: BTreeMap<String, Health>,
}

/// The effect of tracking on one router.
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
    /// For people: the cause of the fault.
    pub fn describe(&self, config: &Config) -> String {
        let name =
            |script: &usize| config.scripts.get(*script).map_or("?", |script| script.name.as_str());
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
    /// Nothing known yet, except scripts with `init_fail`, which are bad.
    pub fn new(config: &Config) -> Self {
        let interfaces = config.routers.iter().flat_map(|router| &router.track_interfaces);
        Self {
            scripts: config.scripts.iter().map(hysteresis).collect(),
            interfaces: interfaces
                .map(|tracked| (tracked.interface.clone(), Health::Unknown))
                .collect(),
        }
    }

    /// The same for a new configuration: what is known of a script of the same name, or of an
    /// interface, stays known.
    pub fn carried_over(&self, old: &Config, new: &Config) -> Self {
        let mut next = Self::new(new);
        for (script, hysteresis) in new.scripts.iter().zip(&mut next.scripts) {
            let index = old.scripts.iter().position(|known| known.name == script.name);
            if let Some(up) =
                index.and_then(|index| self.scripts.get(index)).and_then(Hysteresis::up)
            {
                *hysteresis = Hysteresis::new(script.rise, script.fall).starting(up);
            }
        }
        for (name, health) in &mut next.interfaces {
            *health = self.interface_health(name);
        }
        next
    }

    /// Takes the result of one run of `script` (index into [`Config::scripts`]). Returns whether
    /// its health changed.
    ///
    /// The first result decides at once; from then on `rise` or `fall` consecutive ones turn it.
    pub fn result(&mut self, script: usize, ok: bool) -> bool {
        self.scripts.get_mut(script).is_some_and(|script| script.record(ok).is_some())
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
        match self.scripts.get(script).and_then(Hysteresis::up) {
            None => Health::Unknown,
            Some(true) => Health::Good,
            Some(false) => Health::Bad,
        }
    }

    /// Health of a tracked interface.
    pub fn interface_health(&self, name: &str) -> Health {
        self.interfaces.get(name).copied().unwrap_or(Health::Unknown)
    }

    /// Names of all tracked interfaces.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.interfaces.keys().map(String::as_str)
    }

    /// Priority and fault of `router`. Weights leave the address owner's priority alone; faults do
    /// not spare it.
    pub fn effective(&self, router: &Router) -> Effective {
        let mut sum = i32::from(router.priority);
        let mut fault = None;
        for tracked in &router.track_scripts {
            let health = self.script_health(tracked.script);
            sum += i32::from(adjustment(tracked.weight, health));
            if tracked.weight.value == 0 {
                let here = match health.as_counted(tracked.weight) {
                    Health::Good => None,
                    Health::Bad => Some(Fault::Script(tracked.script)),
                    Health::Unknown => Some(Fault::ScriptPending(tracked.script)),
                };
                fault = fault.or(here);
            }
        }
        for tracked in &router.track_interfaces {
            let health = self.interface_health(&tracked.interface);
            sum += i32::from(adjustment(tracked.weight, health));
            let counted = health.as_counted(tracked.weight);
            if tracked.weight.value == 0 && counted != Health::Good {
                fault = fault.or_else(|| Some(Fault::Interface(tracked.interface.clone())));
            }
        }
        Effective { priority: within(router, sum), fault }
    }
}

/// A positive weight counts while good, a negative one while bad; unknown counts neither.
pub fn adjustment(weight: Weight, health: Health) -> i16 {
    match health.as_counted(weight) {
        Health::Good => weight.value.max(0),
        Health::Bad => weight.value.min(0),
        Health::Unknown => 0,
    }
}

/// The lowest and the highest effective priority that tracking can make of a router.
pub fn range(router: &Router) -> (u8, u8) {
    let scripts = router.track_scripts.iter().map(|tracked| tracked.weight.value);
    let weights = scripts.chain(router.track_interfaces.iter().map(|tracked| tracked.weight.value));
    let (mut low, mut high) = (i32::from(router.priority), i32::from(router.priority));
    for weight in weights {
        low += i32::from(weight.min(0));
        high += i32::from(weight.max(0));
    }
    (within(router, low), within(router, high))
}

/// A sum of priority and weights, as it counts.
fn within(router: &Router, sum: i32) -> u8 {
    match router.priority {
        OWNER => OWNER,
        _ => u8::try_from(sum.clamp(LOWEST, HIGHEST)).unwrap_or(1),
    }
}

/// Nothing known yet, unless the script counts as failed until it succeeds.
fn hysteresis(script: &Script) -> Hysteresis {
    let hysteresis = Hysteresis::new(script.rise, script.fall);
    if script.init_fail { hysteresis.starting(false) } else { hysteresis }
}

#[cfg(test)]
mod tests;
