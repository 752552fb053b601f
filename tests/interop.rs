//! Our agent and Debian's keepalived as a pair. Each node is the master of one address and the
//! backup of the other, so one pair shows both roles.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::Vip;
use vrrp_tests::scene::{Scene, plain_config};
use vrrp_tests::{LabOptions, Node, Router};

const DROPPED: &str = "vrrp_advertisements_dropped_total";

/// Without the nginx checks, which would only add processes.
fn untracked(settings: Settings) -> Settings {
    Settings { track_nginx: false, ..settings }
}

/// Ends the router of `node`, waits for its successor, starts it again and waits until it is master
/// again. `kill`: by SIGKILL instead of SIGTERM.
fn there_and_back(scene: &mut Scene, node: Node, kill: bool) -> Result<()> {
    let vip = if Vip::Vip1.home() == node { Vip::Vip1 } else { Vip::Vip2 };
    let what = if kill { "killed" } else { "stopped" };
    let ours = scene.lab.router(node).is_agent();
    let settings = scene.lab.settings(node).clone();
    let probe = scene.probe(vip)?;
    let since = Instant::now();
    if kill {
        scene.lab.kill_router(node)?;
    } else {
        let status = scene.lab.stop_router(node)?;
        ensure!(!ours || status.success(), "the agent on {node} ends with {status}");
    }
    let moved = scene.master_since(vip, node.other(), since)? - since;
    ensure!(
        kill || moved < settings.interval * 2,
        "{node} resigned, yet {} took over only after {moved:?}",
        node.other()
    );
    sleep(settings.interval * 3);
    if ours {
        scene.check_silence(vip, node, since)?;
    }
    let started = Instant::now();
    scene.lab.start_router(node)?;
    let back = scene.master_since(vip, node, started)? - started;
    scene.settle()?;
    sleep(settings.interval * 3);
    let seen = probe.stop()?.summary();
    println!(
        "{} on {node} {what}: {} master after {moved:?}; back after {back:?}; {}",
        scene.lab.router(node).describe(),
        node.other(),
        seen.sentence()
    );
    // Our agent's node keeps serving until its successor's first advert. keepalived releases the
    // address at once, and the backup waits the skew time.
    let limit = if ours {
        Duration::from_millis(100)
    } else {
        settings.master_down_interval() + Duration::from_millis(500)
    };
    ensure!(
        seen.outage_ms < limit.as_secs_f64() * 1e3,
        "{vip} was away for {:.1} ms",
        seen.outage_ms
    );
    scene.check_one_master(vip, since)
}

