//! Health checks of backends.
//!
//! Tasks: one per check of a backend of a service or upstream, owned by [`Probes`]. A task has at
//! most one probe in flight; cancelling it at any point closes its sockets and kills its script.
//!
//! A successful probe leaves its connection open (a FastCGI probe does not), and the task reads it
//! until the next probe: when the server's process dies, the kernel resets the connection, and the
//! task probes again at once instead of at the next interval. A lost connection alone is no
//! failure.

mod attempt;
mod datagram;
mod failure;
mod fastcgi;
mod held;
mod http;
mod script;
mod smtp;
#[cfg(test)]
mod tests;
mod tls;
mod verdict;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Event;
use crate::clock;
use crate::shortage::{self, Undone};
use attempt::Question;
use failure::Failure;
use held::Held;
use verdict::{Subject, Verdict};
use vrrp_model::time::Instant;
use vrrp_model::{Backend, Check, CheckKind, Service, Upstream};
use vrrp_steering::hysteresis::Hysteresis;

/// The first pause between two extra probes; each later pause is twice as long. A server that
/// closes every connection gets at most about ten probes per interval.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// The running probes; dropping it ends them.
#[derive(Debug)]
pub struct Probes {
    _tasks: JoinSet<()>,
}

/// Starts the probes of all services. Each sends its first result as soon as it has one, then
/// changes; a backend without a check sends "up" once.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn(services: &[Service], events: &mpsc::Sender<Event>) -> Probes {
    let mut tasks = JoinSet::new();
    for (index, service) in services.iter().enumerate() {
        let place = |(position, backend): (usize, &Backend)| {
            (SocketAddr::new(backend.address, backend.port), service.check_of(position))
        };
        run(
            &mut tasks,
            (index, &service.name),
            service.backends.iter().enumerate().map(place),
            events,
        );
    }
    Probes { _tasks: tasks }
}

/// As [`spawn`], for upstreams: events name the upstream's index as that of a service.
pub fn spawn_for_upstreams(upstreams: &[Upstream], events: &mpsc::Sender<Event>) -> Probes {
    let mut tasks = JoinSet::new();
    for (index, upstream) in upstreams.iter().enumerate() {
        let backends = upstream.backends.iter().map(|backend| (backend.address, &upstream.check));
        run(&mut tasks, (index, &upstream.name), backends, events);
    }
    Probes { _tasks: tasks }
}

/// Starts the probes of a service's or an upstream's backends, by address and port, each with its
/// check and the further ones of that.
fn run<'a>(
    tasks: &mut JoinSet<()>,
    (service, name): (usize, &str),
    backends: impl Iterator<Item = (SocketAddr, &'a Check)>,
    events: &mpsc::Sender<Event>,
) {
    for (backend, (address, check)) in backends.enumerate() {
        let subject = Subject { service, backend, service_name: name.to_owned(), address };
        let verdict = Arc::new(Verdict::new(subject, check.all().count(), events.clone()));
        for (index, check) in check.all().enumerate() {
            let probe = Probe {
                index,
                question: Question::new(check, address),
                check: check.clone(),
                verdict: Arc::clone(&verdict),
            };
            tasks.spawn(probe.run());
        }
    }
}

/// One check of a backend.
struct Probe {
    /// Among the backend's checks.
    index: usize,
    question: Question,
    check: Check,
    verdict: Arc<Verdict>,
}

impl Probe {
    /// Runs until the receiver of the events is dropped.
    async fn run(self) {
        if self.check.kind == CheckKind::None {
            let _ = self.note(true, "not checked".to_owned(), clock::now()).await;
            return;
        }
        let mut health = Hysteresis::new(self.check.rise, self.check.fall);
        // Without a pause the task would do nothing else; the model's smallest is far above.
        let interval = self.check.interval.max(FIRST_PAUSE);
        let mut due = clock::timer();
        let mut held: Option<Held> = None;
        let mut suspicion = Suspicion::default();
        loop {
            let mut regular = false;
            tokio::select! {
                () = tokio::time::sleep_until(due) => {
                    regular = true;
                    suspicion.new_interval();
                }
                () = lost(&mut held) => {
                    held = None;
                    suspicion.raise();
                    continue;
                }
                () = suspicion.pause() => suspicion.probing(),
            }
            if regular {
                due = clock::timer() + interval;
            }
            let result = self.question.ask().await;
            let at = clock::now();
            let ok = result.is_ok();
            let reason = match result {
                Ok((saw, connection)) => {
                    held = connection;
                    saw
                }
                Err(Failure::Backend(why)) => why,
                // The probe proves nothing about the backend, so the known state stays.
                Err(error @ Failure::NotAsked(_)) => {
                    let subject = self.verdict.subject();
                    shortage::note(Undone::BackendCheck, &subject.to_string(), &error);
                    continue;
                }
            };
            let change = health.record(ok);
            if ok || health.up() == Some(false) {
                suspicion.settle();
            } else if let Some(pause) = self.check.retry_interval {
                // A failure that does not count yet: it is the retries that decide.
                suspicion.settle();
                due = clock::timer() + pause;
            }
            if let Some(up) = change
                && self.note(up, reason, at).await.is_err()
            {
                return;
            }
        }
    }

    /// Fails if the receiver is gone.
    async fn note(
        &self,
        up: bool,
        reason: String,
        at: Instant,
    ) -> Result<(), mpsc::error::SendError<Event>> {
        let reason = match self.verdict.is_of_several() {
            true => format!("{}: {reason}", self.check.kind),
            false => reason,
        };
        self.verdict.note(self.index, up, reason, at).await
    }
}

/// Ends when the held connection does; never without a held connection.
async fn lost(held: &mut Option<Held>) {
    match held {
        Some(connection) => connection.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Whether to send an extra probe, and how soon.
#[derive(Debug, Default)]
struct Suspicion {
    raised: bool,
    /// Extra probes since the interval began.
    asked: u32,
}

impl Suspicion {
    /// A held connection was lost.
    fn raise(&mut self) {
        self.raised = true;
    }

    /// The state is as the last probe found it: no extra probe is needed.
    fn settle(&mut self) {
        self.raised = false;
    }

    fn new_interval(&mut self) {
        self.asked = 0;
    }

    fn probing(&mut self) {
        self.asked = self.asked.saturating_add(1);
    }

    /// Ends when the next extra probe is due; never without suspicion.
    async fn pause(&self) {
        if !self.raised {
            return std::future::pending().await;
        }
        if let Some(doublings) = self.asked.checked_sub(1) {
            tokio::time::sleep(FIRST_PAUSE.saturating_mul(1 << doublings.min(16))).await;
        }
    }
}
