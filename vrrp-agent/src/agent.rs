//! The agent's loop: all news comes here, the desired state is computed whole, outputs carry it
//! out.
//!
//! ```text
//!   net::watch ---- host view --.
//!   elector ------- view -------|                .-> elector: bindings, priorities, faults
//!   scripts ------- results ----+-> agent loop --+-> host task: addresses, routes, settings
//!   health probes - results ----|                |-> steering: tables, rings, program
//!   signals, tick --------------'                '-> observed: status, metrics
//!   elector ------- reports -------> notifier: log, notify commands, FIFOs
//! ```
//!
//! The loop owns the tasks of watcher, servers, scripts and probes; they end when it returns. The
//! election thread ends by itself after [`Command::Shutdown`], once no router is active.

mod compare;
mod election_sync;
mod knowledge;
mod notices;
mod observed;
mod orders;
mod probes;
mod program;
mod reload;
mod ring_updates;
mod servers;
mod shutdown;
mod snapshot;
mod strangers;
#[cfg(test)]
mod tests;
mod tracking;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::clock;
use crate::effects::{DataPlane, Host, HostTask, Steering, Wanted};
use crate::elector::{Elector, StartError, View};
use crate::http::{HttpError, Order};
use crate::net::NetlinkError;
use crate::net::watch::Watcher;
use crate::plane::PlaneError;
use crate::plane::loader::Plane;
use crate::plane::mastership::MastershipMaps;
use crate::scripts;
use crate::signals::Signals;
use compare::Compare;
use election_sync::ElectionSync;
use knowledge::Knowledge;
use notices::Notices;
use observed::Observed;
use orders::Pending;
use probes::Workers;
use program::Stopped;
use reload::Loading;
use shutdown::{End, Lifecycle};
use snapshot::Fixed;
use strangers::Strangers;
use vrrp_model::Config;
use vrrp_model::host::HostView;
use vrrp_model::time::Instant;
use vrrp_steering::desired::{self, Desired};
use vrrp_steering::running_config::RunningConfig;

/// Periodic reconcile, so that what another process changed comes back.
const TICK: Duration = Duration::from_secs(1);
/// How often a stopping agent looks whether the election thread has ended.
const STOP_TICK: Duration = Duration::from_millis(10);
/// Orders that may wait for their turn.
const ORDERS: usize = 16;

/// Why the agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Elector(#[from] StartError),
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    #[error(transparent)]
    Plane(#[from] PlaneError),
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The lease lapses now; the next agent finds its masterships in the kernel.
    #[error("the election thread has ended unexpectedly: a defect, please report it")]
    ElectionEnded,
    /// Addresses are followed no more; the next agent takes them over.
    #[error("the task that installs addresses has ended unasked: a defect, please report it")]
    HostEnded,
}

/// How to run, besides the configuration.
#[derive(Debug, Clone)]
pub struct Options {
    pub config_path: PathBuf,
    /// What the file's conditions are compared with, where it is not the host's name.
    pub config_id: Option<String>,
    /// Log the kernel program's rare lines too.
    pub kernel_log: bool,
    /// Instead of the file's `release_on_exit`.
    pub release_on_exit: Option<bool>,
}

/// Runs until SIGTERM or SIGINT, then releases, or leaves its masterships to the next agent, and
/// returns. What `signals` bring during the start is done after it.
///
/// # Errors
/// What cannot be done without: sockets, netlink, the API. A missing kernel program, metrics port
/// or script is a state, shown in log and status.
pub async fn run(config: Config, options: Options, signals: Signals) -> Result<(), RunError> {
    match Agent::start(config, options, signals).await? {
        // A task of the runtime, not its main future: a probe's result then wakes the loop on the
        // probe's own thread, which is awake.
        Ok(agent) => match tokio::spawn(agent.run()).await {
            Ok(outcome) => outcome,
            Err(ended) => std::panic::resume_unwind(ended.into_panic()),
        },
        Err(Stopped(signal)) => {
            tracing::info!(signal, "stopped during the start: nothing was changed on this host");
            Ok(())
        }
    }
}

fn fixed(options: Options, plane: &DataPlane) -> Result<Fixed, PlaneError> {
    let Options { config_path, config_id, kernel_log: _, release_on_exit } = options;
    Ok(Fixed {
        counters: plane.counters()?,
        started: clock::now(),
        started_unix: clock::wall(),
        config_path,
        config_id,
        release_on_exit,
    })
}

/// The loop and its four parts. News comes through `inputs`, is kept in `known`, and is carried out
/// by `outputs`.
struct Agent {
    fixed: Arc<Fixed>,
    inputs: Inputs,
    known: Knowledge,
    outputs: Outputs,
    lifecycle: Lifecycle,
}

/// What wakes the loop.
struct Inputs {
    host: watch::Receiver<Arc<HostView>>,
    view: watch::Receiver<Arc<View>>,
    orders: mpsc::Receiver<Order>,
    signals: Signals,
    workers: Workers,
    /// Configuration files being read.
    loading: JoinSet<Loading>,
    /// When to settle again although nothing happened.
    again: Option<Instant>,
}