#[test]
#[ignore = "needs root: network namespaces and keepalived"]
fn version_2_with_a_password_works_in_both_roles() -> Result<()> {
    let options = LabOptions::new(Router::AgentOnKeepalivedConf, Router::Keepalived);
    let mut scene = Scene::up(options.with_settings(&untracked(Settings::default())))?;
    let begin = Instant::now();
    there_and_back(&mut scene, Node::Node1, true)?;
    there_and_back(&mut scene, Node::Node2, false)?;
    for vip in Vip::BOTH {
        let adverts = scene.capture.so_far();
        ensure!(adverts.first_advert(begin, vip.home(), vip.vrid()).is_some());
        let page = scene.lab.get(vip.address(), "/", None)?;
        ensure!(
            page.header("x-node") == Some(vip.home().host().name()),
            "{vip} is not served by its home"
        );
    }
    let dropped = scene.lab.metrics(Node::Node1)?.by_label(DROPPED, "reason");
    ensure!(
        dropped.values().all(|count| *count == 0.0),
        "adverts of keepalived were dropped: {dropped:?}"
    );
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and keepalived"]
fn version_3_at_ten_adverts_a_second_works_in_both_roles() -> Result<()> {
    let options = LabOptions::new(Router::Keepalived, Router::AgentOnKeepalivedConf);
    let mut scene = Scene::up(options.with_settings(&untracked(Settings::fast())))?;
    for (node, kill) in [(Node::Node2, true), (Node::Node2, false), (Node::Node1, false)] {
        there_and_back(&mut scene, node, kill)?;
    }
    let dropped = scene.lab.metrics(Node::Node2)?.by_label(DROPPED, "reason");
    ensure!(
        dropped.values().all(|count| *count == 0.0),
        "adverts of keepalived were dropped: {dropped:?}"
    );
    ensure!(
        !scene.log(Node::Node1).contains("checksum"),
        "keepalived complains: {}",
        scene.log(Node::Node1)
    );
    scene.lab.down()
}

/// Starts both routers with settings that do not match: in the end both are masters of both
/// addresses.
///
/// As a master keepalived restarts its advert timer at each advert that it receives, even at one
/// that it then rejects. So it may hardly ever advertise beside a second master; its first adverts
/// and its addresses show the mastership.
fn both_become_masters(scene: &mut Scene, vips: &[Vip]) -> Result<()> {
    let since = Instant::now();
    for node in Node::BOTH {
        scene.lab.start_router(node)?;
    }
    for vip in vips {
        for node in Node::BOTH {
            scene.master_since(*vip, node, since)?;
        }
    }
    sleep(scene.lab.settings(Node::Node1).interval * 3);
    for vip in vips {
        for node in Node::BOTH {
            ensure!(
                scene.lab.holds(node, vip.address())?,
                "{node} gave {vip} up: {}",
                scene.log(node)
            );
        }
        ensure!(scene.router(Node::Node1, *vip)?["role"] == "master", "our agent gave {vip} up");
    }
    Ok(())
}

#[test]
#[ignore = "needs root: network namespaces and keepalived"]
fn with_different_passwords_both_become_masters_and_the_reason_is_logged() -> Result<()> {
    let ours = untracked(Settings::default());
    let theirs = Settings { password: Some("2222".to_owned()), ..ours.clone() };
    let mut options = LabOptions::new(Router::AgentOnKeepalivedConf, Router::Keepalived);
    options.settings = [ours, theirs];
    let mut scene = Scene::without_routers(options)?;
    both_become_masters(&mut scene, &Vip::BOTH)?;
    let dropped = scene.lab.metrics(Node::Node1)?.by_label(DROPPED, "reason");
    println!("dropped: {dropped:?}");
    ensure!(
        dropped["auth_password"] >= 2.0,
        "adverts with the wrong password are counted: {dropped:?}"
    );
    ensure!(
        dropped.values().sum::<f64>() == dropped["auth_password"],
        "and under no other reason: {dropped:?}"
    );
    let status = scene.status_text(Node::Node1)?;
    ensure!(status.contains("auth_password"), "the status shows it: {status}");
    for secret in ["1111", "2222"] {
        ensure!(
            !status.contains(secret) && !scene.log(Node::Node1).contains(secret),
            "a password is shown"
        );
    }
    scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces and keepalived"]
fn keepalived_refuses_the_checksum_without_pseudo_header_and_we_accept_its_own() -> Result<()> {
    let settings = untracked(Settings::fast());
    let text = plain_config(Node::Node1, &settings);
    let text = text.replace("version = 3\n", "version = 3\nchecksum = \"message-only\"\n");
    let options =
        LabOptions::new(Router::AgentWith(text), Router::Keepalived).with_settings(&settings);
    let mut scene = Scene::without_routers(options)?;
    // keepalived rejects our adverts on VIP1; we accept its adverts on VIP2, and follow.
    let begin = Instant::now();
    both_become_masters(&mut scene, &[Vip::Vip1])?;
    scene.master_since(Vip::Vip2, Node::Node2, begin)?;
    scene.router_when(Node::Node1, Vip::Vip2, "backup", |router| {
        router["role"] == "backup" && router["adverts_received"] != 0
    })?;
    let theirs = scene.log(Node::Node2);
    ensure!(theirs.to_lowercase().contains("checksum"), "keepalived names the reason: {theirs}");
    scene.lab.down()
}
