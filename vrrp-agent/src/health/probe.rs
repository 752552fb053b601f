//! Asks backends whether they are well.
//!
//! Tasks: one per backend of a service with a check, owned by [`Probes`]. A task has at most one probe in flight; cancelling it at any
//! point only closes its sockets.
//!
//! A successful probe leaves its connection open, and the task reads it until the next one: when the server's process dies the kernel
//! resets the connection, and the task asks again at once instead of at the next interval. A lost connection alone is no failure.

mod attempt;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Event;
use super::hysteresis::Hysteresis;
use crate::model::{Backend, Check, CheckKind, Service};
use attempt::{Held, Target};

/// The first pause between two probes out of turn; each later one is twice as long, so that a server that closes every connection is
/// asked at most about ten times per interval.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// The running probes; dropping it ends them.
#[derive(Debug)]
pub struct Probes {
    _tasks: JoinSet<()>,
}

/// Starts the probes of all services. Each sends its first result as soon as it has one, then changes; a service without a check sends
/// "up" once per backend.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn(services: &[Service], events: &mpsc::Sender<Event>) -> Probes {
    let mut tasks = JoinSet::new();
    for (service_index, service) in services.iter().enumerate() {
        for (backend_index, backend) in service.backends.iter().enumerate() {
            let probe = Probe {
                service: service_index,
                backend: backend_index,
                service_name: service.name.clone(),
                address: SocketAddr::new(backend.address, backend.port),
                target: target(&service.check, backend),
                check: service.check.clone(),
                events: events.clone(),
            };
            tasks.spawn(probe.run());
        }
    }
    Probes { _tasks: tasks }
}

/// What to ask; `None` when the backend counts as up without asking.
fn target(check: &Check, backend: &Backend) -> Option<Target> {
    let at = |port: Option<u16>| SocketAddr::new(backend.address, port.unwrap_or(backend.port));
    match &check.kind {
        CheckKind::None => None,
        CheckKind::Tcp { port } => Some(Target::Tcp(at(*port))),
        CheckKind::Http { port, path } => Some(Target::Http { at: at(*port), path: path.clone() }),
    }
}

struct Probe {
    service: usize,
    backend: usize,
    service_name: String,
    address: SocketAddr,
    target: Option<Target>,
    check: Check,
    events: mpsc::Sender<Event>,
}

impl Probe {
    /// Runs until nobody listens to the events any more.
    async fn run(self) {
        let Some(target) = &self.target else {
            let _ = self.tell(true, "not checked".to_owned()).await;
            return;
        };
        let mut health = Hysteresis::new(self.check.rise, self.check.fall);
        // A zero interval would panic; the model's smallest is far above.
        let mut ticks = tokio::time::interval(self.check.interval.max(FIRST_PAUSE));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut held: Option<Held> = None;
        let mut suspicion = Suspicion::default();
        loop {
            tokio::select! {
                _ = ticks.tick() => suspicion.new_interval(),
                () = lost(&mut held) => {
                    held = None;
                    suspicion.raise();
                    continue;
                }
                () = suspicion.pause() => suspicion.probing(),
            }
            let result = self.ask(target).await;
            let ok = result.is_ok();
            let reason = match result {
                Ok((saw, connection)) => {
                    held = connection;
                    saw
                }
                Err(why) => why,
            };
            let change = health.record(ok);
            if ok || health.up() == Some(false) {
                suspicion.settle();
            }
            if let Some(up) = change
                && self.tell(up, reason).await.is_err()
            {
                return;
            }
        }
    }

    async fn ask(&self, target: &Target) -> Result<(String, Option<Held>), String> {
        match tokio::time::timeout(self.check.timeout, attempt::attempt(target)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {:?}", self.check.timeout)),
        }
    }

    /// Fails when the receiver is gone.
    async fn tell(&self, up: bool, reason: String) -> Result<(), mpsc::error::SendError<Event>> {
        if up {
            tracing::info!(service = %self.service_name, backend = %self.address, reason, "backend up");
        } else {
            tracing::warn!(service = %self.service_name, backend = %self.address, reason, "backend down");
        }
        let event = Event { service: self.service, backend: self.backend, up, reason };
        self.events.send(event).await
    }
}

/// Ends when the held connection does; never when none is held.
async fn lost(held: &mut Option<Held>) {
    match held {
        Some(connection) => connection.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Whether to ask out of turn, and how soon.
#[derive(Debug, Default)]
struct Suspicion {
    raised: bool,
    /// Probes out of turn since the interval began.
    asked: u32,
}

impl Suspicion {
    /// A held connection was lost.
    fn raise(&mut self) {
        self.raised = true;
    }

    /// The state is as the last probe saw it: no hurry.
    fn settle(&mut self) {
        self.raised = false;
    }

    fn new_interval(&mut self) {
        self.asked = 0;
    }

    fn probing(&mut self) {
        self.asked = self.asked.saturating_add(1);
    }

    /// Ends when the next probe out of turn is due; never without suspicion.
    async fn pause(&self) {
        if !self.raised {
            return std::future::pending().await;
        }
        if let Some(doublings) = self.asked.checked_sub(1) {
            tokio::time::sleep(FIRST_PAUSE.saturating_mul(1 << doublings.min(16))).await;
        }
    }
}
