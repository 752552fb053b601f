//! `bench flip`: from the result of a health check until every packet is steered by it.
//!
//! A server of one backend closes its connections and its port, and opens it again, many times. The
//! agent's own histogram `vrrp_ring_flip_seconds` begins where the probe has its result.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use socket2::SockRef;
use vrrp_tests::agent;
use vrrp_tests::keepalived::Settings;
use vrrp_tests::lab::Lab;
use vrrp_tests::names::{Host, Vip};
use vrrp_tests::{LabOptions, Node, Router, table};

use super::busy::BusyLoops;

const MASTER: Node = Node::Node1;
/// The host whose server comes and goes.
const BACKEND: Host = Host::Dns;
const PORT: u16 = 8099;
/// The least time between two changes of the server.
const PAUSE: Duration = Duration::from_millis(150);
/// The first checks, elections and addresses.
const RUN_UP: Duration = Duration::from_secs(2);
/// What the figure is asked to stay below.
const AIM: f64 = 0.000_1;

#[derive(Debug, Args)]
pub struct Options {
    /// How often the server goes and returns
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The flips of one run: upper bounds in seconds, and how many were at most that.
struct Flips {
    name: String,
    count: f64,
    mean_us: f64,
    buckets: Vec<(f64, f64)>,
}

pub fn run(options: &Options) -> Result<()> {
    let agent = super::run::agent()?;
    let mut lines = Vec::new();
    for (name, loops) in [("idle", 0), ("two busy loops", 2)] {
        eprintln!("{name}: {} flips ...", options.times * 2);
        lines.push(measure(agent.clone(), name, loops, options.times)?);
    }
    print(&lines);
    let figures = lines.iter().map(|line| {
        json!({"run": line.name, "flips": line.count, "mean_us": line.mean_us, "at_most": line.buckets})
    });
    super::run::write_json(options.json.as_deref(), &figures.collect())
}

fn config() -> Result<String> {
    let backend = BACKEND.front().context("the backend has no address")?;
    let peer = Node::Node2.front();
    Ok(format!(
        "{}\n[[service]]\nname = \"flip\"\naddress = \"{}\"\nport = {PORT}\n\
         check = {{ type = \"tcp\", interval = \"50ms\", real_path = false }}\n\
         backends = [{{ address = \"{backend}\" }}, {{ address = \"{peer}\" }}]\n",
        agent::config(MASTER, &Settings { track_nginx: false, ..Settings::default() }),
        Vip::Vip1.address(),
    ))
}

fn measure(agent: PathBuf, name: &str, loops: usize, times: u32) -> Result<Flips> {
    let routers = [Router::AgentWith(config()?), Router::Nothing];
    let [one, two] = routers;
    let lab = Lab::up(LabOptions { agent, ..LabOptions::new(one, two) })?;
    sleep(RUN_UP);
    let busy = BusyLoops::start(loops)?;
    let address = BACKEND.front().context("the backend has no address")?;
    let server = lab.topology().host(BACKEND).spawn(move || come_and_go(address, times))?;
    server.join().map_err(|_| anyhow::anyhow!("the server panicked"))??;
    busy.stop()?;
    let metrics = lab.metrics(MASTER)?;
    let sum = |metric: &str, labels: &[(&str, &str)]| metrics.sum(metric, labels);
    let count = sum("vrrp_ring_flip_seconds_count", &[]);
    let bounds = ["0.00005", "0.0001", "0.00025", "0.0005", "0.001"];
    let buckets = bounds
        .iter()
        .map(|bound| {
            let at_most = sum("vrrp_ring_flip_seconds_bucket", &[("le", bound)]);
            Ok((bound.parse()?, at_most))
        })
        .collect::<Result<_>>()?;
    let mean_us = sum("vrrp_ring_flip_seconds_sum", &[]) / count.max(1.0) * 1e6;
    lab.down()?;
    Ok(Flips { name: name.to_owned(), count, mean_us, buckets })
}

/// A server that answers for a while, resets its connections, and is gone for a while.
fn come_and_go(address: Ipv4Addr, times: u32) -> Result<()> {
    for _ in 0..times {
        let listener = TcpListener::bind(SocketAddrV4::new(address, PORT))?;
        listener.set_nonblocking(true)?;
        sleep(PAUSE);
        let mut held: Vec<TcpStream> = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            // A reset, so that the port can be bound again at once.
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            held.push(stream);
        }
        drop(listener);
        drop(held);
        sleep(PAUSE);
    }
    Ok(())
}

fn print(lines: &[Flips]) {
    println!("\nFrom a probe's result to the ring that every packet is steered by.");
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let share = |most: f64| format!("{:.1} %", 100.0 * most / line.count.max(1.0));
            let mut cells =
                vec![line.name.clone(), line.count.to_string(), table::figure(line.mean_us)];
            cells.extend(line.buckets.iter().map(|&(_, at_most)| share(at_most)));
            cells
        })
        .collect();
    let titles =
        ["run", "flips", "mean, us", "<= 50 us", "<= 100 us", "<= 250 us", "<= 500 us", "<= 1 ms"];
    table::print(&titles, &rows);
    println!("The aim is {} us for 99 of 100.", AIM * 1e6);
}
