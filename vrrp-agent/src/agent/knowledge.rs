//! What the agent knows: the running configuration, and the results of checks, probes and scripts.
//! It reads no clock and changes nothing outside itself.

use std::sync::Arc;
use std::time::SystemTime;

use crate::elector::{RouterView, View};
use crate::process::Outcome;
use crate::scripts;
use vrrp_model::host::HostView;
use vrrp_model::{Config, Script};
use vrrp_steering::desired::Facts;
use vrrp_steering::health_table::HealthTable;
use vrrp_steering::running_config::{Changes, RunningConfig};
use vrrp_steering::startup_gate;
use vrrp_steering::tracking::Track;

pub struct Knowledge {
    pub running: Arc<RunningConfig>,
    pub checks: HealthTable,
    pub upstream_checks: HealthTable,
    /// Results of the VIP probes.
    pub paths: HealthTable,
    pub track: Track,
    pub scripts: ScriptTable,
    /// How the last reload went.
    pub reload: Option<ReloadFacts>,
}

impl Knowledge {
    pub fn new(running: RunningConfig) -> Self {
        let config = &running.config;
        Self {
            checks: HealthTable::of_services(config),
            upstream_checks: HealthTable::of_upstreams(config),
            paths: HealthTable::of_services(config),
            track: Track::new(config),
            scripts: ScriptTable::new(config),
            reload: None,
            running: Arc::new(running),
        }
    }

    /// Puts a new configuration in force; what is known of the same checks and scripts stays known.
    pub fn replace(&mut self, new: Config) -> Changes {
        let old = Arc::clone(&self.running.config);
        let changes = Arc::make_mut(&mut self.running).replace(new);
        let new = &self.running.config;
        self.track = self.track.carried_over(&old, new);
        self.checks = self.checks.over_services(&old, new);
        self.upstream_checks = self.upstream_checks.over_upstreams(&old, new);
        self.scripts = self.scripts.carried_over(&old, new);
        if changes.services {
            self.paths = HealthTable::of_services(new);
        }
        changes
    }

    /// For each router, whether this node is active for it.
    pub fn active(&self, view: &View) -> Vec<bool> {
        let active = |idx| view.routers.get(idx).is_some_and(RouterView::is_active);
        self.running.indices.iter().map(active).collect()
    }

    /// The inputs of the desired state.
    pub fn facts<'a>(
        &'a self,
        host: &'a HostView,
        active: &'a [bool],
        stopping: bool,
    ) -> Facts<'a> {
        let running = &self.running;
        Facts {
            config: &running.config,
            host,
            active,
            indices: &running.indices,
            slots: &running.slots,
            stopping,
            health: self.checks.results(),
            paths: self.paths.results(),
            drained: &running.drained,
        }
    }

    /// Number of backends whose check has no result yet.
    pub fn unchecked(&self) -> usize {
        startup_gate::unchecked(self.checks.results())
            + startup_gate::unchecked(self.upstream_checks.results())
    }
}

#[derive(Default, Clone)]
pub struct ScriptFacts {
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

/// What is known of each script, in the order of [`Config::scripts`].
#[derive(Clone)]
pub struct ScriptTable(Vec<ScriptFacts>);

impl ScriptTable {
    pub fn new(config: &Config) -> Self {
        Self(vec![ScriptFacts::default(); config.scripts.len()])
    }

    pub fn facts(&self) -> &[ScriptFacts] {
        &self.0
    }

    /// Under a new configuration: what is known of the same script stays known.
    pub fn carried_over(&self, old: &Config, new: &Config) -> Self {
        let facts = |script: &Script| {
            let index = old.scripts.iter().position(|known| known.name == script.name);
            index.and_then(|index| self.0.get(index).cloned()).unwrap_or_default()
        };
        Self(new.scripts.iter().map(facts).collect())
    }

    pub fn note(&mut self, event: &scripts::Event) {
        let Some(facts) = self.0.get_mut(event.script) else {
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
}