/// What the loop changes, and what it sent there last.
struct Outputs {
    elector: Elector,
    election_sync: ElectionSync,
    /// Maps and hooks of the kernel's programs.
    steering: Box<dyn Steering>,
    /// Addresses, routes and settings of the host.
    host_task: HostTask,
    desired: Arc<Desired>,
    /// For the watcher: which routes to follow.
    destinations: watch::Sender<BTreeSet<IpAddr>>,
    /// For the servers: the newest state.
    observed: watch::Sender<Arc<Observed>>,
    /// For the notifier: configuration and services.
    notices: Notices,
    compare: Compare,
    strangers: Strangers,
    /// Hand-overs whose clients wait for an answer.
    moves: Vec<Pending>,
}

impl Agent {
    async fn start(
        config: Config,
        options: Options,
        mut signals: Signals,
    ) -> Result<Result<Self, Stopped>, RunError> {
        let (mut servers, mut background) = (JoinSet::new(), JoinSet::new());
        let (mut watcher, host) = Watcher::start().await?;
        let destinations = desired::destinations(&config, &host.borrow());
        let destinations = watcher.follow_routes_to(destinations).await?;
        background.spawn(watcher.run());
        let mut plane = match program::open(&config, options.kernel_log, &mut signals).await {
            Ok(plane) => plane,
            Err(stopped) => return Ok(Err(stopped)),
        };
        if let Some(log) = plane.as_mut().and_then(Plane::take_log) {
            background.spawn(program::pass_on(log));
        }
        let mut words =
            plane.as_ref().map(|plane| MastershipMaps::open(&plane.maps)).transpose()?;
        let indices = election_sync::indices(&config, &host.borrow(), words.as_mut())?;
        let resumable = election_sync::resumable(&indices, words.as_ref())?;
        let plane = DataPlane::new(plane, clock::now())?;
        let host_effects = Host::open(&config.api_socket)?;
        let (elector, reports) = Elector::start(words, config.election.clone())?;
        let fixed = Arc::new(fixed(options, &plane)?);
        let known = Knowledge::new(RunningConfig::new(config, indices, plane.found()));
        let config = &known.running.config;
        let (observed, newest) = watch::channel(Arc::new(Observed::new(&known)));
        let (shutdown, ended) = watch::channel(false);
        let (notifier, notices) = notices::start(config, reports, &ended);
        let source = servers::status_source(&fixed, newest, &elector, &notices);
        let (give_orders, orders) = mpsc::channel(ORDERS);
        servers::serve(&mut servers, config, &source, &give_orders, &ended).await?;
        let inputs = Inputs {
            host,
            view: elector.view(),
            orders,
            signals,
            workers: Workers::start(config),
            loading: JoinSet::new(),
            again: None,
        };
        let outputs = Outputs {
            election_sync: ElectionSync::new(config, resumable, clock::now()),
            host_task: HostTask::start(host_effects, elector.sender()),
            elector,
            steering: Box::new(plane),
            desired: Arc::default(),
            destinations,
            observed,
            notices,
            compare: Compare::default(),
            strangers: Strangers::default(),
            moves: Vec::new(),
        };
        let lifecycle = Lifecycle::new(servers, background, notifier, shutdown);
        Ok(Ok(Self { fixed, inputs, known, outputs, lifecycle }))
    }

    async fn run(mut self) -> Result<(), RunError> {
        tracing::info!(
            node = self.known.running.config.node,
            config = %self.fixed.config_path.display(),
            routers = self.known.running.config.routers.len(),
            services = self.known.running.config.services.len(),
            "agent started"
        );
        if let Some(signal) = self.inputs.signals.stop_asked() {
            self.stop(signal);
        }
        let mut tick = tokio::time::interval(TICK);
        let mut stop_tick = tokio::time::interval(STOP_TICK);
        loop {
            let was_ready = self.outputs.election_sync.are_open();
            self.converge();
            if !was_ready && self.outputs.election_sync.are_open() {
                // Once for the kernel, once for the elections that may now begin.
                self.converge();
            }
            match self.lifecycle.ending {
                Some(End::Leave) => break,
                Some(End::Release) if self.outputs.elector.is_finished() => break,
                None if self.outputs.elector.is_finished() => {
                    // Its last transitions are in the log before this.
                    self.lifecycle.finish_notifier().await;
                    return Err(RunError::ElectionEnded);
                }
                _ if self.outputs.host_task.is_finished() => return Err(RunError::HostEnded),
                Some(End::Release) | None => {}
            }
            let again = self.inputs.again.map_or(TICK, |at| at.saturating_since(clock::now()));
            tokio::select! {
                Ok(()) = self.inputs.view.changed() => {}
                Ok(()) = self.inputs.host.changed() => {}
                () = self.outputs.host_task.news() => {}
                Some(event) = self.inputs.workers.health.recv() => self.on_health(event),
                Some(event) = self.inputs.workers.paths.recv() => self.on_path(event),
                Some(event) = self.inputs.workers.upstreams.recv() => {
                    self.known.upstream_checks.note(event.service, event.backend, Some(event.up));
                }
                Some(event) = self.inputs.workers.scripts.recv() => self.on_script(&event),
                asked = self.inputs.signals.next() => self.on_signal(asked),
                Some(order) = self.inputs.orders.recv() => self.on_order(order),
                Some(Ok(loading)) = self.inputs.loading.join_next() => {
                    self.take_over_configuration(loading);
                }
                () = tokio::time::sleep(again), if self.inputs.again.is_some() => {}
                _ = stop_tick.tick(), if self.lifecycle.ending.is_some() => {}
                _ = tick.tick() => {}
            }
        }
        let releasing = self.is_releasing();
        if releasing {
            self.converge();
        }
        let Self { inputs, outputs, mut lifecycle, .. } = self;
        let Outputs { mut steering, host_task, desired, moves, .. } = outputs;
        let mut host_effects = host_task.finish().await.map_err(|_| RunError::HostEnded)?;
        if releasing {
            let host = inputs.host.borrow().clone();
            host_effects.retire(&desired, &host).await;
            steering.retire(&desired, &host);
        }
        drop(moves);
        lifecycle.finish().await;
        tracing::info!("agent stopped");
        Ok(())
    }

