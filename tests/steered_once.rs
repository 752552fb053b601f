//! A packet is steered once, whatever each node assumes about the other; and adverts of unknown
//! nodes do not keep it from its backend.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use vrrp_tests::frames::Content;
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{FRONT_IF, Host, Node, Vip};
use vrrp_tests::process::wait_until;
use vrrp_tests::scene::{Scene, plain_config};
use vrrp_tests::{LabOptions, Router, inject};

const VIP: Vip = Vip::Vip1;
const PATIENCE: Duration = Duration::from_secs(10);
const PORT: u16 = 40_123;
/// The SYN, and the reset by which the client's stack answers the SYN-ACK: each on its arrival, and
/// once more between the nodes.
const MOST: usize = 4;

fn settings() -> Settings {
    Settings { track_nginx: false, ..Settings::fast() }
}

/// Both nodes are active for one address, with a virtual router each, and are each other's
/// backends.
fn both_active(node: Node) -> String {
    let text = plain_config(node, &settings());
    let (head, _) = text.split_at(text.rfind("[[virtual_router]]").unwrap_or_default());
    let (head, _) = head.split_at(head.find("[[virtual_router]]").unwrap_or(head.len()));
    let vrid = if node == Node::Node1 { 61 } else { 62 };
    let backends: Vec<String> =
        Node::BOTH.iter().map(|node| format!("{{ address = \"{}\" }}", node.front())).collect();
    let address = VIP.address();
    format!(
        "{head}[[virtual_router]]\nname = \"VI_1\"\ninterface = \"{FRONT_IF}\"\nvrid = {vrid}\ninterval = \"100ms\"\n\
         addresses = [\"{address}\"]\n[[service]]\nname = \"web\"\naddress = \"{address}\"\nport = 80\n\
         check = {{ type = \"none\" }}\nbackends = [{}]\n",
        backends.join(", ")
    )
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn two_nodes_that_take_each_other_for_the_backend_send_a_packet_on_once() -> Result<()> {
    let options = LabOptions::new(
        Router::AgentWith(both_active(Node::Node1)),
        Router::AgentWith(both_active(Node::Node2)),
    );
    let mut scene = Scene::without_routers(options.with_settings(&settings()))?;
    for node in Node::BOTH {
        scene.lab.start_router(node)?;
    }
    for node in Node::BOTH {
        let acts =
            || scene.status(node).is_ok_and(|status| status["routers"][0]["role"] == "master");
        wait_until(&format!("{node} to act"), PATIENCE, acts).with_context(|| scene.log(node))?;
    }
    for node in Node::BOTH {
        let own = node.front().to_string();
        scene.expect_output(node, &["drain", &own, "--service", "web"], 0, &own)?;
    }
    let client = Host::Client.front().context("the client's address")?;
    scene.capture.clear();
    let syn = inject::syn(client, Node::Node1, VIP.address(), (PORT, 80));
    inject::send_raw(&scene.lab.topology().host(Host::Client), syn)?;
    sleep(Duration::from_millis(300));
    let recording = scene.capture.so_far();
    let of_the_syn = |content: &Content| match content {
        Content::Ipv4(ip) => ip.dst == VIP.address() && ip.ports == Some((PORT, 80)),
        _ => false,
    };
    let frames = recording.frames.iter().filter(|seen| of_the_syn(&seen.frame.content)).count();
    println!(
        "frames of one SYN between two nodes that disagree: {frames}, {} not captured",
        recording.lost
    );
    ensure!(
        recording.lost == 0 && (2..=MOST).contains(&frames),
        "{frames} frames of one SYN, {} lost",
        recording.lost
    );
    let status = scene.status(Node::Node2)?;
    let taken = &status["routers"][0]["events"]["backend_accepted"];
    ensure!(taken.as_u64() > Some(0), "node 2 takes it: {taken}");
    Ok(())
}

/// Sends requests while the client also sends these frames; returns how many of the requests node 2
/// answered.
fn requests_under(scene: &Scene, frames: Vec<Vec<u8>>, pause: Duration) -> Result<usize> {
    let client = scene.lab.topology().host(Host::Client);
    let stop = Arc::new(AtomicBool::new(false));
    let probe = scene.probe(VIP)?;
    let forger = inject::send_on(&client, frames, pause, Arc::clone(&stop))?;
    sleep(Duration::from_secs(3));
    stop.store(true, Ordering::Relaxed);
    forger.join().map_err(|_| anyhow!("the forger panicked"))??;
    let summary = probe.stop()?.summary();
    println!("{}; by node: {:?}", summary.sentence(), summary.by_node);
    ensure!(summary.failed == 0, "{}: {}", summary.sentence(), scene.log(Node::Node2));
    Ok(summary.by_node.get(Host::Node2.name()).copied().unwrap_or(0))
}

#[test]
#[ignore = "needs root: network namespaces and the lab's daemons"]
fn forged_adverts_of_a_lower_priority_take_no_backend_away() -> Result<()> {
    let scene = Scene::up(LabOptions::new(Router::Agent, Router::Agent))?;
    scene.backend_when(Node::Node1, Node::Node2, "usable", |backend| backend["usable"] == true)?;
    let settings = scene.lab.settings(Node::Node1).clone();
    let stranger = std::net::Ipv4Addr::new(192, 168, 1, 66);
    let begun = Instant::now();
    // From an unknown node, from many, and with the master's own source address.
    let many: Vec<Vec<u8>> = (20..60)
        .map(|last| inject::rival(&settings, VIP, std::net::Ipv4Addr::new(192, 168, 1, last), 1))
        .chain([
            inject::rival(&settings, VIP, stranger, 1),
            inject::rival(&settings, VIP, Node::Node1.front(), 1),
        ])
        .collect();
    let answered = requests_under(&scene, many, Duration::from_millis(5))?;
    ensure!(answered > 0, "node 2 is a backend and answers");
    let still = scene.status(Node::Node1)?;
    let backends = still["services"][0]["backends"].as_array().context("backends")?.clone();
    ensure!(
        backends.iter().all(|backend| backend["usable"] == true),
        "both stay in the ring: {backends:?}"
    );
    scene.check_one_master(VIP, begun)?;
    Ok(())
}
