//! `bench scale`: hundreds of virtual routers on a node: their cost at rest, and their takeover
//! when the peer's links are cut.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use vrrp_tests::Node;
use vrrp_tests::capture::Recording;
use vrrp_tests::pair::{Pair, Plan, Program, Scheduling};
use vrrp_tests::table;

use super::units::{interval_text, millis};

/// The largest delay of the last takeover beyond the master down interval.
const ROOM: Duration = Duration::from_millis(20);
/// Time of observation before the links are cut: whether the master advertises as often as
/// configured.
const RUN_UP: Duration = Duration::from_secs(2);
/// Time until the pair is idle: addresses are installed and announced, the second time after five
/// seconds.
const REST: Duration = Duration::from_secs(6);
/// How long to wait for the last takeover, beyond the master down interval.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub struct Options {
    /// Virtual routers, and the segments on which they are distributed
    #[arg(long, value_name = "ROUTERS:SEGMENTS", value_delimiter = ',', default_value = "255:1,1000:4", value_parser = parse_size)]
    sizes: Vec<Size>,
    /// Advert intervals
    #[arg(long, value_delimiter = ',', default_value = "1s,100ms", value_parser = super::units::parse_interval)]
    intervals: Vec<Duration>,
    /// How long CPU time is counted, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy)]
struct Size {
    routers: u16,
    segments: u8,
}

fn parse_size(text: &str) -> Result<Size, String> {
    let parts = text
        .split_once(':')
        .and_then(|(routers, segments)| Some((routers.parse().ok()?, segments.parse().ok()?)));
    let (routers, segments): (u16, u8) = parts.ok_or_else(|| format!("{text} is not as 255:1"))?;
    // A VRID is one byte and not 0; the agent supports 16 interfaces.
    if routers == 0 || segments == 0 || segments > 16 || routers.div_ceil(u16::from(segments)) > 255
    {
        return Err(format!("{text}: 1 to 16 segments with 1 to 255 virtual routers each"));
    }
    Ok(Size { routers, segments })
}

/// The results of one pair.
#[derive(Debug, Serialize)]
struct Line {
    program: &'static str,
    routers: u16,
    segments: u8,
    interval_ms: u64,
    master: Cost,
    backup: Cost,
    takeover: Takeover,
}

#[derive(Debug, Serialize)]
struct Cost {
    cpu_percent: f64,
    rss: u64,
    pss: u64,
}

#[derive(Debug, Serialize)]
struct Takeover {
    /// The master's adverts before the cut, in percent of the configured rate.
    adverts_percent: f64,
    /// Virtual routers that node 2 advertised before the cut, although the master was running.
    too_early: usize,
    /// Virtual routers that node 2 took over after the cut.
    taken: usize,
    /// From the first takeover to the last, ms.
    spread_ms: f64,
    /// From the cut to the last takeover, ms. The cut is the time of the master's last advert of
    /// any router: the command that cuts the links takes longer than some intervals.
    last_ms: f64,
    /// Delay of the latest router beyond its own master down interval, counted from the last advert
    /// that it can have received, ms.
    late_ms: f64,
    not_captured: u32,
}

/// A pair whose measurement fails is reported, and the others are still measured.
pub fn run(options: &Options) -> Result<bool> {
    let agent = super::run::agent()?;
    let (mut lines, mut held) = (Vec::new(), true);
    for &Size { routers, segments } in &options.sizes {
        for &interval in &options.intervals {
            for program in Program::BOTH {
                let what = format!(
                    "{routers} virtual routers of {}, an advert each {}",
                    program.name(),
                    interval_text(interval)
                );
                eprintln!("{what} ...");
                let scheduling = Scheduling::AsInstalled;
                match measure(
                    Plan {
                        program,
                        interval,
                        routers,
                        segments,
                        scheduling,
                        accept_always: false,
                        agent: agent.clone(),
                    },
                    options,
                ) {
                    Ok(line) => lines.push(line),
                    Err(error) => {
                        eprintln!("{what}: {error:#}");
                        held = false;
                    }
                }
            }
        }
    }
    print(&lines);
    super::run::write_json(options.json.as_deref(), &serde_json::to_value(&lines)?)?;
    Ok(held)
}

fn measure(plan: Plan, options: &Options) -> Result<Line> {
    let pair = Pair::up(plan)?;
    sleep(REST);
    let before = [pair.usage(Node::Node1)?, pair.usage(Node::Node2)?];
    sleep(Duration::from_secs(options.seconds));
    let cost = |node: Node| -> Result<Cost> {
        let now = pair.usage(node)?;
        Ok(Cost {
            cpu_percent: now.percent_since(&before[node as usize]),
            rss: now.rss,
            pss: now.pss,
        })
    };
    let (master, backup) = (cost(Node::Node1)?, cost(Node::Node2)?);
    let takeover = takeover(&pair)?;
    let Plan { program, interval, routers, segments, .. } = *pair.plan();
    pair.down()?;
    let interval_ms = interval.as_millis() as u64;
    Ok(Line { program: program.name(), routers, segments, interval_ms, master, backup, takeover })
}

