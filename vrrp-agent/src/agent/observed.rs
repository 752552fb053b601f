//! What the loop knows and the status shows, updated whole after each round.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::effects::{Effects, Flips, Hook, Standing, TagsSeen};
use crate::plane::attach::Mode;
use crate::ring_agreement;
use crate::scripts::{self, Outcome};
use vrrp_model::host::HostView;
use vrrp_model::time::Instant;
use vrrp_model::{Backend, Config, Script, Service, XdpUse};
use vrrp_steering::desired::{self, Desired, ServiceReachability};
use vrrp_steering::health_table::HealthTable;
use vrrp_steering::ring::Serving;
use vrrp_steering::running_config::RunningConfig;
use vrrp_steering::tracking::{Health, Track};

pub struct Observed {
    pub running: RunningConfig,
    pub reload: Option<ReloadFacts>,
    pub host: Arc<HostView>,
    /// Whether connections to the virtual address get through to each backend.
    pub paths: HealthTable,
    /// Whether the checks of upstreams' backends are good.
    pub upstream_checks: HealthTable,
    /// By upstream.
    pub upstreams: Vec<Standing>,
    /// What other nodes say of their rings.
    pub agreement: ring_agreement::Heard,
    pub scripts: Vec<ScriptFacts>,
    /// By index of the service.
    pub reachabilities: BTreeMap<usize, ServiceReachability>,
    pub rings: Vec<Option<RingFacts>>,
    pub flips: Option<Flips>,
    /// By interface index.
    pub hooks: BTreeMap<u32, HookFacts>,
    /// By router: why tracking keeps it out.
    pub faults: Vec<Option<String>>,
}

#[derive(Default, Clone)]
pub struct ScriptFacts {
    pub health: Health,
    pub last_exit: Option<i32>,
    pub last_duration_ms: Option<u64>,
    pub runs: u64,
    pub failures: u64,
    pub timeouts: u64,
}

/// How the last reload went.
#[derive(Clone)]
pub struct ReloadFacts {
    pub successful: bool,
    pub message: String,
    pub at: SystemTime,
    /// When one last succeeded.
    pub success_at: Option<SystemTime>,
}

pub struct RingFacts {
    pub digest: u64,
    pub generation: u64,
    pub serving: Serving,
    pub quorum_met: bool,
    /// While older flows are drained: when that ends, and how many slots' flows are looked up.
    pub drain: Option<(Instant, usize)>,
    /// By backend of the service.
    pub slots: Vec<u32>,
}

pub struct HookFacts {
    pub attached: bool,
    /// By our own account; `None` for an adopted link.
    pub mode: Option<Mode>,
    pub program_id: Option<u32>,
    pub reason: Option<String>,
    pub tags: TagsSeen,
    /// Where its counters are.
    pub slot: Option<u32>,
}

impl Observed {
    pub fn new(running: &RunningConfig) -> Self {
        let config = &running.config;
        Self {
            running: running.clone(),
            reload: None,
            host: Arc::default(),
            reachabilities: BTreeMap::new(),
            rings: Vec::new(),
            flips: None,
            hooks: BTreeMap::new(),
            faults: Vec::new(),
            paths: HealthTable::of_services(config),
            upstream_checks: HealthTable::of_upstreams(config),
            upstreams: Vec::new(),
            agreement: ring_agreement::Heard::default(),
            scripts: vec![ScriptFacts::default(); config.scripts.len()],
        }
    }

    /// Takes over a new configuration: what is known of the same script stays known.
    pub fn reconfigure(&mut self, old: &Config, new: &Config) {
        let facts = |script: &Script| {
            let index = old.scripts.iter().position(|known| known.name == script.name);
            index.and_then(|index| self.scripts.get(index).cloned()).unwrap_or_default()
        };
        self.scripts = new.scripts.iter().map(facts).collect();
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
        running: &RunningConfig,
        host: &Arc<HostView>,
        desired: &Desired,
        effects: &Effects,
        track: &Track,
    ) {
        let config = &running.config;
        self.running = running.clone();
        self.host = Arc::clone(host);
        self.rings = rings(running, effects);
        let standing = |(index, upstream)| effects.upstream(index, upstream);
        self.upstreams = config.upstreams.iter().enumerate().map(standing).collect();
        self.flips = effects.flips().copied();
        self.reachabilities.clone_from(&desired.reachabilities);
        self.hooks = desired
            .interfaces
            .keys()
            .map(|&ifindex| (ifindex, hook(config.xdp, effects, ifindex)))
            .collect();
        for (index, facts) in self.scripts.iter_mut().enumerate() {
            facts.health = track.script_health(index);
        }
        let fault = |router| {
            fault(config, track, router)
                .or_else(|| desired::binding(router, host).err().map(|why| why.to_string()))
        };
        self.faults = config.routers.iter().map(fault).collect();
    }
}

fn fault(config: &Config, track: &Track, router: &vrrp_model::Router) -> Option<String> {
    track.effective(router).fault.map(|fault| fault.describe(config))
}

fn rings(running: &RunningConfig, effects: &Effects) -> Vec<Option<RingFacts>> {
    let of = |service: &Service| {
        let published = effects.ring(running.slots.service(service)?)?;
        let (course, roster) = (&published.course, &published.roster);
        let slots = |backend: &Backend| {
            running
                .slots
                .backend(service, backend)
                .map_or(0, |number| course.plan().slots(number as u16))
        };
        Some(RingFacts {
            digest: course.plan().digest,
            generation: course.generation(),
            serving: roster.serving,
            quorum_met: roster.quorum_met,
            drain: course.drain().map(|drain| (drain.until(service.drain), drain.marked_slots())),
            slots: service.backends.iter().map(slots).collect(),
        })
    };
    running.config.services.iter().map(of).collect()
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
            None => Some(
                "the kernel program is not loaded: `vrrp-agent check --host` says why".to_owned(),
            ),
        },
        tags: effects.tags(ifindex),
        slot: effects.slot(ifindex),
    }
}
