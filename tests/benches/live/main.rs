//! Packets per second that one CPU forwards, with real frames on veth links.
//!
//! Method: a program of the bench object makes frames in the kernel (BPF_PROG_TEST_RUN with live
//! frames) and sends them over a link to the node, which runs the measured code. At the end of
//! their path a program counts and drops them. All of that runs on the CPU of the thread that makes
//! the system call, so the CPU time of that thread and of the CPU's ksoftirqd is the cost of the
//! packets, independent of other load on the machine. Each row's output is checked before anything
//! is timed; a round runs every row once.

mod change;
#[path = "../common/mod.rs"]
mod common;
mod node;
mod report;
#[path = "../../rows/mod.rs"]
mod rows;
mod scaling;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail, ensure};
use aya::maps::{PerCpuArray, PerCpuValues};
use aya::programs::{TestRun, TestRunAttrs, TestRunOptions};
use nix::unistd::Uid;
use vrrp_tests::line::Line;
use vrrp_tests::names::FRONT_IF;
use vrrp_tests::{Host, daemons, xdp};

use crate::change::KEPT;
use crate::common::place::PLAN;
use crate::common::traffic::{Reshaped, Traffic, load_one};
use crate::common::{Object, cpu_nanos};
use crate::node::Node;
use crate::scaling::Scaling;
use crate::table::{Row, Sink};

/// Programs of the bench object.
pub const PROGRAMS: [&str; 7] = [
    "bench_flows",
    "bench_sink",
    "bench_capture",
    "bench_tx",
    "bench_redirect",
    "bench_steer",
    "bench_drop",
];
/// Frames made by one call.
const BATCH: u32 = 64;
/// CPU time of one sample.
const SAMPLE: Duration = Duration::from_millis(400);
const ROUNDS: usize = 9;
/// Frames that determine a row's speed.
const TRIAL: u32 = 200_000;
/// How long frames may take to arrive after the last was made.
const PATIENCE: Duration = Duration::from_millis(300);

/// One measurement of a row.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub offered: u64,
    pub arrived: u64,
    /// CPU time, ns: of the thread, and of the CPU's ksoftirqd.
    pub thread: i64,
    pub ksoftirqd: i64,
}

impl Sample {
    pub fn nanos(&self) -> f64 {
        (self.thread + self.ksoftirqd) as f64 / self.arrived as f64
    }
}

/// All rows with their samples.
type Measured = Vec<(Row, Vec<Sample>)>;

struct Bench {
    line: Arc<Line>,
    object: Object,
    node: Node,
    /// This thread's CPU.
    cpu: usize,
    /// The scheduler's account of each CPU's ksoftirqd.
    ksoftirqd: Vec<PathBuf>,
}

impl Bench {
    fn new(line: Arc<Line>, cpu: usize) -> Result<Self> {
        let mut object = Object::load(&PROGRAMS);
        let node = Node::new(&line, &mut object)?;
        // This thread is pinned, so available_parallelism would return 1.
        let ksoftirqd: Vec<PathBuf> = (0..).map_while(|cpu| ksoftirqd(cpu).ok()).collect();
        ensure!(ksoftirqd.len() > cpu, "no ksoftirqd of CPU {cpu} in /proc");
        Ok(Bench { line, object, node, cpu, ksoftirqd })
    }

    /// Prepares the node and both ends for a row; `end` is the program at the end of the path.
    fn prepare(&mut self, row: &Row, end: &'static str) -> Result<()> {
        let at_the_end = self.node.program(end);
        let host = match row.sink {
            Sink::Node => {
                self.node.run(&self.line, node::Runs::Bench(end))?;
                return Ok(());
            }
            Sink::Dropped => return self.node.run(&self.line, row.runs),
            Sink::Client => Host::Client,
            Sink::Backend => Host::Node2,
        };
        self.node.run(&self.line, row.runs)?;
        xdp::attach(&self.line.host(host), FRONT_IF, &at_the_end)
    }