fn takeover(pair: &Pair) -> Result<Takeover> {
    let plan = pair.plan();
    let capture = pair.capture()?;
    let began = Instant::now();
    sleep(RUN_UP);
    let pulled = Instant::now();
    pair.set_cables(Node::Node1, false)?;
    sleep(plan.master_down_interval() + PATIENCE);
    Ok(Takeover::of(&capture.stop()?, plan, began, pulled))
}

impl Takeover {
    fn of(recording: &Recording, plan: &Plan, began: Instant, pulled: Instant) -> Self {
        let sent = recording
            .masters()
            .filter(|(at, node, _)| *node == Node::Node1 && *at < pulled)
            .count();
        let due =
            f64::from(plan.routers) * (pulled - began).as_secs_f64() / plan.interval.as_secs_f64();
        let mut last_heard = BTreeMap::<IpAddr, Instant>::new();
        let masters = recording
            .masters()
            .filter_map(|(at, node, advert)| Some((at, node, *advert.addresses.first()?)));
        last_heard.extend(
            masters
                .clone()
                .filter(|(_, node, _)| *node == Node::Node1)
                .map(|(at, _, address)| (address, at)),
        );
        let cut = last_heard.values().max().copied().unwrap_or(pulled);
        let (mut early, mut taken) =
            (BTreeSet::<IpAddr>::new(), BTreeMap::<IpAddr, Instant>::new());
        for (at, _, address) in masters.filter(|(_, node, _)| *node == Node::Node2) {
            if at < pulled {
                early.insert(address);
            } else if !early.contains(&address) {
                taken.entry(address).or_insert(at);
            }
        }
        let late = taken.iter().filter_map(|(address, at)| {
            let due = *last_heard.get(address)? + plan.master_down_interval();
            Some(millis(at.saturating_duration_since(due)))
        });
        let (first, last) = (taken.values().min(), taken.values().max());
        Self {
            adverts_percent: sent as f64 / due * 100.0,
            too_early: early.len(),
            late_ms: late.fold(0.0, f64::max),
            taken: taken.len(),
            spread_ms: first.zip(last).map_or(0.0, |(first, last)| millis(*last - *first)),
            last_ms: last.map_or(0.0, |last| millis(last.saturating_duration_since(cut))),
            not_captured: recording.lost,
        }
    }
}

fn print(lines: &[Line]) {
    let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    println!(
        "\nCPU of all processes of a node in hundredths of a core, memory in MiB (resident; with shared pages divided)."
    );
    let head = [
        "",
        "interval",
        "program",
        "CPU master",
        "CPU backup",
        "RSS master",
        "RSS backup",
        "PSS master",
        "PSS backup",
    ];
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let [cpu, cpu_backup] =
                [&line.master, &line.backup].map(|cost| format!("{:.1}", cost.cpu_percent));
            let [rss, rss_backup] = [&line.master, &line.backup].map(|cost| mib(cost.rss));
            let [pss, pss_backup] = [&line.master, &line.backup].map(|cost| mib(cost.pss));
            [line.begin(), vec![cpu, cpu_backup, rss, rss_backup, pss, pss_backup]].concat()
        })
        .collect();
    table::print(&head, &rows);
    println!(
        "\nThe master's cables are pulled: takeovers as the wire shows them, ms. Allowed: one master down interval + 20 ms.\n\
         Sent: the master's adverts before that, in hundredths of what is due; too early: taken while the master lived."
    );
    let head = [
        "",
        "interval",
        "program",
        "sent",
        "too early",
        "taken",
        "first to last",
        "last",
        "allowed",
        "latest beyond its timer",
    ];
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let Takeover { adverts_percent, too_early, taken, spread_ms, last_ms, late_ms, .. } =
                line.takeover;
            let counts =
                [format!("{adverts_percent:.0}"), too_early.to_string(), taken.to_string()];
            let figures = [spread_ms, last_ms, millis(line.allowed()), late_ms].map(table::figure);
            [line.begin(), counts.to_vec(), figures.to_vec()].concat()
        })
        .collect();
    table::print(&head, &rows);
    let lost: u32 = lines.iter().map(|line| line.takeover.not_captured).sum();
    println!("\nFrames not captured: {lost}.");
}

impl Line {
    fn begin(&self) -> Vec<String> {
        let size = format!("{} on {}", self.routers, self.segments);
        vec![size, interval_text(Duration::from_millis(self.interval_ms)), self.program.to_owned()]
    }

    fn allowed(&self) -> Duration {
        let interval = Duration::from_millis(self.interval_ms);
        Plan::single(Program::Agent, interval, PathBuf::new()).master_down_interval() + ROOM
    }
}
