//! The snapshot as OpenMetrics text. Pure: everything shown comes from the [`Status`].
//!
//! A metric has the same labels on every sample, and a set of known values (states, roles, reasons)
//! is always complete, zeros included, so that a rate never starts in the middle of an incident.

mod page;
mod plane;
mod routers;
#[cfg(test)]
mod tests;
mod upstreams;

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;

use crate::{ElectionStatus, ScriptState, ScriptStatus, Status};
use page::{Column, Page, with};
use vrrp_model::Missing;

/// `Content-Type` of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The whole exposition, `# EOF` included.
///
/// # Errors
/// Only when a value cannot be formatted, which no value of a [`Status`] is known to do.
pub fn render(status: &Status) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(status.clone())));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

#[derive(Debug)]
struct Snapshot(Status);

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut page = Page::new(encoder);
        process(&mut page, &self.0)?;
        election(&mut page, &self.0.election)?;
        routers::states(&mut page, &self.0.routers)?;
        routers::counters(&mut page, &self.0.routers)?;
        routers::timing(&mut page, &self.0.routers)?;
        plane::interfaces(&mut page, &self.0.interfaces)?;
        plane::services(&mut page, &self.0.services, &self.0.flips)?;
        plane::backends(&mut page, &self.0.services)?;
        upstreams::upstreams(&mut page, &self.0.upstreams)?;
        scripts(&mut page, &self.0.scripts)?;
        notifications(&mut page, &self.0)
    }
}

fn process(page: &mut Page, status: &Status) -> fmt::Result {
    let build = vec![("version", status.version.clone()), ("node", status.node.clone())];
    page.infos("vrrp_build", "Version of the agent and name of the node.", [build])?;
    page.gauge(
        "process_start_time_seconds",
        "Unix time of the agent's start.",
        status.started_unix,
    )?;
    // The configuration the agent started with was read successfully.
    let (successful, at) = match &status.reload {
        Some(reload) => (reload.successful, reload.success_at_unix),
        None => (true, None),
    };
    page.gauge(
        "vrrp_config_last_reload_successful",
        "0 if the last reload was rejected.",
        f64::from(u8::from(successful)),
    )?;
    let at = at.unwrap_or(status.started_unix);
    page.gauge(
        "vrrp_config_last_reload_success_timestamp_seconds",
        "Unix time at which the running configuration was loaded.",
        at,
    )?;
    page.counters(
        "vrrp_resource_shortages",
        "Operations not done for lack of descriptors, memory, ports or processes.",
        status.shortages.iter().map(|(what, count)| (vec![("what", what.clone())], *count)),
    )
}

fn election(page: &mut Page, election: &ElectionStatus) -> fmt::Result {
    let lacks =
        |what: Missing| u32::from(election.missing.iter().any(|missing| missing.what == what));
    page.gauges(
        "vrrp_election_thread_degraded",
        "1 if the system denied the election thread what the configuration asks for.",
        Missing::ALL.map(|what| (vec![("what", what.label().to_owned())], lacks(what))),
    )?;
    page.histogram(
        "vrrp_election_wakeup_lateness_seconds",
        "Delay from a deadline of the election thread to its handling.",
        &election.lateness,
    )?;
    page.gauge(
        "vrrp_election_wakeup_lateness_max_seconds",
        "Maximum of vrrp_election_wakeup_lateness_seconds since the agent started.",
        election.lateness_max_seconds,
    )?;
    page.counter(
        "vrrp_transitions_dropped",
        "Transitions that are missing in the log because their queue was full.",
        election.transitions_dropped,
    )
}

fn notifications(page: &mut Page, status: &Status) -> fmt::Result {
    let by_outcome = |counts: &BTreeMap<String, u64>| {
        let sample =
            |(outcome, count): (&String, &u64)| (vec![("outcome", outcome.clone())], *count);
        counts.iter().map(sample).collect::<Vec<_>>()
    };
    page.counters(
        "vrrp_notify_commands",
        "Notify commands by outcome; left_out: not run, because newer changes followed or the agent ended.",
        by_outcome(&status.notify_commands),
    )?;
    page.counters(
        "vrrp_notify_fifo_lines",
        "Lines for notify FIFOs by outcome; dropped: the FIFO was full or missing.",
        by_outcome(&status.notify_lines),
    )?;
    page.counters(
        "vrrp_notify_mails",
        "Mails by outcome; left_out: not sent, because too many newer ones waited.",
        by_outcome(&status.notify_mails),
    )
}

fn scripts(page: &mut Page, scripts: &[ScriptStatus]) -> fmt::Result {
    const COUNTERS: [Column<ScriptStatus, u64>; 3] = [
        ("vrrp_script_runs", "Completed runs.", |script| script.runs),
        ("vrrp_script_failures", "Failed runs, including timeouts and failed starts.", |script| {
            script.failures
        }),
        ("vrrp_script_timeouts", "Runs killed at their timeout.", |script| script.timeouts),
    ];
    let named = |script: &ScriptStatus| vec![("script", script.name.clone())];
    page.gauges(
        "vrrp_script_state",
        "1 for the current state of the script, 0 for the others.",
        scripts.iter().flat_map(|script| {
            ScriptState::ALL.map(|state| {
                (with(named(script), "state", state), u32::from(state == script.state))
            })
        }),
    )?;
    let rows: Vec<_> = scripts.iter().map(|script| (named(script), script)).collect();
    page.counter_columns(&COUNTERS, &rows)
}
