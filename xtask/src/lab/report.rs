//! The report of a scenario: steps with events, traffic and checks; as text or JSON.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vrrp_tests::names::Vip;
use vrrp_tests::summary::Summary;

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Held,
    Failed,
    /// Why the check does not apply here.
    DoesNotApply(String),
}

/// One requirement and what was found.
#[derive(Debug, Clone)]
pub struct Check {
    pub demand: String,
    pub found: String,
    pub outcome: Outcome,
}

/// One step of the scenario.
#[derive(Debug)]
pub struct Step {
    pub title: String,
    epoch: Instant,
    begun: Duration,
    events: Vec<(Duration, String)>,
    traffic: Vec<(Vip, Summary)>,
    checks: Vec<Check>,
}

impl Step {
    /// Begins a step; `epoch` is the zero of the timeline.
    pub fn begin(title: &str, epoch: Instant) -> Self {
        let begun = epoch.elapsed();
        println!("\n{title}");
        Self {
            title: title.to_owned(),
            epoch,
            begun,
            events: Vec::new(),
            traffic: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// Records something that was done or happened just now.
    pub fn event(&mut self, text: impl Into<String>) {
        self.event_at(Instant::now(), text);
    }

    pub fn event_at(&mut self, at: Instant, text: impl Into<String>) {
        self.events.push((at.saturating_duration_since(self.epoch), text.into()));
    }

    /// How long before `at` the last event was, as text; empty if there was none.
    pub fn since_last_event(&self, at: Instant) -> String {
        let at = at.saturating_duration_since(self.epoch);
        let last = self.events.iter().map(|(when, _)| *when).filter(|when| *when <= at).max();
        last.map(|last| format!(", {:.3} s later", (at - last).as_secs_f64())).unwrap_or_default()
    }

    pub fn traffic(&mut self, vip: Vip, summary: Summary) {
        self.traffic.push((vip, summary));
    }

    /// Records a requirement; `found` describes the observation, whether it `held` or not.
    pub fn check(&mut self, demand: impl Into<String>, held: bool, found: impl Into<String>) {
        let outcome = if held { Outcome::Held } else { Outcome::Failed };
        self.checks.push(Check { demand: demand.into(), found: found.into(), outcome });
    }

    /// The same, unless `excuse` gives a reason why the requirement does not apply in this set-up.
    pub fn check_unless(
        &mut self,
        excuse: Option<&str>,
        demand: &str,
        held: bool,
        found: impl Into<String>,
    ) {
        match excuse {
            None => self.check(demand, held, found),
            Some(reason) => self.checks.push(Check {
                demand: demand.to_owned(),
                found: found.into(),
                outcome: Outcome::DoesNotApply(reason.to_owned()),
            }),
        }
    }

    pub fn held(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Failed)
    }

    /// Prints the timeline of the step, its traffic and its checks.
    pub fn print(&mut self) {
        self.events.sort();
        for (at, text) in &self.events {
            println!("{:9.3} s  {text}", at.as_secs_f64());
        }
        for (vip, summary) in &self.traffic {
            println!("             {vip}: {}", summary.sentence());
            if summary.failed > 0 {
                let reasons: Vec<String> = summary
                    .failures
                    .iter()
                    .map(|(reason, count)| format!("{reason} {count}"))
                    .collect();
                println!("                   lost to: {}", reasons.join(", "));
            }
        }
        for Check { demand, found, outcome } in &self.checks {
            match outcome {
                Outcome::Held => println!("        ok   {demand}: {found}"),
                Outcome::Failed => println!("    FAILED   {demand}: {found}"),
                Outcome::DoesNotApply(reason) => {
                    println!("         -   {demand}: {found} (not demanded: {reason})")
                }
            }
        }
    }

    pub fn to_json(&self) -> Value {
        let events: Vec<Value> = self
            .events
            .iter()
            .map(|(at, text)| json!({"at_s": at.as_secs_f64(), "text": text}))
            .collect();
        let traffic: Vec<Value> = self
            .traffic
            .iter()
            .map(|(vip, summary)| json!({"address": vip.address().to_string(), "summary": summary}))
            .collect();
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|check| {
                let (outcome, reason) = match &check.outcome {
                    Outcome::Held => ("held", None),
                    Outcome::Failed => ("failed", None),
                    Outcome::DoesNotApply(reason) => ("not_demanded", Some(reason)),
                };
                json!({"demand": check.demand, "found": check.found, "outcome": outcome, "reason": reason})
            })
            .collect();
        json!({
            "title": self.title,
            "begun_s": self.begun.as_secs_f64(),
            "events": events,
            "traffic": traffic,
            "checks": checks,
        })
    }
}
