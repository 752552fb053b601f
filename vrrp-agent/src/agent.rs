//! The agent's loop: every piece of news comes here, desired state is computed whole, effects make
//! it so.
//!
//! ```text
//!   net::watch ---- host view --.
//!   elector ------- view -------|                .-> elector: bindings, priorities, faults,
//!   scripts ------- results ----+-> agent loop --|            "installed"
//!   health probes - results ----|                '-> effects: addresses, routes, tables, rings,
//!   signals, tick --------------'                             program
//!   elector ------- transitions ---> log
//! ```
//!
//! Owners: this loop owns the watcher's, servers', scripts' and probes' tasks; they end when it
//! returns. The election thread ends by itself after [`Command::Shutdown`], once nothing acts any
//! more.

mod compare;
mod election_sync;
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
mod tracking;
mod transitions;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::clock;
use crate::effects::{self, Effects};
use crate::elector::{Command, Elector, StartError, View};
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
use observed::{Observed, ReloadFacts, Round, ScriptTable};
use orders::Pending;
use probes::Workers;
use program::Stopped;
use reload::Loading;
use shutdown::End;
use snapshot::Fixed;
use strangers::Strangers;
use vrrp_model::Config;
use vrrp_model::host::HostView;
use vrrp_model::time::Instant;
use vrrp_steering::desired::{self, Desired};
use vrrp_steering::health_table::HealthTable;
use vrrp_steering::running_config::RunningConfig;
use vrrp_steering::tracking::Track;

