//! The task that runs notify commands, writes FIFOs and sends mails. It also writes the log of
//! transitions, so that all have the same order.
//!
//! It is the only reader of the election thread's queue. Commands run in tasks of their own, one at
//! a time for each router, group, service and backend: a command that hangs delays its own subject
//! alone, and never the election or the loop.

mod counts;
mod fifo;
mod mail;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::clock;
use crate::process::{self, Outcome};
pub use counts::{Counted, Counts};
use fifo::Fifos;
use mail::{MailError, Outbox, Parcel};
use vrrp_model::{Action, Config, Notify, NotifyEvent, Run};
use vrrp_notify::{Event, Job, Key, Queue, Report, ServiceFacts, States, Transition};

/// Where events come from.
pub struct Sources {
    /// Of the election thread, in its order.
    pub reports: mpsc::Receiver<Report>,
    /// The configuration in force; changed before the election thread learns of it.
    pub config: watch::Receiver<Arc<Config>>,
    /// Services and backends, with the configuration that they belong to.
    pub services: watch::Receiver<Arc<Services>>,
    /// Whether the agent ends.
    pub ended: watch::Receiver<bool>,
}

/// What is known of all services.
#[derive(Debug, Default)]
pub struct Services {
    pub config: Option<Arc<Config>>,
    pub facts: Vec<ServiceFacts>,
}

/// The task.
pub struct Notifier {
    sources: Sources,
    config: Arc<Config>,
    /// Configurations of routers that a reload has removed and whose end is not reported yet.
    removed: BTreeMap<String, Arc<Config>>,
    states: States,
    queue: Queue,
    running: JoinSet<Ended>,
    outbox: Outbox,
    sending: JoinSet<Result<(), MailError>>,
    /// Makes running commands go on by themselves.
    leave: watch::Sender<bool>,
    fifos: Fifos,
    counts: Counts,
}

/// What the task wakes for.
enum News {
    Report(Report),
    Config,
    Services,
    Ended(Ended),
    Mailed(Result<(), MailError>),
}

/// A command that has ended.
struct Ended {
    key: Key,
    /// For the log.
    program: String,
    outcome: Outcome,
    /// The agent has ended before it.
    left: bool,
}

impl Notifier {
    pub fn new(mut sources: Sources, counts: Counts) -> Self {
        let config = sources.config.borrow_and_update().clone();
        let fifos = Fifos::open(&config.fifos);
        Self {
            sources,
            config,
            removed: BTreeMap::new(),
            states: States::default(),
            queue: Queue::default(),
            running: JoinSet::new(),
            outbox: Outbox::default(),
            sending: JoinSet::new(),
            leave: watch::Sender::new(false),
            fifos,
            counts,
        }
    }

    /// Runs until the agent ends or the election thread has; what is queued then is logged and
    /// notified first, and commands that are asked for have their time.
    pub async fn run(mut self) {
        while let Some(news) = self.next().await {
            match news {
                News::Report(report) => self.on_report(&report),
                News::Config => self.follow_config(),
                News::Services => self.on_services(),
                News::Ended(ended) => self.on_ended(&ended),
                News::Mailed(outcome) => self.on_mailed(outcome),
            }
            self.start();
        }
        while let Ok(report) = self.sources.reports.try_recv() {
            self.on_report(&report);
        }
        self.start();
        self.finish().await;
    }

    /// `None` once the agent ends, or the election thread has ended.
    async fn next(&mut self) -> Option<News> {
        let Self { sources, running, sending, .. } = self;
        let Sources { reports, config, services, ended } = sources;
        tokio::select! {
            biased;
            report = reports.recv() => report.map(News::Report),
            Ok(()) = config.changed() => Some(News::Config),
            Ok(()) = services.changed() => Some(News::Services),
            Some(Ok(ended)) = running.join_next() => Some(News::Ended(ended)),
            Some(Ok(outcome)) = sending.join_next() => Some(News::Mailed(outcome)),
            () = until(ended) => None,
        }
    }

    fn on_report(&mut self, report: &Report) {
        if self.sources.config.has_changed().unwrap_or(false) {
            self.follow_config();
        }
        if let Report::Transition(transition) = report {
            log(transition);
        }
        for event in self.states.follow(report, &self.config) {
            self.notify(&event);
        }
    }

    fn follow_config(&mut self) {
        let new = self.sources.config.borrow_and_update().clone();
        let old = std::mem::replace(&mut self.config, new);
        let stays = |name: &str| self.config.routers.iter().any(|router| router.name == name);
        for router in old.routers.iter().filter(|router| !stays(&router.name)) {
            self.removed.insert(router.name.clone(), Arc::clone(&old));
        }
        self.removed.retain(|name, _| !stays(name));
        if old.fifos != self.config.fifos {
            self.fifos.close();
            self.fifos = Fifos::open(&self.config.fifos);
        }
    }

    fn on_services(&mut self) {
        let services = self.sources.services.borrow_and_update().clone();
        let Some(config) = &services.config else { return };
        for event in self.states.services(&services.facts, config) {
            self.notify(&event);
        }
    }

