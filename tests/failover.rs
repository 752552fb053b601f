//! Two of our agents, ten adverts a second unless stated otherwise: what a client and the capture
//! see when a node fails and returns.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use vrrp_tests::freezer::Freezer;
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::Vip;
use vrrp_tests::options::agent_binary;
use vrrp_tests::scene::{Scene, plain_config};
use vrrp_tests::skips::skip;
use vrrp_tests::summary::Summary;
use vrrp_tests::{LabOptions, Node, Router};

/// The node that fails, the address it is master of, and the node that takes over.
const VICTIM: Node = Node::Node1;
const SUCCESSOR: Node = Node::Node2;
const VIP: Vip = Vip::Vip1;

/// The limit for a node that is cut off, at ten adverts a second.
const CUT_LIMIT_MS: f64 = 390.0;
/// The longest gap when a node returns.
const RETURN_GAP_MS: f64 = 500.0;
/// Time of observation for things that must not happen: several master down intervals.
const CALM: Duration = Duration::from_secs(1);

fn untracked(settings: Settings) -> Settings {
    Settings { track_nginx: false, ..settings }
}

fn fast_pair() -> Result<Scene> {
    Scene::up(
        LabOptions::new(Router::Agent, Router::Agent).with_settings(&untracked(Settings::fast())),
    )
}

