//! A lab with a running capture, and the queries of the integration tests.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::Lab;
use crate::agent;
use crate::capture::{Capture, Recording, UNDERWAY};
use crate::keepalived::Settings;
use crate::names::{Node, Vip};
use crate::options::LabOptions;
use crate::probe::HttpProbe;
use crate::process::{output, wait_until};

/// Interval of the client's requests to each address.
const PROBE_INTERVAL: Duration = Duration::from_millis(10);
/// Traffic before an event, as the reference.
const RUN_UP: Duration = Duration::from_millis(300);
/// An advert this long after another master's first may have been in flight, on a busy machine.
const FLIGHT: Duration = Duration::from_millis(50);
/// Delay that a busy machine may add to a timer of the protocol.
const ROOM: Duration = Duration::from_secs(3);

/// A running lab that is captured on its front switch.
#[derive(Debug)]
pub struct Scene {
    pub lab: Lab,
    pub capture: Capture,
}

impl Scene {
    /// Starts a lab and waits until it serves and is stable.
    pub fn up(options: LabOptions) -> Result<Self> {
        let lab = Lab::up(options)?;
        let capture = lab.capture()?;
        Ok(Self { lab, capture })
    }

    /// Starts a lab without its routers.
    pub fn without_routers(options: LabOptions) -> Result<Self> {
        let lab = Lab::without_routers(options)?;
        let capture = lab.capture()?;
        Ok(Self { lab, capture })
    }

    /// Starts a client that sends requests to `vip`, and lets some traffic pass.
    pub fn probe(&self, vip: Vip) -> Result<HttpProbe> {
        let probe = self.lab.probe(vip.address(), PROBE_INTERVAL)?;
        sleep(RUN_UP);
        Ok(probe)
    }

