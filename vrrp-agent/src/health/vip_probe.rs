//! Probes the virtual address on backends, over the path of the clients' packets.
//!
//! The check of a backend goes to its own address. It does not cover the virtual address, which a
//! backend behind direct return or a tunnel must also have, and must answer from. So the active
//! node sends it a SYN over the kernel program's path and waits for the answer.
//!
//! Tasks: one for all paths, owned by [`Prober`]. Cancelling it at any point leaves at most
//! half-open connections.

mod sockets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::pending;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::clock;
use crate::effects::Problems;
use crate::net::tcp_sniffer::ReservedPort;
use sockets::{Sockets, Unsent};
use vrrp_model::Service;
use vrrp_model::time::Instant;
use vrrp_steering::vip_probe::frame::{Answer, Attempt};
use vrrp_steering::vip_probe::schedule::{Due, Schedule};
use vrrp_steering::vip_probe::{Path, Paths};

/// Indices of a service and of its backend.
type Key = (usize, usize);

/// The known state of a path has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    pub service: usize,
    pub backend: usize,
    /// `None`: the state is no longer known.
    pub works: Option<bool>,
    /// Time of the deciding probe's result.
    pub at: Instant,
}

/// The running probes; dropping it ends them.
#[derive(Debug)]
pub struct Prober {
    wanted: watch::Sender<Paths>,
    _task: JoinSet<()>,
}

impl Prober {
    /// Probes exactly these paths from now on. The state of a path that stays is kept.
    pub fn probe(&self, paths: Paths) {
        self.wanted.send_if_modified(|wanted| {
            let changed = *wanted != paths;
            *wanted = paths;
            changed
        });
    }
}

/// Starts the prober of `services`, without paths.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn(services: &[Service], events: &mpsc::Sender<Event>) -> Prober {
    let (wanted, receiver) = watch::channel(Paths::new());
    let task = Task {
        services: services.to_vec(),
        wanted: receiver,
        probed: BTreeMap::new(),
        sockets: None,
        problems: Problems::default(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(task.run(events.clone()));
    Prober { wanted, _task: tasks }
}

struct Task {
    services: Vec<Service>,
    wanted: watch::Receiver<Paths>,
    probed: BTreeMap<Key, Probed>,
    /// While there is anything to probe.
    sockets: Option<Sockets>,
    problems: Problems,
}

struct Probed {
    path: Path,
    schedule: Schedule,
    /// The attempt in flight, with its source port.
    asked: Option<(Attempt, ReservedPort)>,
}

/// The result of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Answered(Answer),
    Silence,
}

impl Task {
    /// Runs until the sender of paths or the receiver of events is dropped.
    async fn run(mut self, events: mpsc::Sender<Event>) {
        loop {
            let next = self.probed.values().map(|probed| probed.schedule.next()).min();
            let news = tokio::select! {
                // An answer in the socket is read before the timeout of its attempt.
                biased;
                changed = self.wanted.changed() => match changed {
                    Ok(()) => self.follow(clock::now()),
                    Err(_) => return,
                },
                packet = received(&mut self.sockets) => self.take(clock::now(), &packet),
                () = until(next) => self.act(clock::now()),
            };
            for event in news {
                if events.send(event).await.is_err() {
                    return;
                }
            }
        }
    }

    fn follow(&mut self, now: Instant) -> Vec<Event> {
        let wanted = self.wanted.borrow_and_update().clone();
        let mut news = Vec::new();
        self.probed.retain(|key, probed| {
            let stays = wanted.contains_key(key);
            if !stays && probed.schedule.known().is_some() {
                news.push(event(now, *key, None));
            }
            stays
        });
        for (key, path) in wanted {
            if let Some(probed) = self.probed.get_mut(&key) {
                probed.path = path;
            } else if let Some(service) = self.services.get(key.0) {
                self.probed.insert(
                    key,
                    Probed {
                        path,
                        schedule: Schedule::new(service.check_of(key.1), now),
                        asked: None,
                    },
                );
            }
        }
        if self.probed.is_empty() {
            self.sockets = None;
        }
        news
    }

    /// Handles what is due.
    fn act(&mut self, now: Instant) -> Vec<Event> {
        self.open();
        let (mut news, mut to_send) = (Vec::new(), Vec::new());
        let polled = self
            .probed
            .iter_mut()
            .filter_map(|(&key, probed)| Some((key, probed.schedule.poll(now)?)));
        for (key, due) in polled.collect::<Vec<_>>() {
            match due {
                Due::Silence => news.extend(self.conclude(now, key, Outcome::Silence)),
                Due::Repeat => to_send.push((key, Ok(()))),
                Due::Ask => to_send.push((key, self.begin(key))),
            }
        }
        let listening = self.listen();
        for (key, begun) in to_send {
            let sent = begun
                .and_then(|()| listening.as_ref().map_err(Unsent::clone).copied())
                .and_then(|()| self.send(key));
            news.extend(self.account(now, key, sent));
        }
        news
    }

