//! A double of the maps, for tests of the loop without root: it keeps what it was asked for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::steering::{PlaneFacts, Steering};
use super::xdp_attach::Programs;
use vrrp_model::host::HostView;
use vrrp_model::time::Instant;
use vrrp_steering::desired::Desired;
use vrrp_steering::running_config::RunningConfig;

/// One act, with what it was to make true.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    Steer { decided: Instant, desired: Box<Desired> },
    Apply { desired: Box<Desired> },
    LookAgain,
    Retire,
}

/// Shared by the loop and the test.
#[derive(Debug, Clone, Default)]
pub struct RecordingSteering(Arc<Mutex<Vec<Act>>>);

impl RecordingSteering {
    fn acts(&self) -> MutexGuard<'_, Vec<Act>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was done since this was called last.
    pub fn take(&self) -> Vec<Act> {
        std::mem::take(&mut self.acts())
    }
}

impl Steering for RecordingSteering {
    fn steer(&mut self, decided: Instant, desired: &Desired) {
        self.acts().push(Act::Steer { decided, desired: Box::new(desired.clone()) });
    }

    fn apply(
        &mut self,
        _: Instant,
        _: &RunningConfig,
        desired: &Desired,
        _: &HostView,
        _: &Programs,
    ) -> Option<Instant> {
        self.acts().push(Act::Apply { desired: Box::new(desired.clone()) });
        None
    }

    fn look_again(&mut self) {
        self.acts().push(Act::LookAgain);
    }

    fn attached(&self) -> BTreeSet<u32> {
        BTreeSet::new()
    }

    fn outlives(&self, _: u32) -> bool {
        false
    }

    fn facts(&self, _: &RunningConfig, _: &Desired) -> PlaneFacts {
        PlaneFacts::default()
    }

    fn retire(&mut self, _: &Desired, _: &HostView) {
        self.acts().push(Act::Retire);
    }
}
