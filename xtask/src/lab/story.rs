//! The state of the scenario: the lab, its capture, the client's probes, and the last masters.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};
use vrrp_tests::capture::{Capture, Recording};
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{Node, Vip};
use vrrp_tests::probe::{HttpProbe, Report};
use vrrp_tests::{Lab, LabOptions, Router};

use super::report::Step;

/// Interval of the client's probes of each address.
const PROBE_INTERVAL: Duration = Duration::from_millis(10);
/// Traffic before the event, as the reference for the summary.
const RUN_UP: Duration = Duration::from_millis(300);
/// Traffic after the last change.
const RUN_OUT: Duration = Duration::from_millis(500);
/// A master that yields sends one more advert within this time, so that the better router announces
/// itself. That is no mastership of its own.
const LAST_WORD: Duration = Duration::from_millis(20);

pub struct Story {
    pub lab: Lab,
    pub settings: Settings,
    epoch: Instant,
    capture: Capture,
    masters: BTreeMap<Vip, (Node, u8)>,
    steps: Vec<Step>,
}

/// Probes of both addresses, running since `began`.
pub struct Watch {
    pub began: Instant,
    probes: [HttpProbe; 2],
}

/// Results of a watch, by index of the address.
pub struct Seen {
    pub reports: [Report; 2],
    pub recording: Recording,
}

impl Seen {
    pub fn report(&self, vip: Vip) -> &Report {
        &self.reports[vip as usize]
    }
}

impl Story {
    pub fn begin(options: LabOptions) -> Result<Self> {
        let [one, two] = &options.routers;
        let settings = options.settings[0].clone();
        println!(
            "A dual-master pair: {} on node1, {} on node2; VRRP version {}, an advert each {:?}.",
            one.describe(),
            two.describe(),
            settings.version,
            settings.interval
        );
        println!("Bringing up eight hosts on two networks ...");
        let epoch = Instant::now();
        let lab = Lab::up(options)?;
        let capture = lab.capture()?;
        println!("Lab {} is up after {:.1} s.", lab.id(), epoch.elapsed().as_secs_f64());
        Ok(Self {
            lab,
            settings,
            epoch: Instant::now(),
            capture,
            masters: BTreeMap::new(),
            steps: Vec::new(),
        })
    }

    /// Runs one step. An error inside it is a failed check; the next step still runs.
    pub fn step(&mut self, title: &str, act: impl FnOnce(&mut Self, &mut Step) -> Result<()>) {
        let mut step = Step::begin(title, self.epoch);
        self.capture.clear();
        if let Err(e) = act(self, &mut step) {
            step.check("the step can be carried out", false, format!("{e:#}"));
        }
        self.record_masterships(&mut step);
        step.print();
        self.steps.push(step);
    }

    /// Starts to probe both addresses and lets some traffic pass.
    pub fn watch(&self) -> Result<Watch> {
        let probe = |vip: Vip| self.lab.probe(vip.address(), PROBE_INTERVAL);
        let watch = Watch { began: Instant::now(), probes: [probe(Vip::Vip1)?, probe(Vip::Vip2)?] };
        sleep(RUN_UP);
        Ok(watch)
    }

    /// Waits a moment, ends the watch and records its traffic.
    pub fn finish(&self, watch: Watch, step: &mut Step) -> Result<Seen> {
        sleep(RUN_OUT);
        let [one, two] = watch.probes;
        let reports = [one.stop()?, two.stop()?];
        for vip in Vip::BOTH {
            step.traffic(vip, reports[vip as usize].summary_since(watch.began));
        }
        Ok(Seen { reports, recording: self.capture.so_far() })
    }

    /// Waits until `node` has advertised `vip` since `since`; how long that took, at most
    /// `patience`.
    pub fn wait_for_master(
        &self,
        vip: Vip,
        node: Node,
        since: Instant,
        patience: Duration,
    ) -> Result<Instant> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(at) = self.capture.first_advert(since, node, vip.vrid()) {
                return Ok(at);
            }
            if Instant::now() >= deadline {
                bail!("{node} did not become master of {vip} within {patience:?}");
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// The node that advertised `vip` last.
    pub fn master_on_the_wire(&self, vip: Vip) -> Option<Node> {
        self.capture.last_advertiser(vip.vrid()).or(self.masters.get(&vip).map(|(node, _)| *node))
    }

    /// Why requirements on `node` do not apply, if it does not run our agent.
    pub fn not_ours(&self, node: Node) -> Option<&'static str> {
        if self.lab.router(node).is_agent() { None } else { Some("keepalived takes part") }
    }

