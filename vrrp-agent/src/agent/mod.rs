//! The agent's loop: every piece of news comes here, desired state is computed whole, effects make it so.
//!
//! ```text
//!   net::watch ---- host view ---.
//!   elector ------- view --------|                  .--> elector: seats, priorities, faults, "installed"
//!   scripts ------- results -----+--> agent loop ---+
//!   health probes - results -----|                  '--> effects: addresses, routes, tables, rings, program
//!   signals, tick ---------------'
//! ```
//!
//! Owners: this loop owns the watcher's, servers', scripts' and probes' tasks; they end when it returns. The election thread
//! ends by itself after [`Command::Shutdown`], once nothing acts any more.

mod force;
mod picture;
mod reload;
mod seats;
mod serve;
mod snapshot;
mod tracking;
mod workers;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::clock;
use crate::desired::{self, Desired, Facts};
use crate::effects::{self, Effects};
use crate::elector::{Command, Elector, RouterView, StartError, View};
use crate::health;
use crate::http::{HttpError, ReloadRequest};
use crate::model::{Config, XdpUse};
use crate::net::NetlinkError;
use crate::net::view::HostView;
use crate::net::watch::Watcher;
use crate::plane::PlaneError;
use crate::plane::object::{KernelLog, Plane};
use crate::plane::words::Words;
use crate::scripts;
use crate::time::Instant;
use crate::track::Track;
use force::Force;
use picture::Picture;
use reload::Loading;
use seats::Seats;
use snapshot::Fixed;
use workers::Workers;

/// Everything is looked at again this often even without news, so that what somebody else changed comes back.
const TICK: Duration = Duration::from_secs(1);
/// How often a stopping agent looks whether the election thread has ended.
const STOP_TICK: Duration = Duration::from_millis(10);
const KERNEL_LOG_EVERY: Duration = Duration::from_millis(100);
/// Reloads that may wait for their turn.
const RELOADS: usize = 16;

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
    /// The lease lapses now; whoever restarts the agent finds its masterships in the kernel.
    #[error("the election thread has ended unasked: a defect, please report it")]
    ElectionEnded,
    #[error("signal handlers: {0}")]
    Signals(std::io::Error),
}

/// Runs until SIGTERM or SIGINT, then releases and returns. With `kernel_log` the kernel program's rare lines are logged too.
///
/// # Errors
/// What cannot be done without: sockets, netlink, the API. A missing kernel program, metrics port or script is a state, told
/// in log and status.
pub async fn run(config: Config, config_path: PathBuf, config_id: Option<String>, kernel_log: bool) -> Result<(), RunError> {
    let mut agent = Agent::start(config, config_path, config_id, kernel_log).await?;
    agent.run().await
}

struct Agent {
    fixed: Arc<Fixed>,
    force: Force,
    picture: Arc<Mutex<Picture>>,
    elector: Elector,
    effects: Effects,
    track: Track,
    seats: Seats,
    desired: Desired,
    /// When to settle again although nothing happened.
    again: Option<Instant>,
    news: News,
    workers: Workers,
    /// Configuration files being read.
    loading: JoinSet<Loading>,
    stopping: bool,
    /// End after the shutdown signal.
    servers: JoinSet<()>,
    /// Never end by themselves; aborted when the agent is dropped.
    _background: JoinSet<()>,
    shutdown: watch::Sender<bool>,
}

