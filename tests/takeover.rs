//! From the successor's first advert to its first packet steered, with many addresses and services.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use vrrp_tests::agent;
use vrrp_tests::capture::{Captured, UNDERWAY};
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{FRONT_IF, Host, Vip};
use vrrp_tests::scene::Scene;
use vrrp_tests::{LabOptions, Node, Router, inject};

const VICTIM: Node = Node::Node1;
const SUCCESSOR: Node = Node::Node2;
const VIP: Vip = Vip::Vip1;

const ADDRESSES: u8 = 100;
const SERVICES: usize = 50;
const ROUNDS: u32 = 5;
/// Time between two of the client's packets; the measurement's resolution is about twice that.
const PAUSE: Duration = Duration::from_micros(50);
/// Limit for a busy machine. The measured value is printed.
const LIMIT: Duration = Duration::from_millis(50);
/// Time until every address was announced, with pacing.
const CALM: Duration = Duration::from_secs(1);

fn addresses() -> Vec<Ipv4Addr> {
    [VIP.address()]
        .into_iter()
        .chain((1..ADDRESSES).map(|last| Ipv4Addr::new(10, 66, 0, last)))
        .collect()
}

/// One virtual router with all addresses; a service on every second one.
fn config(node: Node, settings: &Settings) -> Result<String> {
    let (priority, interval) = (VIP.priority(node), settings.interval.as_millis());
    let addresses = addresses();
    let listed: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    let example = agent::config(node, settings);
    let head = example.find("[[").map_or("", |end| &example[..end]);
    let mut text = format!(
        "{head}[[virtual_router]]\nname = \"VI_1\"\ninterface = \"{FRONT_IF}\"\nvrid = {}\npriority = {priority}\n\
         interval = \"{interval}ms\"\naddresses = [{}]\n",
        VIP.vrid(),
        listed.join(", ")
    );
    let backends =
        Node::BOTH.map(|node| format!("{{ address = \"{}\" }}", node.front())).join(", ");
    for (number, address) in addresses.iter().take(SERVICES).enumerate() {
        writeln!(
            text,
            "[[service]]\nname = \"web{number}\"\naddress = \"{address}\"\nport = 80\nbackends = [{backends}]\n\
             check = {{ type = \"none\" }}"
        )?;
    }
    Ok(text)
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn the_first_packet_is_steered_as_soon_as_the_first_advert_is_out() -> Result<()> {
    let settings = Settings { track_nginx: false, ..Settings::fast() };
    let router = |node| config(node, &settings).map(Router::AgentWith);
    let options =
        LabOptions::new(router(Node::Node1)?, router(Node::Node2)?).with_settings(&settings);
    let mut scene = Scene::without_routers(options)?;
    for node in Node::BOTH {
        scene.lab.start_router(node)?;
    }
    // The client's packets go to the next master's MAC regardless of the master, as those of a
    // client that has just learned of it.
    let client = Host::Client.front().context("the client has an address")?;
    let frames = (20_000..21_000)
        .map(|port| inject::syn(client, SUCCESSOR, VIP.address(), (port, 80)))
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    let mut latencies = Vec::new();
    let load = inject::send_on(
        &scene.lab.topology().host(Host::Client),
        frames,
        PAUSE,
        Arc::clone(&stop),
    )?;
    for _ in 0..ROUNDS {
        scene.router_when(VICTIM, VIP, "master", |router| router["role"] == "master")?;
        scene.router_when(SUCCESSOR, VIP, "backup", |router| router["role"] == "backup")?;
        sleep(CALM);
        scene.capture.clear();
        let since = Instant::now();
        scene.lab.kill_router(VICTIM)?;
        scene.master_since(VIP, SUCCESSOR, since)?;
        sleep(CALM);
        latencies.push(latency(&scene, since)?);
        scene.lab.start_router(VICTIM)?;
    }
    stop.store(true, Ordering::Relaxed);
    load.join().map_err(|_| anyhow!("the client panicked"))??;
    latencies.sort();
    println!(
        "{ADDRESSES} addresses, {SERVICES} services: first packet steered {latencies:?} after the first advert, median {:?}",
        latencies[latencies.len() / 2]
    );
    ensure!(latencies.iter().all(|latency| *latency < LIMIT), "a takeover is slow: {latencies:?}");
    scene.lab.down()
}

/// The time of one takeover from the first advert until the new master sent the first packet to the
/// other node. It must not send one before.
fn latency(scene: &Scene, since: Instant) -> Result<Duration> {
    let recording = scene.capture.so_far();
    ensure!(recording.lost == 0, "{} frames were not captured", recording.lost);
    let advert = recording.first_advert(since, SUCCESSOR, VIP.vrid()).context("no successor")?;
    let handed_on = |captured: &&Captured| {
        let to_vip = captured.frame.ipv4().is_some_and(|ip| ip.dst == VIP.address());
        captured.from == SUCCESSOR.host() && captured.frame.dst == VICTIM.front_mac() && to_vip
    };
    let steered = recording.frames.iter().find(handed_on).context("nothing was handed on")?.at;
    // The two use different queues to the switch.
    ensure!(steered + UNDERWAY >= advert, "steered {:?} before the first advert", advert - steered);
    let announced = |address: &Ipv4Addr| {
        recording.claims(advert, SUCCESSOR, (*address).into()).next().is_some()
    };
    let silent: BTreeSet<Ipv4Addr> =
        addresses().into_iter().filter(|address| !announced(address)).collect();
    ensure!(silent.is_empty(), "not announced: {silent:?}");
    Ok(steered.saturating_duration_since(advert))
}