    /// Makes everything follow from what is known now.
    fn converge(&mut self) {
        let host = self.inputs.host.borrow_and_update().clone();
        let view = self.inputs.view.borrow_and_update().clone();
        self.forget_left(&view);
        self.follow_moves(&view);
        let (stopping, now) = (self.is_releasing(), clock::now());
        let Self { inputs, known, outputs, lifecycle, .. } = &mut *self;
        for name in known.running.config.routers.iter().flat_map(|router| &router.track_interfaces)
        {
            let up = host.link_by_name(&name.interface).is_some_and(|link| link.up);
            known.track.interface(&name.interface, up);
        }
        let Outputs { elector, election_sync, steering, host_task, .. } = outputs;
        if lifecycle.ending.is_none() {
            election_sync.follow(now, &known.running, &host, &known.track, elector);
        }
        let active = known.active(&view);
        let facts = known.facts(&host, &active, stopping);
        let config = &known.running.config;
        let mut desired = desired::desired(&facts);
        inputs.workers.prober.probe(desired::paths(&facts, &desired.reachabilities));
        desired.upstreams = desired::upstreams(&config.upstreams, known.upstream_checks.results());
        outputs.destinations.send_if_modified(|destinations| {
            let changed = *destinations != desired.destinations;
            destinations.clone_from(&desired.destinations);
            changed
        });
        // A view from before the last commands says nothing of masterships that are only now taken
        // up again. Once the thread has ended nothing acts, also where the stop came before the
        // first election.
        let ended = stopping && elector.is_finished();
        let may_remove = ended || (election_sync.are_open() && elector.has_handled_commands(&view));
        let desired = Arc::new(desired);
        let mut wanted = Wanted {
            config: Arc::clone(config),
            desired: Arc::clone(&desired),
            host: Arc::clone(&host),
            masterships: Arc::new(election_sync.masterships(&view)),
            attached: steering.attached(),
            in_maps: false,
            may_remove,
        };
        host_task.want(wanted.clone());
        let programs = host_task.programs();
        let again = steering.apply(clock::now(), &known.running, &desired, &host, &programs);
        wanted.in_maps = true;
        host_task.want(wanted);
        let ready = match host_task.is_settled() {
            true => election_sync.open(clock::now(), known.unchecked()),
            false => None,
        };
        inputs.again = [again, ready].into_iter().flatten().min();
        election_sync.follow_routes(&known.running, &desired, elector);
        outputs.desired = desired;
        self.publish(&host, &view);
    }

    /// Publishes what this round found and did.
    fn publish(&mut self, host: &Arc<HostView>, view: &View) {
        let outputs = &mut self.outputs;
        let mut observed =
            Observed::of_round(&self.known, host, &outputs.desired, outputs.steering.as_ref());
        outputs.compare.follow(view, &mut observed);
        outputs.notices.publish(&observed);
        outputs.strangers.follow(&self.fixed, view, &observed);
        outputs.observed.send_replace(Arc::new(observed));
    }

    /// Whether the agent stops and gives its masterships up.
    fn is_releasing(&self) -> bool {
        self.lifecycle.ending == Some(End::Release)
    }

    fn on_script(&mut self, event: &scripts::Event) {
        let changed = self.known.track.result(event.script, event.ok);
        self.known.scripts.note(event);
        if changed && let Some(script) = self.known.running.config.scripts.get(event.script) {
            let health = self.known.track.script_health(event.script);
            tracing::info!(script = script.name, outcome = ?event.outcome, "script is now {}", health.name());
        }
    }
}