/// Where news comes from.
struct News {
    host: watch::Receiver<Arc<HostView>>,
    view: watch::Receiver<Arc<View>>,
    reload: mpsc::Receiver<ReloadRequest>,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Agent {
    async fn start(config: Config, config_path: PathBuf, config_id: Option<String>, kernel_log: bool) -> Result<Self, RunError> {
        let (mut servers, mut background) = (JoinSet::new(), JoinSet::new());
        let (watcher, host) = Watcher::start().await?;
        background.spawn(watcher.run());
        let mut plane = open_plane(&config, kernel_log);
        if let Some(log) = plane.as_mut().and_then(Plane::take_log) {
            background.spawn(pass_on(log));
        }
        let mut words = plane.as_ref().map(|plane| Words::open(&plane.maps)).transpose()?;
        let places = seats::places(&config, &host.borrow(), words.as_mut())?;
        let resumable = seats::resumable(&places, words.as_ref())?;
        let effects = Effects::new(&config, plane)?;
        let elector = Elector::start(words, config.election.clone())?;
        let fixed = Arc::new(Fixed {
            counters: effects.counters()?,
            started: clock::now(),
            started_unix: SystemTime::now(),
            config_path,
            config_id,
        });
        let force = Force::new(config, places);
        let config = &force.config;
        let picture = Arc::new(Mutex::new(Picture::new(&force)));
        let (shutdown, ended) = watch::channel(false);
        let source = serve::status_source(&fixed, &picture, &elector);
        let (reload_requests, reload) = mpsc::channel(RELOADS);
        serve::serve(&mut servers, config, &source, &reload_requests, &ended).await?;
        let stream = |kind| signal(kind).map_err(RunError::Signals);
        let news = News {
            host,
            view: elector.view(),
            reload,
            terminate: stream(SignalKind::terminate())?,
            interrupt: stream(SignalKind::interrupt())?,
            hangup: stream(SignalKind::hangup())?,
        };
        let track = Track::new(config);
        let seats = Seats::new(config, resumable, clock::now());
        let desired = Desired::default();
        let (again, stopping) = (None, false);
        let workers = Workers::start(config);
        let _background = background;
        Ok(Self {
            fixed,
            force,
            picture,
            elector,
            effects,
            track,
            seats,
            desired,
            again,
            news,
            workers,
            loading: JoinSet::new(),
            stopping,
            servers,
            _background,
            shutdown,
        })
    }

    async fn run(&mut self) -> Result<(), RunError> {
        tracing::info!(
            node = self.force.config.node,
            config = %self.fixed.config_path.display(),
            routers = self.force.config.routers.len(),
            services = self.force.config.services.len(),
            "agent started"
        );
        let mut tick = tokio::time::interval(TICK);
        let mut stop_tick = tokio::time::interval(STOP_TICK);
        // Once for the kernel, once for the elections that may now begin.
        self.converge().await;
        self.converge().await;
        loop {
            let again = self.again.map_or(TICK, |at| at.saturating_since(clock::now()));
            tokio::select! {
                Ok(()) = self.news.view.changed() => {}
                Ok(()) = self.news.host.changed() => {}
                Some(event) = self.workers.health.recv() => self.on_health(&event),
                Some(event) = self.workers.scripts.recv() => self.on_script(&event),
                _ = self.news.terminate.recv() => self.stop("SIGTERM"),
                _ = self.news.interrupt.recv() => self.stop("SIGINT"),
                _ = self.news.hangup.recv() => self.load(None),
                Some(request) = self.news.reload.recv() => self.load(Some(request)),
                Some(Ok(loading)) = self.loading.join_next() => self.take_over_configuration(loading),
                () = tokio::time::sleep(again), if self.again.is_some() => {}
                _ = stop_tick.tick(), if self.stopping => {}
                _ = tick.tick() => {}
            }
            self.converge().await;
            if self.elector.is_finished() {
                if self.stopping {
                    break;
                }
                return Err(RunError::ElectionEnded);
            }
        }
        self.converge().await;
        self.effects.retire(&self.desired).await;
        let _ = self.shutdown.send(true);
        while self.servers.join_next().await.is_some() {}
        tracing::info!("agent stopped");
        Ok(())
    }

    /// Makes everything follow from what is known now.
    async fn converge(&mut self) {
        let host = self.news.host.borrow_and_update().clone();
        let view = self.news.view.borrow_and_update().clone();
        self.forget_left(&view);
        let config = &self.force.config;
        for name in config.routers.iter().flat_map(|router| &router.track_interfaces) {
            let up = host.link_by_name(&name.interface).is_some_and(|link| link.up);
            self.track.interface(&name.interface, up);
        }
        if !self.stopping {
            self.seats.follow(clock::now(), &self.force, &host, &self.track, &self.elector);
        }
        let acts = |place| view.routers.get(place).is_some_and(RouterView::acts);
        let acting: Vec<bool> = self.force.places.iter().map(acts).collect();
        let health = self.picture().health.clone();
        let (places, slots) = (&self.force.places, &self.force.slots);
        let facts = Facts { config, host: &host, acting: &acting, places, slots, health: &health };
        self.desired = desired::desired(&facts);
        // A view from before the last commands says nothing of masterships that are only now taken up again.
        let may_remove = self.seats.are_open() && self.elector.has_obeyed(&view);
        self.effects.install(&self.desired, &host).await;
        for (&place, router) in &view.routers {
            if let Some(epoch) = router.epoch
                && self.seats.announce_once(place, epoch)
            {
                self.elector.send(Command::Installed { place, epoch });
            }
        }
        self.again = self.effects.settle(clock::now(), config, &self.desired, &host, may_remove).await;
        self.seats.open();
        self.seats.follow_routes(&self.force, &self.desired, &self.elector);
        let ways = snapshot::ways(&facts);
        let mut picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
        picture.observe(&self.force, &host, ways, &self.desired, &self.effects, &self.track);
    }

    fn picture(&self) -> std::sync::MutexGuard<'_, Picture> {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_health(&mut self, event: &health::Event) {
        self.picture().on_health(event);
    }

    fn on_script(&mut self, event: &scripts::Event) {
        let changed = self.track.result(event.script, event.ok);
        self.picture().on_script(event);
        if changed && let Some(script) = self.force.config.scripts.get(event.script) {
            let health = self.track.script_health(event.script);
            tracing::info!(script = script.name, outcome = ?event.outcome, "script is now {}", health.name());
        }
    }

    fn stop(&mut self, signal: &str) {
        if !self.stopping {
            tracing::info!(signal, "stopping: masterships are released, traffic is carried until a successor speaks");
            self.stopping = true;
            self.elector.send(Command::Shutdown);
        }
    }
}

/// Loads the kernel program, or says why the agent goes without.
fn open_plane(config: &Config, kernel_log: bool) -> Option<Plane> {
    if config.xdp == XdpUse::Off {
        tracing::info!("xdp is off: the election and the addresses work through the sockets alone");
        return None;
    }
    Plane::open(&config.bpf_dir, kernel_log)
        .inspect_err(|error| tracing::warn!(%error, "no kernel program: the election works, the data plane does not"))
        .ok()
}

/// Lines of the kernel program come in bursts of a few a failover: a look now and then is enough.
async fn pass_on(mut log: KernelLog) {
    let mut tick = tokio::time::interval(KERNEL_LOG_EVERY);
    loop {
        tick.tick().await;
        log.flush();
    }
}
