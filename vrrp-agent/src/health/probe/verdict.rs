//! What the checks of a backend say together: it is up while all are good.

use std::fmt;
use std::net::SocketAddr;

use tokio::sync::{Mutex, mpsc};

use crate::health::Event;
use vrrp_model::time::Instant;

/// A backend of a service or an upstream.
#[derive(Debug)]
pub(super) struct Subject {
    pub service: usize,
    pub backend: usize,
    pub service_name: String,
    pub address: SocketAddr,
}

/// A backend's state, which its checks share.
#[derive(Debug)]
pub(super) struct Verdict {
    subject: Subject,
    events: mpsc::Sender<Event>,
    several: bool,
    /// Locked while an event is sent, so that events have the order of the states.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// By check; `None` until its first result.
    checks: Vec<Option<bool>>,
    /// As last reported.
    up: Option<bool>,
}

impl State {
    /// Whether the backend is up; `None` while that is not known.
    fn all(&self) -> Option<bool> {
        match self.checks.contains(&Some(false)) {
            true => Some(false),
            false => self.checks.iter().all(Option::is_some).then_some(true),
        }
    }
}

impl Verdict {
    /// Of a backend with so many checks.
    pub(super) fn new(subject: Subject, checks: usize, events: mpsc::Sender<Event>) -> Self {
        let state = Mutex::new(State { checks: vec![None; checks], up: None });
        Self { subject, events, several: checks > 1, state }
    }

    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(super) fn is_of_several(&self) -> bool {
        self.several
    }

    /// Takes the new state of a check, and reports the backend's if that is new. Fails if the
    /// receiver is gone.
    pub(super) async fn note(
        &self,
        check: usize,
        up: bool,
        reason: String,
        at: Instant,
    ) -> Result<(), mpsc::error::SendError<Event>> {
        let mut state = self.state.lock().await;
        if let Some(slot) = state.checks.get_mut(check) {
            *slot = Some(up);
        }
        let all = state.all();
        if all == state.up {
            return Ok(());
        }
        state.up = all.or(state.up);
        match all {
            Some(up) => self.report(up, reason, at).await,
            None => Ok(()),
        }
    }

    async fn report(
        &self,
        up: bool,
        reason: String,
        at: Instant,
    ) -> Result<(), mpsc::error::SendError<Event>> {
        let Subject { service, backend, service_name, address } = &self.subject;
        let event = Event { service: *service, backend: *backend, up, reason: reason.clone(), at };
        // The ring changes first, then the line is logged.
        let sent = self.events.send(event).await;
        tokio::task::yield_now().await;
        if up {
            tracing::info!(service = %service_name, backend = %address, reason, "backend up");
        } else {
            tracing::warn!(service = %service_name, backend = %address, reason, "backend down");
        }
        sent
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.service_name, self.address)
    }
}
