//! The seam between the loop and the maps: a test puts a recording double behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::rings::Flips;
use super::tags::Seen;
use super::upstreams::Standing;
use super::xdp_attach::Programs;
use crate::plane::attach::Mode;
use vrrp_model::host::HostView;
use vrrp_model::time::Instant;
use vrrp_steering::desired::Desired;
use vrrp_steering::ring::Serving;
use vrrp_steering::running_config::RunningConfig;

/// What the loop does with the kernel's programs. No method waits.
pub trait Steering: Send {
    /// Lets the services of `desired` be served as was decided at `decided`, and does nothing else.
    fn steer(&mut self, decided: Instant, desired: &Desired);

    /// Makes the whole of `desired` true in the maps and on the interfaces, as far as possible.
    /// Returns when to come back for what had to wait.
    fn apply(
        &mut self,
        now: Instant,
        running: &RunningConfig,
        desired: &Desired,
        host: &HostView,
        programs: &Programs,
    ) -> Option<Instant>;

    /// After a reload: other cgroups may be asked for.
    fn look_again(&mut self);

    /// The interfaces that the program is attached to.
    fn attached(&self) -> BTreeSet<u32>;

    /// Whether the program on an interface stays there, and goes on, without this agent.
    fn outlives(&self, ifindex: u32) -> bool;

    /// What is in force, for the status.
    fn facts(&self, running: &RunningConfig, desired: &Desired) -> PlaneFacts;

    /// At the end of a graceful stop: takes everything back that no other node relies on.
    fn retire(&mut self, desired: &Desired, host: &HostView);
}

/// What is in force.
#[derive(Clone, Default)]
pub struct PlaneFacts {
    /// By index of the service.
    pub rings: Vec<Option<RingFacts>>,
    /// How long rings took to be in force; `None` without the kernel program.
    pub flips: Option<Flips>,
    /// By interface index.
    pub hooks: BTreeMap<u32, HookFacts>,
    /// By upstream.
    pub upstreams: Vec<Standing>,
}

/// The ring of a service.
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

/// The program on an interface.
#[derive(Clone)]
pub struct HookFacts {
    pub attached: bool,
    /// By our own account; `None` for an adopted link.
    pub mode: Option<Mode>,
    pub program_id: Option<u32>,
    pub reason: Option<Arc<str>>,
    pub tags: Seen,
    /// Where its counters are.
    pub slot: Option<u32>,
}