    /// The time at which `node` first advertised `vip` as master, at `since` or later. Waits as
    /// long as the settings may need.
    pub fn master_since(&self, vip: Vip, node: Node, since: Instant) -> Result<Instant> {
        let patience = self.lab.settings(node).master_down_interval() + ROOM;
        let deadline = Instant::now() + patience;
        loop {
            if let Some(at) = self.capture.first_advert(since, node, vip.vrid()) {
                return Ok(at);
            }
            if Instant::now() >= deadline {
                bail!(
                    "{node} did not become master of {vip} within {patience:?}; its log: {}",
                    self.log(node)
                );
            }
            sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the home node of each address serves it again.
    pub fn settle(&mut self) -> Result<()> {
        let patience = self.lab.settings(Node::Node1).master_down_interval() * 2 + ROOM;
        self.lab.wait_for_service(patience)
    }

    /// The output of `vrrp-agent status --json` on `node`.
    pub fn status(&self, node: Node) -> Result<Value> {
        let text = self.ask(node, &["--json"])?;
        serde_json::from_str(&text).context("reading the agent's status")
    }

    /// The output of `vrrp-agent status` on `node`.
    pub fn status_text(&self, node: Node) -> Result<String> {
        self.ask(node, &[])
    }

    fn ask(&self, node: Node, options: &[&str]) -> Result<String> {
        output(&mut self.lab.vrrp_agent(node, &[&["status"], options].concat()))
    }

    /// Runs `vrrp-agent` for the agent of `node`, however it ends.
    pub fn vrrp_agent(&self, node: Node, words: &[&str]) -> Result<Output> {
        self.lab.vrrp_agent(node, words).output().context("running vrrp-agent")
    }

    /// Runs it and checks its exit code and output.
    pub fn expect_output(&self, node: Node, words: &[&str], code: i32, said: &str) -> Result<()> {
        let output = self.vrrp_agent(node, words)?;
        let text = String::from_utf8_lossy(&output.stdout);
        println!("{}: {text}", words.join(" "));
        ensure!(
            output.status.code() == Some(code) && text.contains(said),
            "{words:?}: {output:?}; log: {}",
            self.log(node)
        );
        Ok(())
    }

    /// The part of the status of `node` about `vip`.
    pub fn router(&self, node: Node, vip: Vip) -> Result<Value> {
        let status = self.status(node)?;
        let routers = status["routers"].as_array().context("the status has no routers")?;
        let found = routers.iter().find(|router| router["vrid"] == vip.vrid());
        found.cloned().with_context(|| format!("the status of {node} has no {vip}"))
    }

    /// Waits until the status of `node` about `vip` is as `wanted`, and returns it.
    pub fn router_when(
        &self,
        node: Node,
        vip: Vip,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let deadline = Instant::now() + ROOM * 3;
        loop {
            let last = self.router(node, vip);
            match last {
                Ok(router) if wanted(&router) => return Ok(router),
                last if Instant::now() >= deadline => {
                    bail!("{node}, {vip}: not {what}; last seen: {last:?}")
                }
                _ => sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Waits until the backend `node` in the status of `master` is as `wanted`, in each service.
    pub fn backend_when(
        &self,
        master: Node,
        node: Node,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<()> {
        let address = node.front().to_string();
        let right = |service: &Value| {
            let backends = service["backends"].as_array().map(Vec::as_slice).unwrap_or_default();
            backends.iter().any(|backend| backend["address"] == address.as_str() && wanted(backend))
        };
        wait_until(&format!("{node} as a backend of {master} being {what}"), ROOM * 3, || {
            let status = self.status(master).unwrap_or_default();
            status["services"]
                .as_array()
                .is_some_and(|services| !services.is_empty() && services.iter().all(right))
        })
    }

    /// Starts to record every change of addresses on `node`.
    pub fn watch_addresses(&self, node: Node) -> Result<AddressWatch> {
        let path = self.lab.dir(node.host()).join("addresses.log");
        let log = File::create(&path).with_context(|| format!("making {}", path.display()))?;
        let netns = self.lab.topology().host(node.host());
        let mut command = Command::new("ip");
        command
            .args(["-n", netns.name(), "-o", "monitor", "address"])
            .stdin(Stdio::null())
            .stdout(log);
        Ok(AddressWatch { monitor: command.spawn().context("starting ip monitor")?, path })
    }

    /// The log of the router of `node` so far.
    pub fn log(&self, node: Node) -> String {
        read(&self.lab.router_log(node))
    }

    /// Fails if two nodes advertised `vip` at once since `since` for longer than a frame is in
    /// flight.
    ///
    /// A handover is the first advert of another node than before. After it the old master must be
    /// silent for as long as it cannot have become master again: for two intervals, or until its
    /// successor resigned.
    pub fn check_one_master(&self, vip: Vip, since: Instant) -> Result<()> {
        let recording = self.capture.so_far();
        let within = self.lab.settings(Node::Node1).interval * 2;
        let told = second_masters(&recording, vip, since, within);
        ensure!(told.is_empty(), "two masters of {vip}: {}", told.join("; "));
        ensure!(recording.lost == 0, "{} frames were not captured", recording.lost);
        Ok(())
    }

    /// Fails if `old` claimed or served `vip` after the other node's first advert since `since`;
    /// returns the time of that advert.
    pub fn check_silence(&self, vip: Vip, old: Node, since: Instant) -> Result<Instant> {
        let recording = self.capture.so_far();
        let handover = recording
            .first_advert(since, old.other(), vip.vrid())
            .context("no successor has advertised")?;
        let claims =
            recording.arp_claims(handover, old, vip.address()).into_iter().map(|(at, _)| at);
        let replies = recording.direct_reply_times(handover, old, vip.address());
        let after = |times: Vec<Instant>| -> Vec<Duration> {
            times.into_iter().map(|at| at - handover).collect()
        };
        let (claims, replies) = (after(claims.collect()), after(replies));
        println!(
            "{old} after its successor's first advert: claims {claims:?}, replies {replies:?}"
        );
        let late = |delays: &[Duration]| delays.iter().any(|delay| *delay >= UNDERWAY);
        ensure!(
            !late(&claims),
            "{old} claims {vip} after its successor's first advert: {claims:?}"
        );
        ensure!(
            !late(&replies),
            "{old} answers for {vip} after its successor's first advert: {replies:?}"
        );
        ensure!(recording.lost == 0, "{} frames were not captured", recording.lost);
        Ok(handover)
    }
}

/// A running `ip monitor address`.
#[derive(Debug)]
pub struct AddressWatch {
    monitor: Child,
    path: PathBuf,
}

impl AddressWatch {
    /// Ends it and returns what it wrote, a line for each change.
    pub fn stop(mut self) -> Result<String> {
        self.monitor.kill().context("ending ip monitor")?;
        Ok(read(&self.path))
    }
}

impl Drop for AddressWatch {
    fn drop(&mut self) {
        // If it has ended by itself, this fails and is ignored.
        let _ = self.monitor.kill();
        let _ = self.monitor.wait();
    }
}

/// Sentences about adverts of a master after its successor's first advert.
fn second_masters(
    recording: &Recording,
    vip: Vip,
    since: Instant,
    within: Duration,
) -> Vec<String> {
    let mut adverts: Vec<(Instant, Node, u8)> = Vec::new();
    for node in Node::BOTH {
        adverts.extend(
            recording.adverts(since, node, vip.vrid()).map(|(at, priority)| (at, node, priority)),
        );
    }
    adverts.sort_by_key(|(at, _, _)| *at);
    let (mut master, mut handover, mut told) = (None, None, Vec::new());
    for (at, node, priority) in adverts {
        if priority == 0 {
            // It resigned: the next master is no rival.
            (master, handover) = (None, None);
            continue;
        }
        if master == Some(node) {
            continue;
        }
        if let Some((taken, old)) = handover
            && old == node
            && (FLIGHT..within).contains(&(at - taken))
        {
            told.push(format!(
                "{node} advertises {:?} after its successor's first advert",
                at - taken
            ));
        }
        handover = master.map(|old| (at, old));
        master = Some(node);
    }
    told
}

/// The example's configuration of `node` without services: each master's own nginx serves its
/// address.
pub fn plain_config(node: Node, settings: &Settings) -> String {
    let text = agent::config(node, settings);
    let end = text.find("[[service]]").unwrap_or(text.len());
    text[..end].to_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
