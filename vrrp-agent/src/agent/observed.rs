//! What the status shows: an immutable value that the loop publishes after each round. Servers
//! read the newest one and never hold the loop up.

use std::sync::Arc;

use super::knowledge::{Knowledge, ReloadFacts, ScriptTable};
use crate::effects::{PlaneFacts, Steering};
use crate::ring_agreement;
use vrrp_model::Router;
use vrrp_model::host::HostView;
use vrrp_steering::desired::{self, Desired};
use vrrp_steering::health_table::HealthTable;
use vrrp_steering::running_config::RunningConfig;
use vrrp_steering::tracking::Track;

#[derive(Clone)]
pub struct Observed {
    pub running: Arc<RunningConfig>,
    pub reload: Option<ReloadFacts>,
    pub host: Arc<HostView>,
    /// Whether the checks of services' backends are good.
    pub checks: HealthTable,
    /// Whether connections to the virtual address get through to each backend.
    pub paths: HealthTable,
    /// Whether the checks of upstreams' backends are good.
    pub upstream_checks: HealthTable,
    /// What other nodes say of their rings.
    pub agreement: ring_agreement::Heard,
    pub scripts: ScriptTable,
    pub desired: Arc<Desired>,
    pub track: Track,
    /// What is in force in the kernel's programs.
    pub plane: PlaneFacts,
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
            plane: PlaneFacts::default(),
            checks: known.checks.clone(),
            paths: known.paths.clone(),
            upstream_checks: known.upstream_checks.clone(),
            agreement: ring_agreement::Heard::default(),
            scripts: known.scripts.clone(),
        }
    }

    /// After a round, without what other nodes report of their rings.
    pub fn of_round(
        known: &Knowledge,
        host: &Arc<HostView>,
        desired: &Arc<Desired>,
        steering: &dyn Steering,
    ) -> Self {
        Self {
            reload: known.reload.clone(),
            host: Arc::clone(host),
            desired: Arc::clone(desired),
            plane: steering.facts(&known.running, desired),
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
