//! `bench failover`: the same failures for a pair of agents and a pair of keepalived, one after the
//! other on one network.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;
use vrrp_tests::Node;
use vrrp_tests::pair::{Pair, Plan, Program};

use super::observation::{Both, Observation, PROBE_INTERVAL, Seen, wait_asking};
use super::units::{interval_text, millis};
use vrrp_tests::table::{self, Spread};

/// The node that fails; the other one takes over.
const MASTER: Node = Node::Node1;
const BACKUP: Node = Node::Node2;
/// Time of observation after the successor's first advert: long enough to see adverts or answers
/// that should have stopped.
const CALM: Duration = Duration::from_secs(1);
/// systemd restarts the agent after this time, as in its unit.
const RESTART: Duration = Duration::from_millis(200);
/// Shorter outages cannot be distinguished from none: the client sends one request per millisecond.
const RESOLUTION_MS: f64 = 2.0;
/// A node that is master again repeats its announcement within this time.
const SETTLED: Duration = Duration::from_millis(300);

#[derive(Debug, Args)]
pub struct Options {
    /// How often each case is run
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Advert intervals
    #[arg(long, value_delimiter = ',', default_value = "1s,100ms,10ms", value_parser = super::units::parse_interval)]
    intervals: Vec<Duration>,
    /// The cases to run; all when absent
    #[arg(long, value_delimiter = ',', value_enum)]
    cases: Vec<Case>,
    /// Also write every run as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Case {
    /// SIGKILL for every process of the master's router; it is not started again
    Kill,
    /// SIGKILL for the VRRP process; its supervisor starts it again
    Crash,
    /// SIGTERM for the master's router
    Stop,
    /// `vrrp-agent failover`; keepalived has no such command
    Failover,
    /// The better node's router is started again
    Preempt,
    /// The master's link is cut
    Link,
    /// SIGSTOP for the master's router; SIGCONT when the other node has been master for a second
    Freeze,
}

/// One case, run once.
#[derive(Debug, Serialize)]
struct Run {
    program: &'static str,
    interval_ms: u64,
    case: Case,
    run: u16,
    #[serde(flatten)]
    seen: Seen,
}

pub fn run(options: &Options) -> Result<bool> {
    let agent = super::run::agent()?;
    let cases = if options.cases.is_empty() { Case::value_variants() } else { &options.cases };
    let mut runs = Vec::new();
    for &interval in &options.intervals {
        for program in Program::BOTH {
            eprintln!("{}, an advert each {} ...", program.name(), interval_text(interval));
            let mut pair = Pair::up(Plan::single(program, interval, agent.clone()))?;
            for run in 1..=options.runs {
                for &case in cases.iter().filter(|case| case.is_for(program)) {
                    let seen = case
                        .play(&mut pair)
                        .with_context(|| format!("{case:?} of {}", program.name()))?;
                    let interval_ms = interval.as_millis() as u64;
                    runs.push(Run { program: program.name(), interval_ms, case, run, seen });
                }
            }
            pair.down()?;
        }
    }
    print(options, cases, &runs);
    super::run::write_json(
        options.json.as_deref(),
        &json!({ "probe_interval_ms": millis(PROBE_INTERVAL), "runs": runs }),
    )?;
    Ok(true)
}

impl Case {
    /// Runs the case once on a pair that is stable. A stopped node stays stopped: the case that
    /// starts it again may be next.
    fn play(self, pair: &mut Pair) -> Result<Seen> {
        let (here, successor) =
            if self == Case::Preempt { (BACKUP, MASTER) } else { (MASTER, BACKUP) };
        match (self, pair.runs(MASTER)) {
            (Case::Preempt, true) => pair.stop(MASTER)?,
            (Case::Preempt, false) | (_, true) => {}
            (_, false) => pair.start(MASTER)?,
        }
        pair.wait_for_master(here)?;
        sleep(SETTLED);
        let observation = Observation::begin(pair)?;
        let since = Instant::now();
        self.strike(pair)?;
        if self == Case::Crash {
            // A process that is restarted soon enough needs no successor.
            wait_asking(pair, pair.plan().master_down_interval() + CALM)?;
        } else {
            observation.wait_for(pair, successor, since)?;
            wait_asking(pair, CALM)?;
        }
        self.relieve(pair, &observation)?;
        let seen = observation.end(pair, since, successor)?;
        if self == Case::Link {
            pair.set_cables(MASTER, true)?;
        }
        Ok(seen)
    }