    fn notify(&mut self, event: &Event) {
        let mut config = Arc::clone(&self.config);
        if let (Key::Router(name), NotifyEvent::Deleted) = (&event.key, event.what)
            && let Some(removed) = self.removed.remove(name)
        {
            config = removed;
        }
        let left_out = self.queue.push(&event.key, vrrp_notify::jobs(event, &config));
        if left_out > 0 {
            self.counts.add(Counted::LeftOut, left_out);
            tracing::warn!(
                subject = %event.key,
                left_out,
                "notify commands are slower than the changes: those of older changes are left out"
            );
        }
        if let (Some(letter), Some(mail)) = (vrrp_notify::letter(event, &config), &config.mail) {
            let left_out = self.outbox.push(Parcel { mail: mail.clone(), letter });
            self.counts.add(Counted::MailLeftOut, left_out);
        }
        if let Some(line) = vrrp_notify::line(event, &config) {
            self.fifos.write(event, &line, &self.counts);
        }
    }

    /// Starts what may run now.
    fn start(&mut self) {
        for (key, job) in self.queue.ready() {
            self.running.spawn(run(key, job, self.leave.subscribe()));
        }
        if let Some(parcel) = self.outbox.ready() {
            self.sending.spawn(mail::send(parcel));
        }
    }

    fn on_ended(&mut self, ended: &Ended) {
        self.queue.finish(&ended.key);
        let Ended { key, program, outcome, left } = ended;
        if *left {
            tracing::warn!(subject = %key, program, "the agent ends before this notify command: it runs on");
            return;
        }
        let counted = match outcome {
            Outcome::Exit(0) => Counted::Succeeded,
            Outcome::Exit(_) | Outcome::Signal(_) => Counted::Failed,
            Outcome::TimedOut => Counted::TimedOut,
            Outcome::CannotStart(_) => Counted::NotStarted,
        };
        self.counts.add(counted, 1);
        match counted {
            Counted::Succeeded => tracing::debug!(subject = %key, program, "notify command ran"),
            _ => tracing::warn!(subject = %key, program, ?outcome, "notify command failed"),
        }
    }

    fn on_mailed(&mut self, outcome: Result<(), MailError>) {
        self.outbox.finish();
        match outcome {
            Ok(()) => self.counts.add(Counted::Mail, 1),
            Err(error) => {
                self.counts.add(Counted::MailFailed, 1);
                tracing::warn!(%error, "a mail was not sent");
            }
        }
    }

    /// Gives the commands of a stop the time that they are configured to have, and mails a second.
    async fn finish(mut self) {
        let of = |notify: &Notify| match &notify.action {
            Action::Run(run) => Some(run.wait),
            Action::Mail => None,
        };
        let most = |config: &Config| config.notify.iter().filter_map(of).max();
        let mails = if self.outbox.is_empty() { Duration::ZERO } else { Run::WAIT };
        let wait = most(&self.config).unwrap_or(Duration::ZERO).max(mails);
        let deadline = clock::timer() + wait;
        while !(self.queue.is_empty() && self.outbox.is_empty()) {
            let Self { running, sending, .. } = &mut self;
            let ended = async {
                tokio::select! {
                    Some(Ok(ended)) = running.join_next() => Some(News::Ended(ended)),
                    Some(Ok(outcome)) = sending.join_next() => Some(News::Mailed(outcome)),
                    else => None,
                }
            };
            match tokio::time::timeout_at(deadline, ended).await {
                Ok(Some(News::Ended(ended))) => self.on_ended(&ended),
                Ok(Some(News::Mailed(outcome))) => self.on_mailed(outcome),
                Ok(_) | Err(_) => break,
            }
            self.start();
        }
        let waiting = self.queue.waiting();
        if waiting > 0 {
            self.counts.add(Counted::LeftOut, waiting);
            tracing::warn!(
                waiting,
                ?wait,
                "the agent ends before these notify commands: they do not run"
            );
        }
        self.leave.send_replace(true);
        while let Some(Ok(ended)) = self.running.join_next().await {
            self.on_ended(&ended);
        }
        self.fifos.close();
    }
}

/// Waits for `true`, or for the end of its sender.
async fn until(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|&flag| flag).await;
}

async fn run(key: Key, job: Job, mut leave: watch::Receiver<bool>) -> Ended {
    let Job { command, environment, timeout, wait: _ } = job;
    let program = command.words.first().cloned().unwrap_or_default();
    let (outcome, left) = process::run(command, environment, timeout, until(&mut leave)).await;
    Ended { key, program, outcome, left }
}

fn log(transition: &Transition) {
    let Transition { instance, vrid, interface, from, to, reason, priority, peer, .. } = transition;
    tracing::info!(
        instance,
        vrid,
        interface,
        priority,
        peer = peer.map(|(source, _)| tracing::field::display(source)),
        peer_priority = peer.map(|(_, priority)| priority),
        "{} -> {}: {}",
        from.name(),
        to.name(),
        reason.name()
    );
}