    /// Whether the masters spread connections over both nodes: the services are in the TOML only.
    pub fn spreads(&self) -> bool {
        Node::BOTH.into_iter().all(|node| *self.lab.router(node) == Router::Agent)
    }

    /// Checks that `node` is master of `vip`, on the wire and in its own status.
    pub fn check_master(&self, step: &mut Step, vip: Vip, node: Node) {
        let wire = self.master_on_the_wire(vip);
        let mut held = wire == Some(node);
        let mut found =
            wire.map_or("no node advertises".to_owned(), |wire| format!("{wire} advertises"));
        if self.lab.router(node).is_agent() {
            match self.lab.agent_status(node) {
                Ok(status) => {
                    let role = status.role(vip).unwrap_or("unknown");
                    held &= role == "master";
                    found.push_str(&format!(", and its status is {role}"));
                }
                Err(e) => {
                    held = false;
                    found.push_str(&format!(", but its status cannot be read: {e:#}"));
                }
            }
        }
        step.check(format!("{node} is master of {vip}"), held, found);
    }

    /// Adds the masterships in the captured adverts to the timeline.
    fn record_masterships(&mut self, step: &mut Step) {
        let mut masterships = Vec::new();
        // The previous master, and the end of its mastership.
        let mut yielded: BTreeMap<Vip, (Node, Instant)> = BTreeMap::new();
        for captured in self.capture.so_far().frames {
            let (Some(node), Some(advert)) =
                (Node::from_host(captured.from), captured.frame.advert())
            else {
                continue;
            };
            let Some(vip) = Vip::BOTH.into_iter().find(|vip| vip.vrid() == advert.vrid) else {
                continue;
            };
            let parting = yielded
                .get(&vip)
                .is_some_and(|&(old, at)| old == node && captured.at < at + LAST_WORD);
            if parting
                && self.masters.get(&vip).is_some_and(|(_, priority)| *priority > advert.priority)
            {
                continue;
            }
            let before = self.masters.insert(vip, (node, advert.priority));
            if before == Some((node, advert.priority)) {
                continue;
            }
            if let Some((old, _)) = before.filter(|(old, _)| *old != node) {
                yielded.insert(vip, (old, captured.at));
            }
            let text = match (before, advert.priority) {
                (_, 0) => format!("{node} resigns as master of {vip} (priority 0)"),
                (Some((same, old)), new) if same == node && old != 0 => {
                    format!(
                        "{node} goes on as master of {vip} with priority {new} instead of {old}"
                    )
                }
                (_, priority) => format!("{node} is master of {vip} (priority {priority})"),
            };
            masterships
                .push((captured.at, format!("{text}{}", step.since_last_event(captured.at))));
        }
        for (at, text) in masterships {
            step.event_at(at, text);
        }
    }

    /// The last line, the data, and whether every step held.
    pub fn end(self) -> (bool, Value) {
        let failed: Vec<&str> =
            self.steps.iter().filter(|step| !step.held()).map(|step| step.title.as_str()).collect();
        print!("\n{} steps in {:.1} s: ", self.steps.len(), self.epoch.elapsed().as_secs_f64());
        match failed.as_slice() {
            [] => println!("every check held."),
            titles => println!("FAILED: {}", titles.join("; ")),
        }
        let data = json!({
            "routers": Node::BOTH.map(|node| self.lab.router(node).describe()),
            "vrrp_version": self.settings.version,
            "interval_ms": self.settings.interval.as_millis() as u64,
            "held": failed.is_empty(),
            "steps": self.steps.iter().map(Step::to_json).collect::<Vec<_>>(),
        });
        let held = failed.is_empty();
        if let Err(e) = self.lab.down() {
            println!("removing the lab: {e:#}");
            return (false, data);
        }
        (held, data)
    }
}