    fn strike(self, pair: &mut Pair) -> Result<()> {
        match self {
            Case::Kill => pair.kill(MASTER),
            Case::Crash => {
                pair.kill_speaker(MASTER)?;
                if pair.runs(MASTER) {
                    return Ok(());
                }
                sleep(RESTART);
                pair.start(MASTER)
            }
            Case::Stop => pair.ask_to_stop(MASTER),
            Case::Failover => pair.ask_agent(MASTER, "failover").map(drop),
            Case::Preempt => pair.start(MASTER),
            Case::Link => pair.set_cables(MASTER, false),
            Case::Freeze => pair.freeze(MASTER, true),
        }
    }

    /// Whether the program supports the case.
    fn is_for(self, program: Program) -> bool {
        self != Case::Failover || program == Program::Agent
    }

    /// The second half of the case, after the successor has been master for a while.
    fn relieve(self, pair: &mut Pair, observation: &Observation) -> Result<()> {
        match self {
            Case::Stop => pair.stop(MASTER),
            Case::Failover => {
                let asked = Instant::now();
                pair.ask_agent(MASTER, "failback")?;
                observation.wait_for(pair, MASTER, asked)?;
                wait_asking(pair, CALM)
            }
            Case::Freeze => {
                let thawed = Instant::now();
                pair.freeze(MASTER, false)?;
                observation.wait_for(pair, MASTER, thawed)?;
                wait_asking(pair, CALM)
            }
            Case::Kill | Case::Crash | Case::Preempt | Case::Link => Ok(()),
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

fn print(options: &Options, cases: &[Case], runs: &[Run]) {
    let [ours, theirs] = Program::BOTH.map(Program::name);
    println!(
        "\nLongest time without an answer, ms: median (least..most) of {} runs; one echo request per ms.",
        options.runs
    );
    print_figures(options, cases, runs, |seen| Some(seen.outage_ms), RESOLUTION_MS);
    println!("\nFrom the event to the successor's first advert, ms.");
    print_figures(options, cases, runs, |seen| seen.successor_ms, 0.1);
    println!(
        "\nWhat the other node sent in the address's name after its successor had advertised, in the worst run."
    );
    let rows: Vec<Vec<String>> = lines(options, cases)
        .map(|(case, interval)| {
            let worst = |program| {
                let both = of(runs, program, case, interval).map(|run| run.seen.both);
                both.max_by_key(|both| both.both_frames).map_or_else(String::new, Both::text)
            };
            vec![case.name(), interval_text(interval), worst(ours), worst(theirs)]
        })
        .collect();
    table::print(&["case", "interval", ours, theirs], &rows);
    let stall = runs.iter().map(|run| run.seen.stall_ms).fold(0.0, f64::max);
    let lost: u32 = runs.iter().map(|run| run.seen.not_captured).sum();
    println!(
        "\nThe client was not scheduled for {stall:.0} ms at worst (subtracted); frames not captured: {lost}."
    );
}

fn print_figures(
    options: &Options,
    cases: &[Case],
    runs: &[Run],
    figure: impl Fn(&Seen) -> Option<f64>,
    resolution: f64,
) {
    let [ours, theirs] = Program::BOTH.map(Program::name);
    let rows: Vec<Vec<String>> = lines(options, cases)
        .map(|(case, interval)| {
            let [a, b] = [ours, theirs].map(|program| {
                Spread::of(of(runs, program, case, interval).filter_map(|run| figure(&run.seen)))
            });
            let ratio = table::ratio(a.map(|a| a.median), b.map(|b| b.median), resolution);
            vec![case.name(), interval_text(interval), Spread::text(a), Spread::text(b), ratio]
        })
        .collect();
    table::print(&["case", "interval", ours, theirs, "ratio"], &rows);
}

fn lines(options: &Options, cases: &[Case]) -> impl Iterator<Item = (Case, Duration)> {
    cases.iter().flat_map(|&case| options.intervals.iter().map(move |&interval| (case, interval)))
}

fn of<'a>(
    runs: &'a [Run],
    program: &'static str,
    case: Case,
    interval: Duration,
) -> impl Iterator<Item = &'a Run> {
    let interval = interval.as_millis() as u64;
    runs.iter()
        .filter(move |run| (run.program, run.case, run.interval_ms) == (program, case, interval))
}
