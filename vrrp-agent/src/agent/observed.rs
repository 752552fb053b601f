//! What the status shows: an immutable value that the loop publishes after each round. Servers
//! read the newest one and never hold the loop up.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::knowledge::{Knowledge, ReloadFacts, ScriptTable};
use crate::effects::{Effects, Flips, Hook, Standing, TagsSeen};
use crate::plane::attach::Mode;
use crate::ring_agreement;
use vrrp_model::host::HostView;
use vrrp_model::time::Instant;
use vrrp_model::{Backend, Router, Service, XdpUse};
use vrrp_steering::desired::{self, Desired};
use vrrp_steering::health_table::HealthTable;
use vrrp_steering::ring::Serving;
use vrrp_steering::running_config::RunningConfig;
use vrrp_steering::tracking::Track;

#[derive(Clone)]
pub struct Observed {
    pub running: Arc<RunningConfig>,
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
    pub scripts: ScriptTable,
    pub desired: Arc<Desired>,
    pub track: Track,
    /// By index of the service.
    pub rings: Vec<Option<RingFacts>>,
    pub flips: Option<Flips>,
    /// By interface index.
    pub hooks: BTreeMap<u32, HookFacts>,
}

#[derive(Clone)]
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

#[derive(Clone)]
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
    /// Before the first round.
    pub fn new(known: &Knowledge) -> Self {
        Self {
            running: Arc::clone(&known.running),
            reload: None,
            host: Arc::default(),
            desired: Arc::default(),
            track: known.track.clone(),
            rings: Vec::new(),
            flips: None,
            hooks: BTreeMap::new(),
            paths: known.paths.clone(),
            upstream_checks: known.upstream_checks.clone(),
            upstreams: Vec::new(),
            agreement: ring_agreement::Heard::default(),
            scripts: known.scripts.clone(),
        }
    }

    /// After a round, without what other nodes report of their rings.
    pub fn of_round(
        known: &Knowledge,
        host: &Arc<HostView>,
        desired: &Arc<Desired>,
        effects: &Effects,
    ) -> Self {
        let running = &known.running;
        let config = &running.config;
        let standing = |(index, upstream)| effects.upstream(index, upstream);
        let hooks = desired.interfaces.keys();
        Self {
            reload: known.reload.clone(),
            host: Arc::clone(host),
            desired: Arc::clone(desired),
            rings: rings(running, effects),
            flips: effects.flips().copied(),
            hooks: hooks.map(|&ifindex| (ifindex, hook(config.xdp, effects, ifindex))).collect(),
            upstreams: config.upstreams.iter().enumerate().map(standing).collect(),
            ..Self::new(known)
        }
    }

    /// Why the router takes no part in the election; `None` where nothing keeps it out.
    pub fn fault(&self, router: &Router) -> Option<String> {
        let tracked = self.track.effective(router).fault;
        tracked
            .map(|fault| fault.describe(&self.running.config))
            .or_else(|| desired::binding(router, &self.host).err().map(|why| why.to_string()))
    }
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
                "the kernel program is not loaded: `vrrp-agent check --host` reports the cause"
                    .to_owned(),
            ),
        },
        tags: effects.tags(ifindex),
        slot: effects.slot(ifindex),
    }
}
