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

mod picture;
mod seats;
mod snapshot;
mod tracking;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::clock;
use crate::desired::{self, Desired, Facts};
use crate::effects::{self, Effects};
use crate::elector::{Command, Elector, StartError, View};
use crate::health::{self, probe};
use crate::http::{ApiServer, HttpError, MetricsServer, StatusSource};
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
use picture::Picture;
use seats::Seats;
use snapshot::Fixed;

/// Everything is looked at again this often even without news, so that what somebody else changed comes back.
const TICK: Duration = Duration::from_secs(1);
/// How often a stopping agent looks whether the election thread has ended.
const STOP_TICK: Duration = Duration::from_millis(10);
const KERNEL_LOG_EVERY: Duration = Duration::from_millis(100);
/// Results that may wait for the loop; more would mean that it hangs, and then newer results are worth no more.
const RESULTS: usize = 256;

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
    #[error("signal handlers: {0}")]
    Signals(std::io::Error),
}

/// Runs until SIGTERM or SIGINT, then releases and returns. With `kernel_log` the kernel program's rare lines are logged too.
///
/// # Errors
/// What cannot be done without: sockets, netlink, the API. A missing kernel program, metrics port or script is a state, told
/// in log and status.
pub async fn run(config: Config, config_path: PathBuf, kernel_log: bool) -> Result<(), RunError> {
    let mut agent = Agent::start(config, config_path, kernel_log).await?;
    agent.run().await;
    Ok(())
}

struct Agent {
    fixed: Arc<Fixed>,
    picture: Arc<Mutex<Picture>>,
    elector: Elector,
    effects: Effects,
    track: Track,
    seats: Seats,
    desired: Desired,
    /// When to settle again although nothing happened.
    again: Option<Instant>,
    news: News,
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
    scripts: mpsc::Receiver<scripts::Event>,
    health: mpsc::Receiver<health::Event>,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    _scripts: scripts::Scripts,
    _probes: probe::Probes,
}

impl Agent {
    async fn start(config: Config, config_path: PathBuf, kernel_log: bool) -> Result<Self, RunError> {
        let (mut servers, mut background) = (JoinSet::new(), JoinSet::new());
        let (watcher, host) = Watcher::start().await?;
        background.spawn(watcher.run());
        let mut plane = open_plane(&config, kernel_log);
        if let Some(log) = plane.as_mut().and_then(Plane::take_log) {
            background.spawn(pass_on(log));
        }
        let mut words = plane.as_ref().map(|plane| Words::open(&plane.maps)).transpose()?;
        let places = seats::places(&config, &host.borrow(), words.as_mut())?;
        let effects = Effects::new(&config, plane)?;
        let elector = Elector::start(&config.routers, &places, words)?;
        let fixed = Arc::new(Fixed {
            counters: effects.counters()?,
            started: clock::now(),
            started_unix: SystemTime::now(),
            config_path,
            places,
            config,
        });
        let picture = Arc::new(Mutex::new(Picture::new(&fixed.config)));
        let (shutdown, ended) = watch::channel(false);
        let source = status_source(&fixed, &picture, &elector);
        serve(&mut servers, &fixed.config, &source, &ended).await?;
        let (script_results, scripts_in) = mpsc::channel(RESULTS);
        let (health_results, health_in) = mpsc::channel(RESULTS);
        let stream = |kind| signal(kind).map_err(RunError::Signals);
        let news = News {
            host,
            view: elector.view(),
            scripts: scripts_in,
            health: health_in,
            terminate: stream(SignalKind::terminate())?,
            interrupt: stream(SignalKind::interrupt())?,
            hangup: stream(SignalKind::hangup())?,
            _scripts: scripts::spawn(&fixed.config.scripts, &script_results),
            _probes: probe::spawn(&fixed.config.services, &health_results),
        };
        let track = Track::new(&fixed.config);
        let seats = Seats::new(&fixed.config, clock::now());
        let desired = Desired::default();
        let (again, stopping) = (None, false);
        let _background = background;
        Ok(Self {
            fixed,
            picture,
            elector,
            effects,
            track,
            seats,
            desired,
            again,
            news,
            stopping,
            servers,
            _background,
            shutdown,
        })
    }

