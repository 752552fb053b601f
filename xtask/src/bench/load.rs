//! `bench load`: no node fails, but the machine is busy. A backup that becomes master was wrong.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use vrrp_tests::Node;
use vrrp_tests::capture::Recording;
use vrrp_tests::pair::{Pair, Plan, Program, Scheduling};

use super::busy::BusyLoops;
use super::observation::{Both, Observation, beyond_usual, wait_asking};
use vrrp_tests::table;

const INTERVAL: Duration = Duration::from_millis(10);
/// A node that advertises again after this many silent intervals counts as promoted again.
const SILENCE: u32 = 3;

#[derive(Debug, Args)]
pub struct Options {
    /// How long each pair runs under load
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Busy loops, spread over all CPUs
    #[arg(long, value_name = "N", default_value_t = 16)]
    loops: usize,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Program, scheduling and `accept_always` of each pair. The first must have no promotion.
const PAIRS: [(Program, Scheduling, bool, &str); 5] = [
    (Program::Agent, Scheduling::AsInstalled, false, "vrrp-agent as installed"),
    (Program::Agent, Scheduling::Refused, false, "vrrp-agent without permission for real time"),
    (Program::Agent, Scheduling::Refused, true, "the same with accept_always"),
    (Program::Keepalived, Scheduling::AsInstalled, false, "keepalived as installed"),
    (Program::Keepalived, Scheduling::Asked, false, "keepalived with vrrp_rt_priority 50"),
];

#[derive(Debug, Serialize)]
struct Line {
    pair: &'static str,
    /// How often the backup became master although the master was running.
    promotions: usize,
    #[serde(flatten)]
    both: Both,
    /// The longest time without an answer beyond the usual one, ms.
    gap_ms: f64,
    /// The longest time between two adverts of the master, ms.
    silence_ms: f64,
    stall_ms: f64,
    not_captured: u32,
}

pub fn run(options: &Options) -> Result<bool> {
    let agent = super::run::agent()?;
    let mut lines = Vec::new();
    for (program, scheduling, accept_always, name) in PAIRS {
        eprintln!("{name}: {} busy loops for {} s ...", options.loops, options.seconds);
        let plan =
            Plan { scheduling, accept_always, ..Plan::single(program, INTERVAL, agent.clone()) };
        lines.push(measure(plan, name, options)?);
    }
    print(options, &lines);
    super::run::write_json(options.json.as_deref(), &serde_json::to_value(&lines)?)?;
    Ok(lines[0].promotions == 0)
}

fn measure(plan: Plan, name: &'static str, options: &Options) -> Result<Line> {
    let pair = Pair::up(plan)?;
    let observation = Observation::begin(&pair)?;
    let loops = BusyLoops::start(options.loops)?;
    let since = Instant::now();
    wait_asking(&pair, Duration::from_secs(options.seconds))?;
    loops.stop()?;
    let (report, recording) = observation.stop()?;
    let summary = report.summary_since(since);
    let line = Line {
        pair: name,
        promotions: promotions(&recording, since),
        both: Both::of(&recording.second_is_active(since, pair.plan().vip())),
        gap_ms: beyond_usual(summary.outage_ms),
        silence_ms: longest_silence(&recording, since),
        stall_ms: summary.stall_ms,
        not_captured: recording.lost,
    };
    pair.down()?;
    Ok(line)
}

fn adverts_of(recording: &Recording, node: Node, since: Instant) -> Vec<Instant> {
    recording
        .adverts(since, node, Plan::VRID)
        .filter(|(_, priority)| *priority > 0)
        .map(|(at, _)| at)
        .collect()
}

fn promotions(recording: &Recording, since: Instant) -> usize {
    let adverts = adverts_of(recording, Node::Node2, since);
    let again = adverts.windows(2).filter(|pair| pair[1] - pair[0] > INTERVAL * SILENCE).count();
    usize::from(!adverts.is_empty()) + again
}

fn longest_silence(recording: &Recording, since: Instant) -> f64 {
    let adverts = adverts_of(recording, Node::Node1, since);
    adverts.windows(2).map(|pair| super::units::millis(pair[1] - pair[0])).fold(0.0, f64::max)
}

fn print(options: &Options, lines: &[Line]) {
    println!(
        "\n{} busy loops of ordinary priority for {} s, an advert each 10 ms; no node fails.",
        options.loops, options.seconds
    );
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let [gap, silence, stall] =
                [line.gap_ms, line.silence_ms, line.stall_ms].map(table::figure);
            vec![
                line.pair.to_owned(),
                line.promotions.to_string(),
                line.both.text(),
                gap,
                silence,
                stall,
            ]
        })
        .collect();
    let head = [
        "pair",
        "false promotions",
        "both active",
        "client's gap, ms",
        "master's silence, ms",
        "probe delayed, ms",
    ];
    table::print(&head, &rows);
    let lost: u32 = lines.iter().map(|line| line.not_captured).sum();
    println!(
        "\nFrames not captured: {lost}. Adverts more than 36 ms apart make a backup take over."
    );
}
