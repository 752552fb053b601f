//! Draining by order: which backends take no new connections because of an order, and
//! what came of it. Pure.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::desired::Unusable;
use crate::drained::Drained;
use crate::ring::{Membership, Serving};
use vrrp_model::suggest;
use vrrp_model::time::Instant;
use vrrp_model::{Backend, Config, Service};

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub backend: IpAddr,
    /// Name of a service; every service that has the backend when absent.
    #[serde(default)]
    pub service: Option<String>,
    /// The backend's port; any when absent.
    #[serde(default)]
    pub port: Option<u16>,
    /// Ends the drain.
    #[serde(default)]
    pub undo: bool,
}

/// The agent's reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    pub outcome: Outcome,
    /// For people, a line for each thing there is to say.
    pub message: String,
    /// Each affected service.
    pub services: Vec<ServiceReply>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceReply {
    pub service: String,
    pub backend: SocketAddr,
    pub outcome: Outcome,
    /// Backends that take new connections now.
    pub remaining: usize,
    /// Whether the sorry server takes them instead.
    pub sorry: bool,
    /// How long connections stay with a backend that takes no new ones.
    pub drain_seconds: f64,
}

/// The greater one is the outcome of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was so before.
    Unchanged,
    /// It takes no new connections.
    Drained,
    /// It is drained no more.
    Undone,
    /// No service has such a backend.
    Unknown,
}

impl Outcome {
    /// What the command exits with.
    pub const fn exit_code(self) -> u8 {
        match self {
            Outcome::Unchanged | Outcome::Drained | Outcome::Undone => 0,
            Outcome::Unknown => 1,
        }
    }
}

/// An affected backend: index of its service, and its index in the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub service: usize,
    pub backend: usize,
}

impl Target {
    fn find(self, config: &Config) -> Option<(&Service, &Backend)> {
        let service = config.services.get(self.service)?;
        Some((service, service.backends.get(self.backend)?))
    }
}

impl Request {
    /// The backends that it names.
    ///
    /// # Errors
    /// No service, or no backend, of this name: the reply names what there is.
    pub fn targets(&self, config: &Config) -> Result<Vec<Target>, Reply> {
        let meant =
            |service: &Service| self.service.as_ref().is_none_or(|name| *name == service.name);
        if !config.services.iter().any(meant) {
            let known: Vec<&str> =
                config.services.iter().map(|service| service.name.as_str()).collect();
            let named = self.service.as_deref();
            return Err(unknown(named.map_or("no services are configured".to_owned(), |name| {
                suggest::unknown("service", name, &known)
            })));
        }
        let mut targets = Vec::new();
        let mut known = Vec::new();
        for (index, service) in
            config.services.iter().enumerate().filter(|(_, service)| meant(service))
        {
            for (position, backend) in service.backends.iter().enumerate() {
                if backend.address == self.backend
                    && self.port.is_none_or(|port| port == backend.port)
                {
                    targets.push(Target { service: index, backend: position });
                }
                known.push(place(backend).to_string());
            }
        }
        if targets.is_empty() {
            known.sort_unstable();
            known.dedup();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let asked = self.port.map_or(self.backend.to_string(), |port| {
                SocketAddr::new(self.backend, port).to_string()
            });
            let what = self
                .service
                .as_ref()
                .map_or("backend".to_owned(), |service| format!("backend of {service}"));
            return Err(unknown(suggest::unknown(&what, &asked, &known)));
        }
        Ok(targets)
    }

    /// Does what is asked for. Returns for each target whether it is news.
    pub fn apply(
        &self,
        drained: &mut Drained,
        now: Instant,
        config: &Config,
        targets: &[Target],
    ) -> Vec<bool> {
        let set = |target: &Target| {
            target
                .find(config)
                .is_some_and(|(service, backend)| drained.set(now, service, backend, !self.undo))
        };
        targets.iter().map(set).collect()
    }

    /// The reply, from what is wanted of each target's service now, and what keeps the backend from
    /// taking connections.
    pub fn reply(
        &self,
        config: &Config,
        done: &[(Target, bool, Membership, Option<Unusable>)],
    ) -> Reply {
        let mut reply =
            Reply { outcome: Outcome::Unchanged, message: String::new(), services: Vec::new() };
        for (target, news, roster, unusable) in done {
            let Some((service, backend)) = target.find(config) else {
                continue;
            };
            let outcome = match (news, self.undo) {
                (false, _) => Outcome::Unchanged,
                (true, false) => Outcome::Drained,
                (true, true) => Outcome::Undone,
            };
            let sorry = roster.serving == Serving::Sorry;
            let remaining = if sorry { 0 } else { roster.members.as_ref().map_or(0, Vec::len) };
            let said = match (outcome, self.undo) {
                (Outcome::Unchanged, false) => "was drained already".to_owned(),
                (Outcome::Unchanged, true) => "was not drained: nothing changes".to_owned(),
                (_, true) => unusable.map_or_else(
                    || "takes new connections again".to_owned(),
                    |unusable| {
                        format!("is drained no more, but takes no connections: {}", unusable.text())
                    },
                ),
                (_, false) => {
                    format!(
                        "takes no new connections; those it has may stay for {} s",
                        service.drain.as_secs_f64()
                    )
                }
            };
            let _ = writeln!(
                reply.message,
                "{}: {} {said}{}",
                service.name,
                place(backend),
                rest(roster, remaining)
            );
            reply.outcome = reply.outcome.max(outcome);
            reply.services.push(ServiceReply {
                service: service.name.clone(),
                backend: place(backend),
                outcome,
                remaining,
                sorry,
                drain_seconds: service.drain.as_secs_f64(),
            });
        }
        reply
    }
}

/// The backends that are left, with a warning where there are none.
fn rest(roster: &Membership, remaining: usize) -> String {
    match (roster.serving, &roster.members, remaining) {
        (Serving::Sorry, ..) => "; the sorry server takes them".to_owned(),
        (_, None, _) => "; the ring follows when every check has ended once".to_owned(),
        (_, _, 0) => "; warning: no backend is left, new connections are dropped".to_owned(),
        (_, _, 1) => "; 1 backend takes new ones".to_owned(),
        (_, _, several) => format!("; {several} backends take new ones"),
    }
}

fn place(backend: &Backend) -> SocketAddr {
    SocketAddr::new(backend.address, backend.port)
}

fn unknown(message: String) -> Reply {
    Reply { outcome: Outcome::Unknown, message: message + "\n", services: vec![] }
}

#[cfg(test)]
mod tests;