    async fn run(&mut self) {
        tracing::info!(
            node = self.fixed.config.node,
            config = %self.fixed.config_path.display(),
            routers = self.fixed.config.routers.len(),
            services = self.fixed.config.services.len(),
            "agent started"
        );
        let mut tick = tokio::time::interval(TICK);
        let mut stop_tick = tokio::time::interval(STOP_TICK);
        self.converge().await;
        loop {
            let again = self.again.map_or(TICK, |at| at.saturating_since(clock::now()));
            tokio::select! {
                Ok(()) = self.news.view.changed() => {}
                Ok(()) = self.news.host.changed() => {}
                Some(event) = self.news.health.recv() => self.on_health(&event),
                Some(event) = self.news.scripts.recv() => self.on_script(&event),
                _ = self.news.terminate.recv() => self.stop("SIGTERM"),
                _ = self.news.interrupt.recv() => self.stop("SIGINT"),
                _ = self.news.hangup.recv() => {
                    tracing::warn!("SIGHUP: this version cannot reload; restart the agent, the data plane goes on meanwhile");
                }
                () = tokio::time::sleep(again), if self.again.is_some() => {}
                _ = stop_tick.tick(), if self.stopping => {}
                _ = tick.tick() => {}
            }
            self.converge().await;
            if self.stopping && self.elector.is_finished() {
                break;
            }
        }
        self.converge().await;
        self.effects.retire(&self.desired).await;
        let _ = self.shutdown.send(true);
        while self.servers.join_next().await.is_some() {}
        tracing::info!("agent stopped");
    }

    /// Makes everything follow from what is known now.
    async fn converge(&mut self) {
        let host = self.news.host.borrow_and_update().clone();
        let view = self.news.view.borrow_and_update().clone();
        let config = &self.fixed.config;
        for name in config.routers.iter().flat_map(|router| &router.track_interfaces) {
            let up = host.link_by_name(&name.interface).is_some_and(|link| link.up);
            self.track.interface(&name.interface, up);
        }
        if !self.stopping {
            self.seats.follow(clock::now(), config, &host, &self.track, &self.elector);
        }
        let acting: Vec<bool> = view.routers.iter().map(|router| router.acts()).collect();
        let health = self.picture().health.clone();
        let facts = Facts { config, host: &host, acting: &acting, places: &self.fixed.places, health: &health };
        self.desired = desired::desired(&facts);
        // A view from before the last commands says nothing of masterships that are only now taken up again.
        let may_remove = self.elector.has_obeyed(&view);
        self.effects.install(&self.desired, &host).await;
        for (router, epoch) in (0..).zip(view.routers.iter().map(|router| router.epoch)) {
            if let Some(epoch) = epoch
                && self.seats.announce_once(router, epoch)
            {
                self.elector.send(Command::Installed { router, epoch });
            }
        }
        self.again = self.effects.settle(clock::now(), config, &self.desired, &host, may_remove).await;
        self.seats.follow_routes(config, &self.desired, &self.elector);
        let ways = snapshot::ways(&facts);
        let mut picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
        picture.observe(config, &host, ways, &self.desired, &self.effects, &self.track);
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
        if changed && let Some(script) = self.fixed.config.scripts.get(event.script) {
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

fn status_source(fixed: &Arc<Fixed>, picture: &Arc<Mutex<Picture>>, elector: &Elector) -> StatusSource {
    let (fixed, picture, view) = (Arc::clone(fixed), Arc::clone(picture), elector.view());
    StatusSource::new(move || {
        let view = view.borrow().clone();
        let picture = picture.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot::status(&fixed, &view, &picture, clock::now(), SystemTime::now())
    })
}

/// Starts the servers. Without metrics the agent runs; without the API nobody could ask it anything.
async fn serve(
    tasks: &mut JoinSet<()>,
    config: &Config,
    source: &StatusSource,
    ended: &watch::Receiver<bool>,
) -> Result<(), HttpError> {
    let api = ApiServer::bind(&config.api_socket)?;
    let (api_source, api_ended) = (source.clone(), ended.clone());
    tasks.spawn(async move {
        if let Err(error) = api.serve(api_source, api_ended).await {
            tracing::error!(%error, "the control API has ended");
        }
    });
    let Some(address) = config.metrics else {
        return Ok(());
    };
    match MetricsServer::bind(address).await {
        Ok(server) => {
            let (source, ended) = (source.clone(), ended.clone());
            tasks.spawn(async move {
                if let Err(error) = server.serve(source, ended).await {
                    tracing::error!(%error, "the metrics server has ended");
                }
            });
        }
        Err(error) => tracing::error!(%error, "no metrics"),
    }
    Ok(())
}
