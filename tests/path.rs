//! A backend that answers on its own address and has lost the virtual one: probes on the real path
//! detect that, direct checks do not.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vrrp_tests::agent::{self, AgentPaths};
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{FRONT_IF, Vip};
use vrrp_tests::process::wait_until;
use vrrp_tests::scene::Scene;
use vrrp_tests::summary::Summary;
use vrrp_tests::{LabOptions, Node, Router};

/// Master of the address.
const MASTER: Node = Node::Node1;
/// The other backend.
const BACKUP: Node = Node::Node2;
const VIP: Vip = Vip::Vip1;
/// An address whose master is still the backup.
const OTHER: Vip = Vip::Vip2;

const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client is observed: some hundred requests.
const WATCHED: Duration = Duration::from_secs(3);
/// Two intervals of the check, and the timeout of the last probe, are 0.7 s.
const NOTICED: Duration = Duration::from_secs(3);

fn scene(config: impl Fn(Node) -> String) -> Result<Scene> {
    let settings = Settings { track_nginx: false, ..Settings::default() };
    let router = |node| Router::AgentWith(config(node));
    Scene::up(LabOptions::new(router(MASTER), router(BACKUP)).with_settings(&settings))
}

fn config(node: Node) -> String {
    agent::config(node, &Settings { track_nginx: false, ..Settings::default() })
}

/// The backup as a backend of `vip` in the master's status.
fn backend(scene: &Scene, vip: Vip) -> Result<Value> {
    let status = scene.status(MASTER)?;
    let services = status["services"].as_array().context("no services")?;
    let (service, own) = (vip.address().to_string(), BACKUP.front().to_string());
    let service =
        services.iter().find(|it| it["address"] == service.as_str()).context("no such service")?;
    let backends = service["backends"].as_array().context("no backends")?;
    backends.iter().find(|it| it["address"] == own.as_str()).cloned().context("no such backend")
}

fn backend_when(
    scene: &Scene,
    vip: Vip,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Result<()> {
    wait_until(&format!("{BACKUP} as a backend of {vip} being {what}"), PATIENCE, || {
        backend(scene, vip).is_ok_and(|backend| wanted(&backend))
    })
    .with_context(|| format!("{:?}; log: {}", backend(scene, vip), scene.log(MASTER)))
}

/// Adds or removes the backup's local route for `vip`, with which its stack accepts packets for it.
fn route(scene: &Scene, vip: Vip, what: &str) -> Result<()> {
    let line = format!("route {what} local {}/32 dev lo table local", vip.address());
    scene.lab.topology().host(BACKUP.host()).ip(&[line])
}

/// Removes the backup's agent and program, as on a host that has lost both: its stack serves what
/// it accepts.
fn desert(scene: &mut Scene) -> Result<()> {
    scene.lab.kill_router(BACKUP)?;
    AgentPaths::below(&scene.lab.dir(BACKUP.host())).detach_xdp(FRONT_IF)?;
    scene.router_when(MASTER, OTHER, "master", |router| router["role"] == "master")?;
    backend_when(scene, VIP, "in use", |backend| backend["usable"] == true)
}

fn watch(scene: &Scene, what: &str) -> Result<Summary> {
    let probe = scene.probe(VIP)?;
    sleep(WATCHED);
    let summary = probe.stop()?.summary();
    println!("{what}: {}", summary.sentence());
    Ok(summary)
}

/// Both nodes serve, and no request waits.
fn check_both_serve(scene: &Scene, what: &str) -> Result<()> {
    let summary = watch(scene, what)?;
    ensure!(summary.failed == 0, "{what}: requests were lost");
    ensure!(
        Node::BOTH
            .iter()
            .all(|node| summary.by_node.get(node.host().name()).is_some_and(|count| *count > 0)),
        "{what}: both serve"
    );
    Ok(())
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_backend_that_has_lost_the_virtual_address_leaves_the_ring_and_comes_back() -> Result<()> {
    let mut scene = scene(config)?;
    desert(&mut scene)?;
    backend_when(&scene, VIP, "reached", |backend| backend["real_path"] == true)?;
    check_both_serve(&scene, "before")?;

    route(&scene, VIP, "del")?;
    let since = Instant::now();
    backend_when(&scene, VIP, "lost", |backend| backend["real_path"] == false)?;
    let noticed = since.elapsed();
    println!("noticed after {noticed:?}");
    ensure!(noticed < NOTICED, "it took {noticed:?}");
    let lost = backend(&scene, VIP)?;
    ensure!(
        lost["state"] == "up" && lost["usable"] == false && lost["slots"] == 0,
        "its check is still good: {lost}"
    );
    ensure!(
        lost["reason"].as_str().is_some_and(|reason| reason.contains("do not get through")),
        "{lost}"
    );
    let other = backend(&scene, OTHER)?;
    ensure!(
        other["usable"] == true && other["real_path"] == true,
        "only one address is lost: {other}"
    );
    let metric = |address: Vip| {
        let metrics = scene.lab.metrics(MASTER)?;
        let service = if address == VIP { "web1" } else { "web2" };
        Ok::<f64, anyhow::Error>(metrics.sum("vrrp_backend_real_path", &[("service", service)]))
    };
    ensure!((metric(VIP)?, metric(OTHER)?) == (0.0, 1.0), "the metric shows it");
    let summary = watch(&scene, "without it")?;
    ensure!(summary.failed == 0, "requests were lost");
    let told =
        scene.log(MASTER).matches("connections to the virtual address do not get through").count();
    ensure!(told == 1, "said {told} times: {}", scene.log(MASTER));

    route(&scene, VIP, "add")?;
    backend_when(&scene, VIP, "back", |backend| {
        backend["usable"] == true && backend["real_path"] == true
    })?;
    check_both_serve(&scene, "after")?;
    ensure!(
        scene.log(MASTER).contains("connections to the virtual address get through again"),
        "{}",
        scene.log(MASTER)
    );
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn without_the_probes_the_requests_of_such_a_backend_are_lost() -> Result<()> {
    let mut scene =
        scene(|node| config(node).replace("fall = 1 }", "fall = 1, real_path = false }"))?;
    desert(&mut scene)?;
    route(&scene, VIP, "del")?;
    sleep(NOTICED);
    let kept = backend(&scene, VIP)?;
    ensure!(kept["usable"] == true && kept["real_path"].is_null(), "no node probes: {kept}");
    let summary = watch(&scene, "switched off")?;
    let share = summary.failed as f64 / summary.sent as f64;
    ensure!((0.2..0.8).contains(&share), "about half is lost: {share}");
    scene.lab.down()
}