    /// Sends frames of the row.
    fn send(&mut self, row: &Row, frames: u32) -> Result<Sample> {
        let frame = match &row.advert {
            Some((frame, _)) => {
                load_one(&mut self.object, PLAN.client.ifindex, frame, Reshaped::NOT);
                frame.clone()
            }
            None => {
                row.traffic.load(&mut self.object, PLAN.client.ifindex);
                row.traffic.first()
            }
        };
        let before = self.arrived(row)?;
        let (thread, ksoftirqd) = self.generate(&frame, frames, self.cpu)?;
        let arrived = self.arrivals(row, before, frames.into())?;
        Ok(Sample { offered: frames.into(), arrived, thread, ksoftirqd })
    }

    /// Frames that arrived since the count was `before`: returns when all arrived, or at the
    /// timeout.
    fn arrivals(&self, row: &Row, before: u64, frames: u64) -> Result<u64> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let arrived = self.arrived(row)? - before;
            if arrived >= frames || Instant::now() >= deadline {
                return Ok(arrived);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Makes and sends this many frames on this thread, which is pinned to `cpu`. Returns CPU time
    /// in ns: of the thread, and of the CPU's ksoftirqd.
    fn generate(&self, frame: &[u8], frames: u32, cpu: usize) -> Result<(i64, i64)> {
        let (thread_before, softirq_before) = (cpu_nanos(), run_time(&self.ksoftirqd[cpu])?);
        let options = TestRunOptions {
            data_in: Some(frame),
            repeat: frames,
            attrs: TestRunAttrs::new().xdp_live_frames(BATCH.min(frames)),
            ..TestRunOptions::default()
        };
        self.object
            .program("bench_flows")
            .test_run(options)
            .context("making live frames (kernel 5.18)")?;
        Ok((cpu_nanos() - thread_before, run_time(&self.ksoftirqd[cpu])? - softirq_before))
    }

    /// Frames of the row that reached their end, on any CPU.
    fn arrived(&self, row: &Row) -> Result<u64> {
        match row.sink {
            Sink::Node | Sink::Client | Sink::Backend => count(&self.object),
            Sink::Dropped => dropped(&self.line),
        }
    }

    /// Fails unless the row changes a frame as expected.
    fn check(&mut self, row: &Row) -> Result<()> {
        self.prepare(row, "bench_capture")?;
        let one_flow = Row { traffic: Traffic { flows: 1, ..row.traffic }, ..row.clone() };
        // The first frames of a connection arrive as a list, of which connection tracking drops all
        // except one.
        self.send(&one_flow, BATCH)?;
        let sample = self.send(&one_flow, BATCH)?;
        ensure!(
            sample.arrived == sample.offered,
            "{} of {} frames arrived",
            sample.arrived,
            sample.offered
        );
        if let Some((_, reason)) = &row.advert {
            return self.node.check_reason(row.runs, *reason);
        }
        let captured: [u8; KEPT] = self.object.array("CAPTURED").get(&0, 0)?;
        row.change.check(&row.traffic, &captured)
    }

    /// Sends every flow of the row once, and determines how many frames make a sample.
    fn warm_up(&mut self, row: &Row) -> Result<u32> {
        self.prepare(row, "bench_sink")?;
        let frames = TRIAL.max(2 * row.traffic.flows);
        let sample = self.send(row, frames)?;
        ensure!(sample.arrived > 0, "no frame arrived");
        let frames = SAMPLE.as_nanos() as f64 / sample.nanos();
        Ok((frames as u32).next_multiple_of(BATCH))
    }
}

/// Frames counted by the program at the end of the path, on all CPUs.
fn count(object: &Object) -> Result<u64> {
    let map = PerCpuArray::try_from(object.0.map("ARRIVED").context("no such map")?)?;
    let counts: PerCpuValues<u64> = map.get(&0, 0)?;
    Ok(counts.iter().sum())
}

/// Frames that XDP programs dropped at the node's front interface, by veth's own counter: the
/// measured program need not count.
fn dropped(line: &Line) -> Result<u64> {
    let program = daemons::program("ethtool")?;
    let output = line
        .host(Host::Node1)
        .command(&program)?
        .args(["-S", FRONT_IF])
        .output()
        .context("running ethtool -S")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let counts = text.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once(": ")?;
        name.ends_with("xdp_drops").then(|| value.parse::<u64>().ok()).flatten()
    });
    Ok(counts.sum())
}