/// Periodic reconcile, so that what another process changed
/// comes back.
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
    Effects(#[from] effects::StartError),
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    #[error(transparent)]
    Plane(#[from] PlaneError),
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The lease lapses now; the next agent finds its masterships in the kernel.
    #[error("the election thread has ended unasked: a defect, please report it")]
    ElectionEnded,
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
/// or script is a state, told in log and status.
pub async fn run(config: Config, options: Options, signals: Signals) -> Result<(), RunError> {
    match Agent::start(config, options, signals).await? {
        Ok(mut agent) => agent.run().await,
        Err(Stopped(signal)) => {
            tracing::info!(signal, "stopped during the start: nothing was changed on this host");
            Ok(())
        }
    }
}

fn fixed(options: Options, effects: &Effects) -> Result<Fixed, PlaneError> {
    let Options { config_path, config_id, kernel_log: _, release_on_exit } = options;
    Ok(Fixed {
        counters: effects.counters()?,
        started: clock::now(),
        started_unix: clock::wall(),
        config_path,
        config_id,
        release_on_exit,
    })
}

struct Agent {
    fixed: Arc<Fixed>,
    running: Arc<RunningConfig>,
    checks: HealthTable,
    upstream_checks: HealthTable,
    /// What probes on the real path say.
    paths: HealthTable,
    /// How the last reload went.
    reload: Option<ReloadFacts>,
    scripts: ScriptTable,
    /// The newest state, for the servers.
    observed: watch::Sender<Arc<Observed>>,
    elector: Elector,
    effects: Effects,
    track: Track,
    election_sync: ElectionSync,
    desired: Arc<Desired>,
    compare: Compare,
    strangers: Strangers,
    /// Tells the watcher which routes to follow.
    destinations: watch::Sender<BTreeSet<IpAddr>>,
    /// When to settle again although nothing happened.
    again: Option<Instant>,
    news: News,
    workers: Workers,
    /// Configuration files being read.
    loading: JoinSet<Loading>,
    moves: Vec<Pending>,
    /// Asked to stop, and how.
    ending: Option<End>,
    /// End after the shutdown signal.
    servers: JoinSet<()>,
    /// Never end by themselves; aborted when the agent is dropped.
    _background: JoinSet<()>,
    /// Ends with the election thread, or after the shutdown signal.
    transition_log: JoinHandle<()>,
    shutdown: watch::Sender<bool>,
}

/// Where news comes from.
struct News {
    host: watch::Receiver<Arc<HostView>>,
    view: watch::Receiver<Arc<View>>,
    orders: mpsc::Receiver<Order>,
    signals: Signals,
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
        let places = election_sync::places(&config, &host.borrow(), words.as_mut())?;
        let resumable = election_sync::resumable(&places, words.as_ref())?;
        let effects = Effects::new(&config, plane, clock::now())?;
        let (elector, transitions) = Elector::start(words, config.election.clone())?;
        let fixed = Arc::new(fixed(options, &effects)?);
        let running = Arc::new(RunningConfig::new(config, places, effects.found()));
        let config = &running.config;
        let track = Track::new(config);
        let (observed, newest) = watch::channel(Arc::new(Observed::new(&running, &track)));
        let (shutdown, ended) = watch::channel(false);
        let transition_log = tokio::spawn(transitions::log(transitions, ended.clone()));
        let source = servers::status_source(&fixed, newest, &elector);
        let (give_orders, orders) = mpsc::channel(ORDERS);
        servers::serve(&mut servers, config, &source, &give_orders, &ended).await?;
        let news = News { host, view: elector.view(), orders, signals };
        let election_sync = ElectionSync::new(config, resumable, clock::now());
        let workers = Workers::start(config);
        let _background = background;
        Ok(Ok(Self {
            fixed,
            checks: HealthTable::of_services(config),
            upstream_checks: HealthTable::of_upstreams(config),
            paths: HealthTable::of_services(config),
            reload: None,
            scripts: ScriptTable::new(config),
            running,
            observed,
            elector,
            effects,
            track,
            election_sync,
            desired: Arc::default(),
            compare: Compare::default(),
            strangers: Strangers::default(),
            destinations,
            again: None,
            news,
            workers,
            loading: JoinSet::new(),
            moves: Vec::new(),
            ending: None,
            servers,
            _background,
            transition_log,
            shutdown,
        }))
    }

    async fn run(&mut self) -> Result<(), RunError> {
        tracing::info!(
            node = self.running.config.node,
            config = %self.fixed.config_path.display(),
            routers = self.running.config.routers.len(),
            services = self.running.config.services.len(),
            "agent started"
        );
        if let Some(signal) = self.news.signals.stop_asked() {
            self.stop(signal);
        }
        let mut tick = tokio::time::interval(TICK);
        let mut stop_tick = tokio::time::interval(STOP_TICK);
        loop {
            let was_ready = self.election_sync.are_open();
            self.converge().await;
            if !was_ready && self.election_sync.are_open() {
                // Once for the kernel, once for the elections that may now begin.
                self.converge().await;
            }
            match self.ending {
                Some(End::Leave) => break,
                Some(End::Release) if self.elector.is_finished() => break,
                None if self.elector.is_finished() => {
                    // Its last transitions are in the log before this.
                    let _ = (&mut self.transition_log).await;
                    return Err(RunError::ElectionEnded);
                }
                Some(End::Release) | None => {}
            }
            let again = self.again.map_or(TICK, |at| at.saturating_since(clock::now()));
            tokio::select! {
                Ok(()) = self.news.view.changed() => {}
                Ok(()) = self.news.host.changed() => {}
                Some(event) = self.workers.health.recv() => self.on_health(event),
                Some(event) = self.workers.paths.recv() => self.on_path(event),
                Some(event) = self.workers.upstreams.recv() => {
                    self.upstream_checks.note(event.service, event.backend, Some(event.up));
                }
                Some(event) = self.workers.scripts.recv() => self.on_script(&event),
                asked = self.news.signals.next() => self.heed(asked),
                Some(order) = self.news.orders.recv() => self.obey(order),
                Some(Ok(loading)) = self.loading.join_next() => {
                    self.take_over_configuration(loading);
                }
                () = tokio::time::sleep(again), if self.again.is_some() => {}
                _ = stop_tick.tick(), if self.ending.is_some() => {}
                _ = tick.tick() => {}
            }
        }
        if self.ending == Some(End::Release) {
            self.converge().await;
            let host = self.news.host.borrow().clone();
            self.effects.retire(&self.desired, &host).await;
        }
        self.moves.clear();
        let _ = self.shutdown.send(true);
        while self.servers.join_next().await.is_some() {}
        let _ = (&mut self.transition_log).await;
        tracing::info!("agent stopped");
        Ok(())
    }

    /// Makes everything follow from what is known now.
    async fn converge(&mut self) {
        let host = self.news.host.borrow_and_update().clone();
        let view = self.news.view.borrow_and_update().clone();
        self.forget_left(&view);
        self.follow_moves(&view);
        let config = &self.running.config;
        for name in config.routers.iter().flat_map(|router| &router.track_interfaces) {
            let up = host.link_by_name(&name.interface).is_some_and(|link| link.up);
            self.track.interface(&name.interface, up);
        }
        if self.ending.is_none() {
            self.election_sync.follow(
                clock::now(),
                &self.running,
                &host,
                &self.track,
                &self.elector,
            );
        }
        let active = self.active(&view);
        let facts = self.facts(&host, &active);
        let mut desired = desired::desired(&facts);
        self.workers.prober.probe(desired::paths(&facts, &desired.reachabilities));
        desired.upstreams =
            desired::upstreams(&facts.config.upstreams, self.upstream_checks.results());
        self.desired = Arc::new(desired);
        self.destinations.send_if_modified(|known| {
            let changed = *known != self.desired.destinations;
            known.clone_from(&self.desired.destinations);
            changed
        });
        let config = &self.running.config;
        // A view from before the last commands says nothing of masterships that are only now taken
        // up again. Once the thread has ended nothing acts, also where the stop came before the
        // first election.
        let ended = self.ending == Some(End::Release) && self.elector.is_finished();
        let may_remove = ended || (self.election_sync.are_open() && self.elector.has_obeyed(&view));
        self.effects.install(config, &self.desired, &host).await;
        for (&place, router) in &view.routers {
            if let Some(epoch) = router.epoch
                && self.election_sync.announce_once(place, epoch)
            {
                self.elector.send(Command::Installed { place, epoch });
            }
        }
        let again =
            self.effects.settle(clock::now(), config, &self.desired, &host, may_remove).await;
        let unchecked = vrrp_steering::startup_gate::unchecked(self.checks.results())
            + vrrp_steering::startup_gate::unchecked(self.upstream_checks.results());
        let ready = self.election_sync.open(clock::now(), unchecked);
        self.again = [again, ready].into_iter().flatten().min();
        self.election_sync.follow_routes(&self.running, &self.desired, &self.elector);
        self.publish(&host, &view);
    }

    /// Publishes what this round found and did.
    fn publish(&mut self, host: &Arc<HostView>, view: &View) {
        let mut observed = Observed::of_round(&Round {
            running: &self.running,
            host,
            desired: &self.desired,
            effects: &self.effects,
            track: &self.track,
            paths: &self.paths,
            upstream_checks: &self.upstream_checks,
            reload: &self.reload,
            scripts: &self.scripts,
        });
        self.compare.follow(view, &mut observed);
        self.strangers.follow(&self.fixed, view, &observed);
        self.observed.send_replace(Arc::new(observed));
    }

    fn on_script(&mut self, event: &scripts::Event) {
        let changed = self.track.result(event.script, event.ok);
        self.scripts.note(event);
        if changed && let Some(script) = self.running.config.scripts.get(event.script) {
            let health = self.track.script_health(event.script);
            tracing::info!(script = script.name, outcome = ?event.outcome, "script is now {}", health.name());
        }
    }
}