/// A node that becomes master again interrupts at most a few requests, however busy the machine is.
fn check_return(seen: &Summary) -> Result<()> {
    let told = || format!("{} {:?}", seen.sentence(), seen.failures);
    ensure!(seen.outage_ms < RETURN_GAP_MS, "the return leaves a gap: {}", told());
    ensure!(seen.failed * 20 <= seen.sent, "the return loses requests: {}", told());
    Ok(())
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_node_that_is_cut_off_is_replaced_within_390_ms() -> Result<()> {
    let mut scene = fast_pair()?;
    let probe = scene.probe(VIP)?;
    let since = Instant::now();
    scene.lab.cut(VICTIM)?;
    let moved = scene.master_since(VIP, SUCCESSOR, since)? - since;
    let cut_off = scene.router_when(VICTIM, VIP, "in fault", |router| router["role"] == "fault")?;
    sleep(CALM);
    let outage = probe.stop()?.summary();
    println!("cut off: successor after {moved:?}; {}; {}", cut_off["reason"], outage.sentence());
    ensure!(
        outage.outage_ms <= CUT_LIMIT_MS,
        "the address was away for {:.1} ms",
        outage.outage_ms
    );
    let (metrics, vrid) = (scene.lab.metrics(SUCCESSOR)?, VIP.vrid().to_string());
    let told = |what: &str| {
        metrics.sum(&format!("vrrp_failover_duration_seconds_{what}"), &[("vrid", &vrid)])
    };
    // From three silent intervals to the skew time and 50 ms of margin for the address.
    ensure!(
        told("count") == 1.0 && (0.3..0.45).contains(&told("sum")),
        "{} takeovers in {} s",
        told("count"),
        told("sum")
    );

    let probe = scene.probe(VIP)?;
    let healed = Instant::now();
    scene.lab.heal(VICTIM)?;
    let back = scene.master_since(VIP, VICTIM, healed)? - healed;
    scene.settle()?;
    sleep(CALM);
    let seen = probe.stop()?.summary();
    println!("plugged in: master after {back:?}; {}", seen.sentence());
    check_return(&seen)?;
    scene.check_one_master(VIP, since)?;
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn an_agent_that_is_killed_or_stopped_leaves_no_gap_and_falls_silent() -> Result<()> {
    let mut scene = fast_pair()?;
    for kill in [true, false] {
        let probe = scene.probe(VIP)?;
        let since = Instant::now();
        if kill {
            scene.lab.kill_router(VICTIM)?;
        } else {
            let status = scene.lab.stop_router(VICTIM)?;
            ensure!(status.success(), "the agent ends with {status}");
            let resigned = scene
                .capture
                .so_far()
                .adverts(since, VICTIM, VIP.vrid())
                .any(|(_, priority)| priority == 0);
            ensure!(resigned, "the agent resigns");
            ensure!(
                !scene.lab.holds(VICTIM, VIP.address())?,
                "a stopped agent takes its address with it"
            );
        }
        let moved = scene.master_since(VIP, SUCCESSOR, since)? - since;
        sleep(CALM);
        let seen = probe.stop()?;
        let how = if kill { "killed" } else { "stopped" };
        println!("{how}: successor after {moved:?}; {}", seen.summary().sentence());
        seen.check_no_gap(&[since + moved])?;
        scene.check_silence(VIP, VICTIM, since)?;

        let probe = scene.probe(VIP)?;
        let started = Instant::now();
        scene.lab.start_router(VICTIM)?;
        scene.master_since(VIP, VICTIM, started)?;
        scene.settle()?;
        sleep(CALM);
        let seen = probe.stop()?.summary();
        println!("started again: {}", seen.sentence());
        check_return(&seen)?;
        scene.check_one_master(VIP, since)?;
    }
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_frozen_agent_is_fenced_and_steps_down_first_when_it_wakes() -> Result<()> {
    let scene = fast_pair()?;
    freeze_and_thaw(&scene, |frozen| scene.lab.freeze_router(VICTIM, frozen))?;
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces, XDP, cgroups"]
fn an_agent_in_a_frozen_cgroup_is_fenced_like_any_other() -> Result<()> {
    let scene = fast_pair()?;
    let netns = scene.lab.topology().host(VICTIM.host());
    let Some(freezer) = Freezer::around(scene.lab.id(), &netns, &agent_binary())? else {
        return skip(
            "an_agent_in_a_frozen_cgroup_is_fenced_like_any_other",
            "no writable cgroup of version 2",
        );
    };
    freeze_and_thaw(&scene, |frozen| freezer.freeze(frozen))?;
    drop(freezer);
    scene.lab.down()
}

fn freeze_and_thaw(scene: &Scene, freeze: impl Fn(bool) -> Result<()>) -> Result<()> {
    let before = scene.router(VICTIM, VIP)?;
    let probe = scene.probe(VIP)?;
    let since = Instant::now();
    freeze(true)?;
    let moved = scene.master_since(VIP, SUCCESSOR, since)? - since;
    sleep(CALM);
    scene.check_silence(VIP, VICTIM, since)?;
    let thawed = Instant::now();
    freeze(false)?;
    let back = scene.master_since(VIP, VICTIM, thawed)? - thawed;
    let after =
        scene.router_when(VICTIM, VIP, "master again", |router| router["role"] == "master")?;
    sleep(CALM);
    let seen = probe.stop()?;
    println!(
        "frozen: successor after {moved:?}; thawed: master after {back:?}; {}",
        seen.summary().sentence()
    );
    seen.check_no_gap(&[since + moved, thawed + back])?;
    // Between its two masterships it was a backup: the capture has no advert of the fenced master.
    ensure!(
        before["epoch"].as_u64() < after["epoch"].as_u64(),
        "a new mastership: {before} {after}"
    );
    let stepped_down = |router: &serde_json::Value| router["transitions"]["backup"].as_u64();
    ensure!(stepped_down(&before) < stepped_down(&after), "it steps down: {after}");
    scene.check_one_master(VIP, since)
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn an_agent_started_again_at_once_goes_on_as_master() -> Result<()> {
    // One advert per second, so that a busy machine starts the agent before the backup's timer
    // fires.
    let settings = untracked(Settings::default());
    let mut scene =
        Scene::up(LabOptions::new(Router::Agent, Router::Agent).with_settings(&settings))?;
    let before = scene.router(VICTIM, VIP)?;
    let removals = scene.watch_addresses(VICTIM)?;
    let probe = scene.probe(VIP)?;
    let since = Instant::now();
    scene.lab.kill_router(VICTIM)?;
    scene.lab.start_router(VICTIM)?;
    let back = scene.master_since(VIP, VICTIM, since)? - since;
    let after = scene.router_when(VICTIM, VIP, "master", |router| router["role"] == "master")?;
    let resumed = Instant::now()
        - Duration::from_secs_f64(after["since_seconds"].as_f64().unwrap_or_default());
    let silent = (since + back).saturating_duration_since(resumed);
    ensure!(
        silent < settings.interval / 2,
        "it holds a lease, but advertises only after {silent:?}"
    );
    sleep(settings.master_down_interval() + CALM);
    let seen = probe.stop()?.summary();
    println!(
        "killed and started: advert after {back:?} ({}); {}",
        after["reason"],
        seen.sentence()
    );
    ensure!(before["epoch"] == after["epoch"], "the same mastership: {before} {after}");
    ensure!(
        scene.capture.first_advert(since, SUCCESSOR, VIP.vrid()).is_none(),
        "{SUCCESSOR} need not take over"
    );
    ensure!(seen.failed == 0, "requests are lost: {}", seen.sentence());
    let changes = removals.stop()?;
    let removed: Vec<&str> = changes.lines().filter(|line| line.contains("Deleted")).collect();
    ensure!(removed.is_empty(), "addresses were removed: {removed:?}");
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn an_address_removed_by_hand_comes_back_without_an_election() -> Result<()> {
    let scene = fast_pair()?;
    let before = scene.router(VICTIM, VIP)?;
    let probe = scene.probe(VIP)?;
    let since = Instant::now();
    scene
        .lab
        .topology()
        .host(VICTIM.host())
        .ip(&[format!("addr del {}/32 dev eth1", VIP.address())])?;
    let removed = Instant::now();
    while !scene.lab.holds(VICTIM, VIP.address())? {
        ensure!(removed.elapsed() < Duration::from_secs(1), "the address has not come back");
        sleep(Duration::from_millis(5));
    }
    let back = removed.elapsed();
    sleep(CALM);
    let seen = probe.stop()?.summary();
    println!("removed by hand: back after {back:?}; {}", seen.sentence());
    let after = scene.router(VICTIM, VIP)?;
    ensure!(
        before["epoch"] == after["epoch"] && before["transitions"] == after["transitions"],
        "an election: {after}"
    );
    ensure!(
        scene.capture.first_advert(since, SUCCESSOR, VIP.vrid()).is_none(),
        "{SUCCESSOR} took over"
    );
    ensure!(seen.failed == 0, "requests are lost: {}", seen.sentence());
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_missing_or_dead_interface_is_a_state_that_heals() -> Result<()> {
    let settings = untracked(Settings::fast());
    // The second virtual router is on an interface that does not exist yet.
    let text = plain_config(VICTIM, &settings);
    let (first, second) = text.split_at(text.rfind("[[virtual_router]]").unwrap_or_default());
    let text = format!("{first}{}", second.replace("\"eth1\"", "\"late0\""));
    let options =
        LabOptions::new(Router::AgentWith(text), Router::Nothing).with_settings(&settings);
    let mut scene = Scene::without_routers(options)?;
    scene.lab.start_router(VICTIM)?;
    let master = |router: &serde_json::Value| router["role"] == "master";
    let fault = |router: &serde_json::Value| router["role"] == "fault";
    scene.router_when(VICTIM, Vip::Vip1, "master", master)?;
    let missing = scene.router_when(VICTIM, Vip::Vip2, "in fault", fault)?;
    println!("missing: {}", missing["reason"]);
    let netns = scene.lab.topology().host(VICTIM.host());
    let ip = |line: &str| netns.ip(&[line.to_owned()]);
    ip("link add late0 type veth peer name late1")?;
    ip("link set late1 up")?;
    ip("addr add 192.168.9.1/24 dev late0")?;
    ip("link set late0 up")?;
    scene.router_when(VICTIM, Vip::Vip2, "master", master)?;
    ensure!(scene.lab.holds(VICTIM, Vip::Vip2.address())?, "it holds its address");

    ip("link set eth1 down")?;
    let down = scene.router_when(VICTIM, Vip::Vip1, "in fault", fault)?;
    println!("down: {}", down["reason"]);
    ensure!(master(&scene.router(VICTIM, Vip::Vip2)?), "the other interface is not concerned");
    ip("link set eth1 up")?;
    scene.router_when(VICTIM, Vip::Vip1, "master again", master)?;
    ip("link del late0")?;
    let gone = scene.router_when(VICTIM, Vip::Vip2, "in fault again", fault)?;
    println!("deleted: {}", gone["reason"]);
    let page = scene.lab.get(Vip::Vip1.address(), "/", None)?;
    ensure!(page.status == 200);
    ensure!(scene.lab.router_runs(VICTIM), "the agent lives");
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn without_xdp_the_sockets_carry_election_and_failover() -> Result<()> {
    let settings = untracked(Settings::fast());
    let router =
        |node| Router::AgentWith(format!("xdp = \"off\"\n{}", plain_config(node, &settings)));
    let options =
        LabOptions::new(router(Node::Node1), router(Node::Node2)).with_settings(&settings);
    let mut scene = Scene::up(options)?;
    let begin = Instant::now();
    let status = scene.status(VICTIM)?;
    println!("without XDP: {}", status["interfaces"][0]["xdp"]);
    ensure!(status["interfaces"][0]["xdp"]["mode"] == "off", "the status shows it: {status}");
    ensure!(
        status["interfaces"][0]["xdp"]["reason"] == "switched off in the configuration",
        "and why: {status}"
    );
    ensure!(scene.log(VICTIM).contains("xdp is off"), "and so does the log: {}", scene.log(VICTIM));

    let probe = scene.probe(VIP)?;
    let since = Instant::now();
    scene.lab.cut(VICTIM)?;
    let moved = scene.master_since(VIP, SUCCESSOR, since)? - since;
    sleep(CALM);
    let seen = probe.stop()?.summary();
    println!("cut off: successor after {moved:?}; {}", seen.sentence());
    ensure!(seen.outage_ms <= CUT_LIMIT_MS, "the address was away for {:.1} ms", seen.outage_ms);
    scene.lab.heal(VICTIM)?;
    scene.settle()?;

    let probe = scene.probe(VIP)?;
    let since = Instant::now();
    let status = scene.lab.stop_router(VICTIM)?;
    ensure!(status.success(), "the agent ends with {status}");
    let moved = scene.master_since(VIP, SUCCESSOR, since)? - since;
    scene.lab.start_router(VICTIM)?;
    scene.settle()?;
    sleep(CALM);
    let seen = probe.stop()?.summary();
    println!("stopped and started: successor after {moved:?}; {}", seen.sentence());
    ensure!(seen.outage_ms <= CUT_LIMIT_MS, "the address was away for {:.1} ms", seen.outage_ms);
    scene.check_one_master(VIP, begin)?;
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_dead_nginx_behind_the_master_gets_no_new_connection() -> Result<()> {
    let mut scene = fast_pair()?;
    let begin = Instant::now();
    let probe = scene.probe(VIP)?;
    let killed = Instant::now();
    scene.lab.kill_nginx(SUCCESSOR)?;
    scene.backend_when(VICTIM, SUCCESSOR, "down", |backend| {
        backend["state"] == "down" && backend["slots"] == 0
    })?;
    // Requests in flight when the ring changed may still fail.
    sleep(Duration::from_millis(50));
    let found = Instant::now();
    sleep(CALM);
    let report = probe.stop()?;
    let (all, later) = (report.summary_since(killed), report.summary_since(found));
    println!(
        "nginx killed: found after {:?}; since then {}; in all {} lost",
        found - killed,
        later.sentence(),
        all.failed
    );
    ensure!(later.failed == 0, "connections go to the dead nginx: {}", later.sentence());
    ensure!(
        !later.by_node.contains_key(SUCCESSOR.host().name()),
        "a dead nginx answers: {}",
        later.sentence()
    );

    scene.lab.start_nginx(SUCCESSOR)?;
    scene.backend_when(VICTIM, SUCCESSOR, "in use", |backend| {
        backend["usable"] == true && backend["slots"] != 0
    })?;
    let probe = scene.probe(VIP)?;
    sleep(CALM);
    let seen = probe.stop()?.summary();
    println!("nginx back: {}", seen.sentence());
    ensure!(seen.failed == 0 && seen.by_node.len() == 2, "both serve again: {}", seen.sentence());
    ensure!(
        scene.capture.first_advert(begin, SUCCESSOR, VIP.vrid()).is_none(),
        "no mastership moved"
    );
    scene.lab.down()
}