    /// Opens the sockets, unless they are open. A failure is reported once for all paths.
    fn open(&mut self) {
        if self.sockets.is_none() {
            let opened = Sockets::open();
            let result = opened.as_ref().map(drop);
            self.problems.note("probes on the real path", result);
            self.sockets = opened.ok();
        }
    }

    /// Reserves a port for a new attempt.
    fn begin(&mut self, key: Key) -> Result<(), Unsent> {
        let Some(probed) = self.probed.get_mut(&key) else {
            return Ok(());
        };
        let own = probed.path.own.ip();
        let port = ReservedPort::of(own).map_err(|error| Unsent::Port(own, error.to_string()))?;
        // Random, so that only a host on the path knows the number.
        let sequence = RandomState::new().hash_one(key) as u32;
        let attempt = Attempt { path: probed.path, own_port: port.number(), sequence };
        probed.asked = Some((attempt, port));
        Ok(())
    }

    /// Receives answers to the attempts in flight only.
    fn listen(&mut self) -> Result<(), Unsent> {
        let under_way = self
            .probed
            .values()
            .filter_map(|probed| probed.asked.as_ref().map(|(attempt, _)| attempt));
        match &mut self.sockets {
            Some(sockets) => sockets.listen(under_way),
            None => Ok(()),
        }
    }

    fn send(&self, key: Key) -> Result<(), Unsent> {
        match (&self.sockets, self.probed.get(&key).and_then(|probed| probed.asked.as_ref())) {
            (Some(sockets), Some((attempt, _))) => {
                sockets.send(attempt.path.ifindex, &attempt.syn())
            }
            (None, _) => Err(Unsent::NoSockets),
            (Some(_), None) => Ok(()),
        }
    }

    /// A failed send proves nothing about the path: its state is then unknown.
    fn account(&mut self, now: Instant, key: Key, sent: Result<(), Unsent>) -> Option<Event> {
        let unsent = sent.is_err();
        if !matches!(sent, Err(Unsent::NoSockets)) {
            let (service, backend) = self.names(key);
            self.problems
                .note(&format!("probing the real path of service {service} to {backend}"), sent);
        }
        let probed = self.probed.get_mut(&key).filter(|_| unsent)?;
        probed.asked = None;
        let known = probed.schedule.known().is_some();
        probed.schedule.excuse(now);
        known.then(|| event(now, key, None))
    }

    /// Handles a received packet.
    fn take(&mut self, now: Instant, packet: &[u8]) -> Vec<Event> {
        let answered = self.probed.iter().find_map(|(&key, probed)| {
            let (attempt, _) = probed.asked.as_ref()?;
            Some((key, attempt.answered(packet)?))
        });
        let news =
            answered.and_then(|(key, answer)| self.conclude(now, key, Outcome::Answered(answer)));
        // Fewer ports than before never exceed the limit.
        let _ = self.listen();
        news.into_iter().collect()
    }

    fn conclude(&mut self, now: Instant, key: Key, outcome: Outcome) -> Option<Event> {
        let probed = self.probed.get_mut(&key)?;
        let (attempt, _port) = probed.asked.take()?;
        if let (Some(sockets), Outcome::Silence | Outcome::Answered(Answer::Accepted)) =
            (&self.sockets, outcome)
        {
            // Without the reset the backend drops the connection later by itself.
            let _ = sockets.send(attempt.path.ifindex, &attempt.reset());
        }
        let before = probed.schedule.known();
        let works =
            probed.schedule.conclude(now, outcome == Outcome::Answered(Answer::Accepted))?;
        self.report(key, before, outcome);
        Some(event(now, key, Some(works)))
    }

    fn report(&self, key: Key, before: Option<bool>, outcome: Outcome) {
        let (service, backend) = self.names(key);
        match outcome {
            Outcome::Answered(Answer::Accepted) if before.is_some() => {
                tracing::info!(service, %backend, "connections to the virtual address get through again");
            }
            Outcome::Answered(Answer::Accepted) => {
                tracing::debug!(service, %backend, "connections to the virtual address get through");
            }
            Outcome::Silence | Outcome::Answered(Answer::Refused) => {
                let reason = if outcome == Outcome::Silence {
                    "no answer"
                } else {
                    "refused: nothing listens there"
                };
                let text =
                    "its check is good, but connections to the virtual address do not get through";
                tracing::warn!(service, %backend, reason, "{text}");
            }
        }
    }

    fn names(&self, (service, backend): Key) -> (&str, SocketAddr) {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        self.services.get(service).map_or(("", nowhere), |service| {
            let named = service
                .backends
                .get(backend)
                .map(|backend| SocketAddr::new(backend.address, backend.port));
            (service.name.as_str(), named.unwrap_or(nowhere))
        })
    }
}

fn event(at: Instant, (service, backend): Key, works: Option<bool>) -> Event {
    Event { service, backend, works, at }
}

async fn received(sockets: &mut Option<Sockets>) -> Vec<u8> {
    match sockets {
        Some(sockets) => sockets.recv().await,
        None => pending().await,
    }
}

async fn until(next: Option<Instant>) {
    match next {
        Some(next) => tokio::time::sleep(next.saturating_since(clock::now())).await,
        None => pending().await,
    }
}
