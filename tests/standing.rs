//! A node takes part in the election with an address that it has, reports when it loses the
//! address, and sends adverts that arrive whole.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{FRONT_IF, Vip};
use vrrp_tests::scene::{Scene, plain_config};
use vrrp_tests::{LabOptions, Node, Router};

const VICTIM: Node = Node::Node1;
const SUCCESSOR: Node = Node::Node2;
const VIP: Vip = Vip::Vip1;
/// Several master down intervals.
const CALM: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    Settings { track_nginx: false, ..Settings::fast() }
}

/// The first router of a node, with `more` lines.
fn config(node: Node, more: &str) -> String {
    let text = plain_config(node, &settings());
    let one = &text[..text.rfind("[[virtual_router]]").unwrap_or(text.len())];
    format!("{}\n{more}\n", one.trim_end())
}

fn scene(victim: &str, successor: &str) -> Result<Scene> {
    let [victim, successor] = [(VICTIM, victim), (SUCCESSOR, successor)]
        .map(|(node, more)| Router::AgentWith(config(node, more)));
    Scene::without_routers(LabOptions::new(victim, successor).with_settings(&settings()))
}

fn is(role: &'static str) -> impl Fn(&serde_json::Value) -> bool {
    move |router| router["role"] == role
}

/// The node has just lost its address or interface: it resigns, and the other node takes over
/// sooner than on silence.
fn check_resigned(scene: &Scene, since: Instant, what: &str) -> Result<()> {
    let moved = scene.master_since(VIP, SUCCESSOR, since)? - since;
    let resigned = scene
        .capture
        .so_far()
        .adverts(since, VICTIM, VIP.vrid())
        .any(|(_, priority)| priority == 0);
    println!("{what}: {SUCCESSOR} after {moved:?}; priority 0: {resigned}");
    ensure!(resigned, "{what}: priority 0 from the address it had; log: {}", scene.log(VICTIM));
    ensure!(
        moved < settings().master_down_interval(),
        "{what}: {SUCCESSOR} waited for silence: {moved:?}"
    );
    scene.router_when(VICTIM, VIP, "in fault", is("fault")).map(drop)
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_node_without_its_source_address_is_in_fault_and_sends_priority_0_when_it_loses_it()
-> Result<()> {
    let mut scene = scene("source = \"192.168.1.215\"", "")?;
    let netns = scene.lab.topology().host(VICTIM.host());
    let ip = |line: &str| netns.ip(&[line.to_owned()]);
    scene.lab.start_router(SUCCESSOR)?;
    scene.router_when(SUCCESSOR, VIP, "master", is("master"))?;
    let since = Instant::now();
    scene.lab.start_router(VICTIM)?;
    let fault = scene.router_when(VICTIM, VIP, "in fault", is("fault"))?;
    ensure!(fault["reason"] == "the source address 192.168.1.215 is not on this host", "{fault}");
    sleep(CALM);
    ensure!(
        scene.capture.first_advert(since, VICTIM, VIP.vrid()).is_none(),
        "it sends nothing from an address it does not have"
    );

    ip(&format!("addr add 192.168.1.215/24 dev {FRONT_IF}"))?;
    scene.router_when(VICTIM, VIP, "master", is("master"))?;
    let since = Instant::now();
    ip(&format!("addr del 192.168.1.215/24 dev {FRONT_IF}"))?;
    check_resigned(&scene, since, "the source is removed")?;

    // Without a configured source: the interface's address, flushed while the link stays up.
    scene.lab.stop_router(VICTIM)?;
    scene.lab.set_router(VICTIM, Router::AgentWith(config(VICTIM, "")), settings());
    scene.lab.start_router(VICTIM)?;
    scene.router_when(VICTIM, VIP, "master", is("master"))?;
    let since = Instant::now();
    ip(&format!("addr flush dev {FRONT_IF}"))?;
    check_resigned(&scene, since, "the interface is flushed")?;
    ip(&format!("addr add {}/24 dev {FRONT_IF}", VICTIM.front()))?;
    scene.router_when(VICTIM, VIP, "master again", is("master"))?;

    // As with DHCP: the new address is added before the old one is removed.
    ip(&format!("addr add 192.168.1.216/32 dev {FRONT_IF}"))?;
    let since = Instant::now();
    ip(&format!("addr del {}/24 dev {FRONT_IF}", VICTIM.front()))?;
    sleep(CALM);
    ensure!(
        scene.capture.first_advert(since, SUCCESSOR, VIP.vrid()).is_none(),
        "{SUCCESSOR} took over though another address is there"
    );
    scene.router_when(VICTIM, VIP, "master all the time", is("master"))?;
    ip(&format!("addr add {}/24 dev {FRONT_IF}", VICTIM.front()))?;
    scene.check_one_master(VIP, since)?;
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn an_advert_is_never_fragmented_and_addresses_that_do_not_fit_are_reported() -> Result<()> {
    // 140 advertised addresses beside the first router's; 133 fit a packet of 576 bytes, as
    // keepalived counts.
    let list: Vec<String> = (1..=140).map(|last| format!("\"10.9.0.{last}\"")).collect();
    let more = format!(
        "[[virtual_router]]\nname = \"MANY\"\ninterface = \"{FRONT_IF}\"\nvrid = 77\ninterval = \"100ms\"\naddresses = [{}]\n",
        list.join(", ")
    );
    let mut scene = scene(&(more.clone() + "priority = 110"), &more)?;
    let nodes = Node::BOTH.map(|node| scene.lab.topology().host(node.host()));
    let many = |scene: &Scene, node: Node| -> Result<serde_json::Value> {
        let status = scene.status(node)?;
        let found = status["routers"]
            .as_array()
            .and_then(|all| all.iter().find(|router| router["vrid"] == 77));
        found.cloned().context("the router")
    };
    let since = Instant::now();
    for (mtu, missing) in [(576, 7), (400, 51)] {
        for netns in &nodes {
            netns.ip(&[format!("link set {FRONT_IF} mtu {mtu}")])?;
        }
        if mtu == 576 {
            for node in [SUCCESSOR, VICTIM] {
                scene.lab.start_router(node)?;
            }
        }
        scene.router_when(VICTIM, VIP, "master", is("master"))?;
        sleep(CALM);
        for (node, role) in [(VICTIM, "master"), (SUCCESSOR, "backup")] {
            let router = many(&scene, node)?;
            ensure!(
                router["role"] == role,
                "MTU {mtu}: {node} is {router}; log: {}",
                scene.log(node)
            );
            ensure!(router["not_advertised"] == missing, "MTU {mtu}: {router}");
            ensure!(
                router["address_list_errors"] == 0 || mtu == 400,
                "both nodes leave out the same: {router}"
            );
            let fragments = scene
                .lab
                .metrics(node)?
                .sum("vrrp_advertisements_dropped_total", &[("reason", "fragment")]);
            ensure!(fragments == 0.0, "MTU {mtu}: {node} got {fragments} fragments");
        }
        let said = format!("an advert holds {} of 140 addresses here", 140 - missing);
        ensure!(scene.log(VICTIM).contains(&said), "{said}: {}", scene.log(VICTIM));
    }
    ensure!(scene.capture.first_advert(since, VICTIM, 77).is_some(), "it advertises");
    scene.lab.down()
}
