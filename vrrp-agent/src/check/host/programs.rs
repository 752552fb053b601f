//! Whether this kernel loads the programs that a configuration needs: tried, not concluded.

use crate::kernel_release;
use crate::plane::refusal::{Cause, MINIMUM, Object};
use crate::plane::{PlaneError, loader, sockets};
use vrrp_config::{Diagnostic, Severity};
use vrrp_model::{Config, XdpUse};

use super::AS_STARTED;

/// What became of loading one object, attached to nothing and pinned nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    pub object: Object,
    pub outcome: Outcome,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Loads,
    /// This process may not load programs, or not with all that the verifier grants the agent.
    Untried(String),
    Refused(String),
}

impl Trial {
    /// For people.
    pub fn name(&self) -> &'static str {
        match self.object {
            Object::Xdp => "the XDP program",
            Object::Sockets => "the socket programs",
        }
    }

    fn new(object: Object, result: Result<(), PlaneError>) -> Self {
        let outcome = match result {
            Ok(()) => Outcome::Loads,
            Err(PlaneError::Refused(refusal))
                if refusal.cause() == Cause::Permission || !refusal.missing.is_empty() =>
            {
                Outcome::Untried(refusal.to_string())
            }
            Err(error) => Outcome::Refused(error.to_string()),
        };
        Self { object, outcome }
    }

    pub(super) fn finding(&self) -> Option<Diagnostic> {
        match &self.outcome {
            Outcome::Loads => None,
            Outcome::Untried(why) => {
                let message = format!(
                    "it could not be tried whether this kernel loads {}: {why}",
                    self.name()
                );
                Some(Diagnostic::host(Severity::Warning, message).help(AS_STARTED))
            }
            Outcome::Refused(why) => Some(Diagnostic::host(
                Severity::Error,
                format!("{} does not load: {why}", self.name()),
            )),
        }
    }
}

/// Loads what `config` needs. The maps take their memory for as long.
pub(super) fn try_out(config: &Config) -> Vec<Trial> {
    let mut trials = Vec::new();
    if config.xdp != XdpUse::Off {
        trials.push(Trial::new(Object::Xdp, loader::try_out()));
    }
    if !config.upstreams.is_empty() {
        trials.push(Trial::new(Object::Sockets, sockets::try_out()));
    }
    trials
}

/// One line on the kernel, for people: `kernel 6.18.44: the XDP program loads`.
pub fn describe(trials: &[Trial]) -> String {
    let (major, minor) = MINIMUM;
    let one = |trial: &Trial| match trial.outcome {
        Outcome::Loads => format!(
            "{} {}",
            trial.name(),
            if trial.object == Object::Xdp { "loads" } else { "load" }
        ),
        Outcome::Untried(_) => format!("{} could not be tried", trial.name()),
        Outcome::Refused(_) => format!(
            "{} {} not load",
            trial.name(),
            if trial.object == Object::Xdp { "does" } else { "do" }
        ),
    };
    let said: Vec<String> = trials.iter().map(one).collect();
    let said =
        if said.is_empty() { "no kernel program is needed".to_owned() } else { said.join(", ") };
    format!("kernel {} (minimum {major}.{minor}): {said}", kernel_release::release())
}
