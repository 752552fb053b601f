//! Changes by other programs to a node's network, and its failures: each state is reported, and
//! recovers.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use vrrp_tests::agent::AgentPaths;
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{FRONT_IF, Vip};
use vrrp_tests::process::wait_until;
use vrrp_tests::scene::{Scene, plain_config};
use vrrp_tests::{LabOptions, Node, Router};

const VICTIM: Node = Node::Node1;
const SUCCESSOR: Node = Node::Node2;
const VIP: Vip = Vip::Vip1;

/// Time of observation for things that must not happen: several master down intervals.
const CALM: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(10);

fn fast() -> Settings {
    Settings { track_nginx: false, ..Settings::fast() }
}

fn fast_pair() -> Result<Scene> {
    Scene::up(LabOptions::new(Router::Agent, Router::Agent).with_settings(&fast()))
}

fn role(router: &serde_json::Value, wanted: &str) -> bool {
    router["role"] == wanted
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_healed_partition_leaves_one_master_whom_the_client_finds_at_once() -> Result<()> {
    let settings = fast();
    let router = |node| Router::AgentWith(plain_config(node, &settings));
    let scene = Scene::up(
        LabOptions::new(router(Node::Node1), router(Node::Node2)).with_settings(&settings),
    )?;
    // Which side advertises first after the link is restored is random.
    for round in 1..=6 {
        scene.lab.topology().part_nodes(true)?;
        scene.router_when(SUCCESSOR, VIP, "master of its side", |router| role(router, "master"))?;
        sleep(CALM / 2 + settings.interval * round / 7);
        let probe = scene.probe(VIP)?;
        let healed = Instant::now();
        scene.lab.topology().part_nodes(false)?;
        scene.router_when(SUCCESSOR, VIP, "backup again", |router| role(router, "backup"))?;
        sleep(CALM);
        let seen = probe.stop()?;
        let recording = scene.capture.so_far();
        let spoken = recording.first_advert(healed, VICTIM, VIP.vrid());
        let claimed =
            recording.arp_claims(healed, VICTIM, VIP.address()).first().map(|(at, _)| *at - healed);
        let (summary, after) = (seen.summary(), seen.summary_since(healed + settings.interval * 3));
        println!(
            "round {round}: {VICTIM} announced after {claimed:?}; {}; later {}",
            summary.sentence(),
            after.sentence()
        );
        ensure!(
            claimed.is_some_and(|after| after < CALM),
            "the winner announces the address: {claimed:?}"
        );
        seen.check_no_gap(spoken.as_slice())?;
        ensure!(
            after.by_node.keys().eq([VICTIM.host().name()]),
            "the winner serves: {}",
            after.sentence()
        );
        scene.check_one_master(VIP, healed + settings.interval * 2)?;
    }
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_detached_program_is_attached_again() -> Result<()> {
    let scene = fast_pair()?;
    let since = Instant::now();
    let told = |scene: &Scene, line: &str| scene.log(VICTIM).matches(line).count();
    let attached = told(&scene, "XDP program attached");
    AgentPaths::below(&scene.lab.dir(VICTIM.host())).detach_xdp(FRONT_IF)?;
    wait_until("the program on the interface again", PATIENCE, || {
        told(&scene, "XDP program attached") > attached
    })?;
    println!("detached: attached again after {:?}", since.elapsed());
    ensure!(
        told(&scene, "another process has detached the XDP program") == 1,
        "once in the log: {}",
        scene.log(VICTIM)
    );
    // It is attached and works: the other node's nginx, which only the program reaches, answers
    // again.
    scene.backend_when(VICTIM, SUCCESSOR, "in use", |backend| {
        backend["usable"] == true && backend["slots"] != 0
    })?;
    let probe = scene.probe(VIP)?;
    sleep(CALM);
    let seen = probe.stop()?.summary();
    ensure!(seen.failed == 0 && seen.by_node.len() == 2, "both nodes serve: {}", seen.sentence());
    ensure!(
        scene.capture.first_advert(since, SUCCESSOR, VIP.vrid()).is_none(),
        "{SUCCESSOR} took over"
    );
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn another_mtu_moves_nothing_and_another_name_is_a_fault_until_it_is_taken_back() -> Result<()> {
    let mut scene = fast_pair()?;
    let netns = scene.lab.topology().host(VICTIM.host());
    let ip = |line: String| netns.ip(&[line]);
    let before = scene.router(VICTIM, VIP)?;
    let probe = scene.probe(VIP)?;
    let since = Instant::now();
    ip(format!("link set {FRONT_IF} mtu 1400"))?;
    sleep(CALM);
    ip(format!("link set {FRONT_IF} mtu 1500"))?;
    sleep(CALM);
    let seen = probe.stop()?.summary();
    let after = scene.router(VICTIM, VIP)?;
    println!("another MTU: {}", seen.sentence());
    ensure!(
        before["epoch"] == after["epoch"] && before["transitions"] == after["transitions"],
        "an election: {after}"
    );
    ensure!(
        scene.capture.first_advert(since, SUCCESSOR, VIP.vrid()).is_none(),
        "{SUCCESSOR} took over"
    );
    ensure!(seen.failed == 0, "requests are lost: {} {:?}", seen.sentence(), seen.failures);

    ip(format!("link set {FRONT_IF} down"))?;
    ip(format!("link set {FRONT_IF} name edge9"))?;
    ip("link set edge9 up".to_owned())?;
    let fault = scene.router_when(VICTIM, VIP, "in fault", |router| role(router, "fault"))?;
    println!("another name: {}", fault["reason"]);
    ensure!(
        scene.log(VICTIM).contains("the interface does not exist"),
        "the log has the reason: {}",
        scene.log(VICTIM)
    );
    wait_until("no virtual address on the renamed interface", PATIENCE, || {
        scene.lab.holds(VICTIM, VIP.address()).is_ok_and(|holds| !holds)
    })?;
    scene.router_when(SUCCESSOR, VIP, "master", |router| role(router, "master"))?;

    ip("link set edge9 down".to_owned())?;
    ip(format!("link set edge9 name {FRONT_IF}"))?;
    ip(format!("link set {FRONT_IF} up"))?;
    scene.router_when(VICTIM, VIP, "master again", |router| role(router, "master"))?;
    scene.settle()?;
    let page = scene.lab.get(VIP.address(), "/", None)?;
    ensure!(page.status == 200, "it serves again");
    scene.check_one_master(VIP, since)?;
    scene.lab.down()
}
