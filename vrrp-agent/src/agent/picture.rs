//! What the loop knows and the status shows, updated whole after each round.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::desired::{Desired, Way};
use crate::effects::{Effects, Hook};
use crate::health;
use crate::model::{Config, XdpUse};
use crate::net::view::HostView;
use crate::plane::attach::Mode;
use crate::scripts::{self, Outcome};
use crate::track::{Health, Track};

#[derive(Default)]
pub struct Picture {
    pub host: Arc<HostView>,
    /// Is each backend's check good? By service and backend; `None` before its first result.
    pub health: Vec<Vec<Option<bool>>>,
    pub scripts: Vec<ScriptFacts>,
    /// By service and backend.
    pub ways: Vec<Vec<Way>>,
    pub rings: Vec<Option<RingFacts>>,
    /// By interface index.
    pub hooks: BTreeMap<u32, HookFacts>,
    /// By router: why tracking keeps it out.
    pub faults: Vec<Option<String>>,
}

#[derive(Default, Clone)]
pub struct ScriptFacts {
    pub health: Option<bool>,
    pub last_exit: Option<i32>,
    pub last_duration_ms: Option<u64>,
    pub runs: u64,
    pub failures: u64,
    pub timeouts: u64,
}

pub struct RingFacts {
    pub digest: u64,
    pub generation: u64,
    /// By backend of the service.
    pub slots: Vec<u32>,
}

pub struct HookFacts {
    pub attached: bool,
    /// By our own account; `None` for an adopted link.
    pub mode: Option<Mode>,
    pub program_id: Option<u32>,
    pub reason: Option<String>,
    /// Where its counters are.
    pub slot: Option<u32>,
}

impl Picture {
    pub fn new(config: &Config) -> Self {
        Self {
            health: config.services.iter().map(|service| vec![None; service.backends.len()]).collect(),
            scripts: vec![ScriptFacts::default(); config.scripts.len()],
            ..Self::default()
        }
    }

    pub fn on_health(&mut self, event: &health::Event) {
        let slot = self.health.get_mut(event.service).and_then(|backends| backends.get_mut(event.backend));
        if let Some(slot) = slot {
            *slot = Some(event.up);
        }
    }

    pub fn on_script(&mut self, event: &scripts::Event) {
        let Some(facts) = self.scripts.get_mut(event.script) else {
            return;
        };
        facts.runs += 1;
        facts.failures += u64::from(!event.ok);
        facts.timeouts += u64::from(event.outcome == Outcome::TimedOut);
        facts.last_exit = match event.outcome {
            Outcome::Exit(code) => Some(code),
            Outcome::Signal(_) | Outcome::TimedOut | Outcome::CannotStart(_) => None,
        };
        facts.last_duration_ms = u64::try_from(event.duration.as_millis()).ok();
    }

    /// Takes over what this round found and did.
    pub fn observe(
        &mut self,
        config: &Config,
        host: &Arc<HostView>,
        ways: Vec<Vec<Way>>,
        desired: &Desired,
        effects: &Effects,
        track: &Track,
    ) {
        self.host = Arc::clone(host);
        self.rings = rings(&ways, effects);
        self.ways = ways;
        self.hooks = desired.interfaces.keys().map(|&ifindex| (ifindex, hook(config.xdp, effects, ifindex))).collect();
        for (index, facts) in self.scripts.iter_mut().enumerate() {
            facts.health = match track.script_health(index) {
                Health::Unknown => None,
                Health::Good => Some(true),
                Health::Bad => Some(false),
            };
        }
        self.faults = config.routers.iter().map(|router| fault(config, track, router)).collect();
    }
}

fn fault(config: &Config, track: &Track, router: &crate::model::Router) -> Option<String> {
    track.effective(router).fault.map(|fault| fault.describe(config))
}

fn rings(ways: &[Vec<Way>], effects: &Effects) -> Vec<Option<RingFacts>> {
    let mut first = 0;
    let mut rings = Vec::new();
    for (service, backends) in ways.iter().enumerate() {
        rings.push(effects.ring(service).map(|published| RingFacts {
            digest: published.plan.digest,
            generation: published.generation,
            slots: (0..backends.len()).map(|b| published.plan.slots((first + b) as u16) as u32).collect(),
        }));
        first += backends.len();
    }
    rings
}

fn hook(wanted: XdpUse, effects: &Effects, ifindex: u32) -> HookFacts {
    let hook = effects.hook(ifindex);
    HookFacts {
        attached: matches!(hook, Some(Hook::Attached(_))),
        mode: hook.and_then(Hook::mode),
        program_id: hook.and_then(Hook::program_id),
        reason: match hook {
            Some(Hook::Refused(reason)) => Some(reason.clone()),
            Some(Hook::Attached(_)) => None,
            None if wanted == XdpUse::Off => Some("switched off in the configuration".to_owned()),
            None => Some("the kernel program is not loaded".to_owned()),
        },
        slot: effects.slot(ifindex),
    }
}
