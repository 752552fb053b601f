//! Planned hand-over at one advert a second, under traffic that both nodes' nginx serve: the client
//! notices nothing.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use vrrp_tests::agent;
use vrrp_tests::daemons::BIG_FILE;
use vrrp_tests::downloads::Downloads;
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::Vip;
use vrrp_tests::probe::HttpProbe;
use vrrp_tests::scene::{Scene, plain_config};
use vrrp_tests::{LabOptions, Node, Router};

const OLD: Node = Node::Node1;
const NEW: Node = Node::Node2;
const VIP: Vip = Vip::Vip1;

/// Time of observation for things that must not happen.
const CALM: Duration = Duration::from_secs(1);
/// Enough that both nodes serve some.
const DOWNLOADS: usize = 12;

fn settings() -> Settings {
    Settings { track_nginx: false, ..Settings::default() }
}

fn pair() -> Result<Scene> {
    Scene::up(LabOptions::new(Router::Agent, Router::Agent).with_settings(&settings()))
}

/// Waits for the ends of downloads: all of them complete, some from each node.
fn finish(downloads: Downloads) -> Result<()> {
    let nodes: BTreeSet<String> = downloads.finish().into_iter().collect::<Result<_>>()?;
    println!("{DOWNLOADS} downloads of {BIG_FILE} bytes, from {nodes:?}");
    ensure!(nodes.len() == 2, "both nodes served: {nodes:?}");
    Ok(())
}

/// No request lost, and no gap that a client notices.
fn check_unnoticed(what: &str, probe: HttpProbe) -> Result<()> {
    check_unnoticed_but_at(what, probe, &[])
}

/// The same, except for requests in flight when the address moved without the old master's help:
/// between the successor's first advert, which fences the old master, and its announcement a frame
/// may still go to the old master.
fn check_unnoticed_but_at(what: &str, probe: HttpProbe, moves: &[Instant]) -> Result<()> {
    let seen = probe.stop()?;
    println!("{what}: {}", seen.summary().sentence());
    seen.check_no_gap(moves).context(what.to_owned())
}

