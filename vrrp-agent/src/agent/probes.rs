//! Scripts and health probes: started, and started again when a reload changes them.

use tokio::sync::mpsc;

use crate::health::{self, probe, vip_probe};
use crate::scripts;
use vrrp_model::{Config, Script, Service, Upstream};

/// Results that may wait for the loop; more would mean that it hangs, and then newer results are
/// worth no more.
const RESULTS: usize = 256;

/// The running scripts and probes. Each generation has channels of its own: a result that was under
/// way from an old one, with numbers that mean something else now, is never taken for a new one's.
pub struct Workers {
    pub scripts: mpsc::Receiver<scripts::Event>,
    pub health: mpsc::Receiver<health::Event>,
    /// Of the backends of services, on the real path; [`Workers::prober`] is told of what.
    pub paths: mpsc::Receiver<vip_probe::Event>,
    pub prober: vip_probe::Prober,
    /// Of the upstreams' backends.
    pub upstreams: mpsc::Receiver<health::Event>,
    _scripts: scripts::Scripts,
    _probes: probe::Probes,
    _upstream_probes: probe::Probes,
}

impl Workers {
    pub fn start(config: &Config) -> Self {
        let (scripts, _scripts) = run_scripts(&config.scripts);
        let (health, _probes) = run_probes(&config.services);
        let (paths, prober) = run_prober(&config.services);
        let (upstreams, _upstream_probes) = run_upstream_probes(&config.upstreams);
        Self { scripts, health, paths, prober, upstreams, _scripts, _probes, _upstream_probes }
    }

    pub fn restart_scripts(&mut self, scripts: &[Script]) {
        (self.scripts, self._scripts) = run_scripts(scripts);
    }

    pub fn restart_probes(&mut self, services: &[Service]) {
        (self.health, self._probes) = run_probes(services);
        (self.paths, self.prober) = run_prober(services);
    }

    pub fn restart_upstream_probes(&mut self, upstreams: &[Upstream]) {
        (self.upstreams, self._upstream_probes) = run_upstream_probes(upstreams);
    }
}

fn run_scripts(all: &[Script]) -> (mpsc::Receiver<scripts::Event>, scripts::Scripts) {
    let (results, events) = mpsc::channel(RESULTS);
    (events, scripts::spawn(all, &results))
}

fn run_probes(services: &[Service]) -> (mpsc::Receiver<health::Event>, probe::Probes) {
    let (results, events) = mpsc::channel(RESULTS);
    (events, probe::spawn(services, &results))
}

fn run_prober(services: &[Service]) -> (mpsc::Receiver<vip_probe::Event>, vip_probe::Prober) {
    let (results, events) = mpsc::channel(RESULTS);
    (events, vip_probe::spawn(services, &results))
}

fn run_upstream_probes(upstreams: &[Upstream]) -> (mpsc::Receiver<health::Event>, probe::Probes) {
    let (results, events) = mpsc::channel(RESULTS);
    (events, probe::spawn_for_upstreams(upstreams, &results))
}
