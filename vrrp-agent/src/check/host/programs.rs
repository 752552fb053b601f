//! Whether this kernel loads the programs that a configuration needs: found out by loading them.

use crate::kernel_release;
use crate::plane::refusal::{Cause, MINIMUM, Object};
use crate::plane::{PlaneError, loader, sockets};
use vrrp_config::{Diagnostic, Severity};
use vrrp_model::{Config, XdpUse};

use super::AS_STARTED;

/// The result of loading one object, attached to nothing and not pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    pub object: Object,
    pub outcome: Outcome,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Loads,
    /// This process may not load programs, or lacks a capability that the agent has.
    Untried(String),
    Refused(String),
}

impl Trial {
    /// Name for messages.
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
                let message =
                    format!("could not find out whether this kernel loads {}: {why}", self.name());
                Some(Diagnostic::host(Severity::Warning, message).help(AS_STARTED))
            }
            Outcome::Refused(why) => Some(Diagnostic::host(
                Severity::Error,
                format!("{} does not load: {why}", self.name()),
            )),
        }
    }
}

/// Loads the programs that `config` needs, with their maps, for a moment.
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

/// One line about the kernel: `kernel 6.18.44: the XDP program loads`.
pub fn describe(trials: &[Trial]) -> String {
    let (major, minor) = MINIMUM;
    let one = |trial: &Trial| match trial.outcome {
        Outcome::Loads => format!(
            "{} {}",
            trial.name(),
            if trial.object == Object::Xdp { "loads" } else { "load" }
        ),
        Outcome::Untried(_) => format!("{} not tried", trial.name()),
        Outcome::Refused(_) => format!(
            "{} {} not load",
            trial.name(),
            if trial.object == Object::Xdp { "does" } else { "do" }
        ),
    };
    let results: Vec<String> = trials.iter().map(one).collect();
    let results = if results.is_empty() {
        "no kernel program is needed".to_owned()
    } else {
        results.join(", ")
    };
    format!("kernel {} (minimum {major}.{minor}): {results}", kernel_release::release())
}