fn resigned(scene: &Scene, since: Instant) -> bool {
    scene.capture.so_far().adverts(since, OLD, VIP.vrid()).any(|(_, priority)| priority == 0)
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn failover_and_failback_lose_no_request_and_no_download() -> Result<()> {
    let scene = pair()?;
    let downloads = Downloads::start(&scene.lab, VIP, DOWNLOADS)?;
    let probe = scene.probe(VIP)?;
    let since = Instant::now();
    scene.expect_output(
        OLD,
        &["failover", "VI_1"],
        0,
        "VI_1: handed over to 192.168.1.206 after 0.",
    )?;
    let moved = scene.master_since(VIP, NEW, since)? - since;
    sleep(CALM);
    check_unnoticed("failover", probe)?;
    scene.check_silence(VIP, OLD, since)?;

    let probe = scene.probe(VIP)?;
    scene.expect_output(
        OLD,
        &["failover", "VI_1"],
        5,
        "VI_1: is not master here: 192.168.1.206 (priority 99) is",
    )?;
    let status = scene.status_text(OLD)?;
    ensure!(status.contains("has been on standby for"), "the status shows it:\n{status}");
    ensure!(
        scene.lab.metrics(OLD)?.sum("vrrp_preempt_inhibited", &[]) == 1.0,
        "the metric shows it"
    );
    sleep(settings().master_down_interval());
    ensure!(scene.router(OLD, VIP)?["role"] == "backup", "it does not preempt: {}", scene.log(OLD));

    let asked = Instant::now();
    scene.expect_output(OLD, &["failback", "VI_1"], 0, "VI_1: is no longer on standby")?;
    let back = scene.master_since(VIP, OLD, asked)? - asked;
    sleep(CALM);
    check_unnoticed("failback", probe)?;
    println!("failover after {moved:?}, failback after {back:?}");
    finish(downloads)?;
    scene.check_one_master(VIP, since)?;
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn without_a_successor_the_node_stays_master_without_a_gap() -> Result<()> {
    let mut scene = pair()?;
    scene.lab.stop_router(NEW)?;
    let before = scene.router_when(OLD, VIP, "master", |router| router["role"] == "master")?;
    let probe = scene.probe(VIP)?;
    scene.expect_output(
        OLD,
        &["failover", "VI_1"],
        1,
        "VI_1: no node took over within 1.050 s; this node is master again",
    )?;
    sleep(CALM);
    check_unnoticed("failover without a successor", probe)?;
    let after = scene.router(OLD, VIP)?;
    ensure!(
        after["role"] == "master" && after["standby_seconds"].is_null(),
        "master again: {after}"
    );
    ensure!(
        before["epoch"].as_u64() < after["epoch"].as_u64(),
        "a new mastership: {before} {after}"
    );

    let unknown = scene.vrrp_agent(OLD, &["failover", "VI1"])?;
    let text = String::from_utf8_lossy(&unknown.stdout);
    ensure!(
        unknown.status.code() == Some(1) && text.contains("did you mean `VI_1`"),
        "{unknown:?}"
    );
    let json = scene.vrrp_agent(OLD, &["failback", "VI_1", "--json"])?;
    let json: serde_json::Value = serde_json::from_slice(&json.stdout)?;
    ensure!(json["outcome"] == "not_standby" && json["routers"][0]["name"] == "VI_1", "{json}");
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_stop_and_the_return_lose_no_request_and_no_download() -> Result<()> {
    let mut scene = pair()?;
    let downloads = Downloads::start(&scene.lab, VIP, DOWNLOADS)?;
    let probe = scene.probe(VIP)?;
    let since = Instant::now();
    let status = scene.lab.stop_router(OLD)?;
    ensure!(status.success() && resigned(&scene, since), "it resigns and ends: {status}");
    scene.master_since(VIP, NEW, since)?;
    sleep(CALM);
    check_unnoticed("SIGTERM", probe)?;
    scene.check_silence(VIP, OLD, since)?;

    let probe = scene.probe(VIP)?;
    let started = Instant::now();
    scene.lab.start_router(OLD)?;
    let back = scene.master_since(VIP, OLD, started)? - started;
    sleep(CALM);
    check_unnoticed("the return", probe)?;
    println!("master again after {back:?}");
    finish(downloads)?;
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn without_release_on_exit_a_restart_goes_on_and_a_stop_leaves_a_lapsing_lease() -> Result<()> {
    let router = |node| {
        Router::AgentWith(format!("release_on_exit = false\n{}", agent::config(node, &settings())))
    };
    let options = LabOptions::new(router(OLD), router(NEW)).with_settings(&settings());
    let mut scene = Scene::up(options)?;
    let before = scene.router(OLD, VIP)?;
    let probe = scene.probe(VIP)?;
    let since = Instant::now();
    let status = scene.lab.stop_router(OLD)?;
    let log = scene.log(OLD);
    ensure!(
        status.success() && log.contains("stopping without release") && log.contains("VI_1"),
        "it is logged: {log}"
    );
    ensure!(scene.lab.holds(OLD, VIP.address())?, "the address stays");
    scene.lab.start_router(OLD)?;
    let after = scene.router_when(OLD, VIP, "master", |router| router["role"] == "master")?;
    sleep(settings().master_down_interval() + CALM);
    check_unnoticed("a restart without release", probe)?;
    ensure!(before["epoch"] == after["epoch"], "the same mastership: {before} {after}");
    ensure!(!resigned(&scene, since), "priority 0 was sent");
    ensure!(
        scene.capture.first_advert(since, NEW, VIP.vrid()).is_none(),
        "{NEW} need not take over"
    );

    let probe = scene.probe(VIP)?;
    let since = Instant::now();
    scene.lab.stop_router(OLD)?;
    let moved = scene.master_since(VIP, NEW, since)?;
    sleep(CALM);
    check_unnoticed_but_at("a stop without release and without a restart", probe, &[moved])?;
    println!("the backup took over after {:?}", moved - since);
    scene.check_silence(VIP, OLD, since)?;
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn where_nothing_would_fence_it_a_stopping_agent_releases_all_the_same() -> Result<()> {
    let text = |node| {
        format!("xdp = \"off\"\nrelease_on_exit = false\n{}", plain_config(node, &settings()))
    };
    let options = LabOptions::new(Router::AgentWith(text(OLD)), Router::AgentWith(text(NEW)))
        .with_settings(&settings());
    let mut scene = Scene::up(options)?;
    let since = Instant::now();
    scene.lab.stop_router(OLD)?;
    ensure!(scene.log(OLD).contains("released nevertheless"), "it is logged: {}", scene.log(OLD));
    ensure!(resigned(&scene, since), "priority 0 was sent");
    ensure!(!scene.lab.holds(OLD, VIP.address())?, "its address is gone");
    scene.master_since(VIP, NEW, since)?;
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_member_moves_its_whole_sync_group() -> Result<()> {
    // The first node is the preferred master of both addresses.
    let group = "\n[[sync_group]]\nname = \"VG_1\"\nmembers = [\"VI_1\", \"VI_2\"]\n";
    let router = |node, from: &str, to: &str| {
        Router::AgentWith(
            agent::config(node, &settings())
                .replace(&format!("priority = {from}"), &format!("priority = {to}"))
                + group,
        )
    };
    let options = LabOptions::new(router(OLD, "99", "100"), router(NEW, "100", "99"))
        .with_settings(&settings());
    let mut scene = Scene::without_routers(options)?;
    for node in Node::BOTH {
        scene.lab.start_router(node)?;
    }
    let all = |scene: &Scene, node, role: &str| {
        Vip::BOTH.into_iter().try_for_each(|vip| {
            scene.router_when(node, vip, role, |router| router["role"] == role).map(drop)
        })
    };
    all(&scene, OLD, "master")?;
    sleep(CALM);
    let probes = [scene.probe(Vip::Vip1)?, scene.probe(Vip::Vip2)?];
    scene.expect_output(
        OLD,
        &["failover", "VI_2"],
        0,
        "VI_2 is a member of the sync group VG_1: the whole group moves\nVI_1: handed",
    )?;
    all(&scene, OLD, "backup")?;
    all(&scene, NEW, "master")?;
    sleep(settings().master_down_interval() + CALM);
    scene.expect_output(OLD, &["failback", "VG_1"], 0, "VI_2: is no longer on standby")?;
    all(&scene, OLD, "master")?;
    all(&scene, NEW, "backup")?;
    sleep(CALM);
    for probe in probes {
        check_unnoticed("a group's failover and failback", probe)?;
    }
    scene.lab.down()
}