/// The scheduler's account of the CPU's ksoftirqd.
fn ksoftirqd(cpu: usize) -> Result<PathBuf> {
    let name = format!("ksoftirqd/{cpu}");
    for entry in fs::read_dir("/proc").context("reading /proc")?.flatten() {
        if fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name) {
            return Ok(entry.path().join("schedstat"));
        }
    }
    bail!("there is no {name}")
}

/// Time on the CPU, ns.
fn run_time(schedstat: &Path) -> Result<i64> {
    let text = fs::read_to_string(schedstat)
        .with_context(|| format!("reading {}", schedstat.display()))?;
    text.split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .with_context(|| format!("no time in {text}"))
}

/// Measures all rows in turn.
fn measure(line: Arc<Line>, rounds: usize, only: &str) -> Result<(Measured, Vec<Scaling>)> {
    let cpu = common::pin();
    let mut bench = Bench::new(line, cpu)?;
    let mut rows = table::rows();
    // Every other row is compared with the first.
    let mut first = true;
    rows.retain(|row| std::mem::take(&mut first) || row.name().contains(only));
    for row in &rows {
        bench
            .check(row)
            .with_context(|| format!("{}: not the output that is to be timed", row.name()))?;
    }
    let mut results: Measured = rows.into_iter().map(|row| (row, Vec::new())).collect();
    for round in 0..rounds {
        eprintln!("round {} of {rounds} ...", round + 1);
        for (row, samples) in &mut results {
            let sample = bench.warm_up(row).and_then(|frames| bench.send(row, frames));
            samples.push(sample.with_context(|| row.name())?);
            // The kernel frees the pages of a run when all are back.
            thread::sleep(Duration::from_millis(1));
        }
    }
    let scaling = scaling::measure(
        &mut bench,
        &results.iter().map(|(row, _)| row.clone()).collect::<Vec<_>>(),
        rounds,
    )?;
    Ok((results, scaling))
}

struct Options {
    json: Option<PathBuf>,
    rounds: usize,
    /// Only rows whose name contains this.
    only: String,
}

/// cargo adds `--bench`.
fn options() -> Result<Options> {
    let mut options = Options { json: None, rounds: ROUNDS, only: String::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--bench" => {}
            "--json" => options.json = Some(words.next().context("--json needs a file")?.into()),
            "--rounds" => {
                options.rounds =
                    words.next().and_then(|n| n.parse().ok()).context("--rounds needs a number")?
            }
            "--only" => {
                options.only = words.next().context("--only needs a part of a row's name")?
            }
            _ => bail!("{word} is no option of this bench: --json FILE, --rounds N, --only TEXT"),
        }
    }
    Ok(options)
}

fn run() -> Result<()> {
    let options = options()?;
    ensure!(
        Uid::effective().is_root(),
        "needs root: it loads kernel programs and makes network namespaces"
    );
    for name in ["ip", "ethtool", "nft"] {
        daemons::program(name)?;
    }
    let line = Arc::new(Line::up("bench live", &PLAN)?);
    let inside = Arc::clone(&line);
    let json = options.json.clone();
    // Live frames start in the network namespace of the calling thread.
    let (results, scaling) =
        line.host(Host::Client).run(move || measure(inside, options.rounds, &options.only))?;
    let line = Arc::try_unwrap(line).ok().context("the line is in use")?;
    line.down()?;
    report::print(&results, json.as_deref())?;
    scaling::print(&scaling);
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("bench live: {e:#}");
            ExitCode::FAILURE
        }
    }
}
