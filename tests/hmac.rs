//! Two of our agents that authenticate their adverts: the steps of a roll-out, wrong keys, a
//! replay.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::Value;
use vrrp_tests::Node;
use vrrp_tests::duel::{Duel, Setup, Speaker};

const KEY: &str = "{ id = 1, secret = \"0123456789abcdef0123456789abcdef\" }";
const OTHER_KEY: &str = "{ id = 1, secret = \"fedcba9876543210fedcba9876543210\" }";
const PATIENCE: Duration = Duration::from_secs(15);

fn setup(base: &Setup, priority: u8, mode: &'static str, key: &'static str) -> Setup {
    Setup { hmac: (!mode.is_empty()).then_some((mode, key)), ..base.clone().priority(priority) }
}

fn duel(one: Setup, two: Setup) -> Result<Duel> {
    let mut duel = Duel::new([Speaker::Agent, Speaker::Agent], [one, two])?;
    for node in Node::BOTH {
        duel.start(node)?;
    }
    Ok(duel)
}

/// Waits until the two are in these roles.
fn roles(duel: &Duel, wanted: [&str; 2]) -> Result<()> {
    let begin = Instant::now();
    let role = |node| duel.agent(node).map_or(Value::Null, |router| router["role"].clone());
    loop {
        let now = Node::BOTH.map(role);
        if now[0] == wanted[0] && now[1] == wanted[1] {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            bail!(
                "not {wanted:?} but {now:?}\n{}\n{}",
                duel.log(Node::Node1),
                duel.log(Node::Node2)
            );
        }
        sleep(Duration::from_millis(50));
    }
}

fn dropped(duel: &Duel, node: Node) -> Result<Vec<(String, u64)>> {
    let status = duel.agent_status(node)?;
    let counts =
        status["interfaces"][0]["dropped_adverts"].as_object().cloned().unwrap_or_default();
    Ok(counts
        .into_iter()
        .filter_map(|(reason, count)| Some((reason, count.as_u64()?)))
        .filter(|(_, n)| *n > 0)
        .collect())
}

/// Master and backup, and back after the master was stopped and started; nothing is dropped.
fn agree(base: &Setup, modes: [&'static str; 2]) -> Result<()> {
    let mut duel = duel(setup(base, 110, modes[0], KEY), setup(base, 100, modes[1], KEY))?;
    roles(&duel, ["master", "backup"])?;
    duel.stop(Node::Node1)?;
    let begin = Instant::now();
    while !duel.is_master(Node::Node2) {
        ensure!(begin.elapsed() < PATIENCE, "node 2 does not take over: {}", duel.log(Node::Node2));
        sleep(Duration::from_millis(20));
    }
    duel.start(Node::Node1)?;
    roles(&duel, ["master", "backup"])?;
    for node in Node::BOTH {
        let dropped = dropped(&duel, node)?;
        println!("{modes:?}, {node}: dropped {dropped:?}");
        ensure!(dropped.is_empty(), "{node} drops: {dropped:?}");
    }
    duel.down()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn each_step_of_a_roll_out_keeps_one_master() -> Result<()> {
    let base = Setup::default();
    for modes in [
        ["receive-only", ""],
        ["permissive", "receive-only"],
        ["enforce", "permissive"],
        ["enforce", "enforce"],
    ] {
        agree(&base, modes)?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: network namespaces"]
fn adverts_are_authenticated_over_ipv6_and_in_version_2() -> Result<()> {
    agree(&Setup::ipv6(), ["enforce", "enforce"])?;
    agree(&Setup::version_2(), ["enforce", "enforce"])
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_node_with_another_key_or_none_is_no_peer_and_the_reason_is_logged() -> Result<()> {
    let base = Setup::default();
    let cases = [
        (setup(&base, 110, "enforce", OTHER_KEY), "auth_mac"),
        (setup(&base, 110, "", KEY), "auth_missing"),
    ];
    for (stranger, reason) in cases {
        let duel = duel(setup(&base, 100, "enforce", KEY), stranger)?;
        // The router with the lower priority stays master: it accepts no advert that it cannot
        // verify.
        roles(&duel, ["master", "master"])?;
        sleep(base.interval * 10);
        roles(&duel, ["master", "master"])?;
        let seen = dropped(&duel, Node::Node1)?;
        println!("{reason}: dropped {seen:?}");
        ensure!(
            seen.iter().all(|(name, _)| name == reason) && !seen.is_empty(),
            "dropped for {reason} and nothing else: {seen:?}"
        );
        let told = duel.log(Node::Node1);
        ensure!(!told.contains("0123456789abcdef"), "the log shows a secret");
        duel.down()?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_advert_that_another_host_replays_is_dropped() -> Result<()> {
    let base = Setup::default();
    let duel = duel(setup(&base, 110, "enforce", KEY), setup(&base, 100, "enforce", KEY))?;
    roles(&duel, ["master", "backup"])?;
    let begin = Instant::now();
    sleep(base.interval * 5);
    let recording = duel.recording();
    let advert =
        recording.frames.iter().find(|seen| seen.at >= begin && seen.frame.advert().is_some());
    let Some(advert) = advert.map(|seen| seen.bytes.clone()) else {
        bail!("no advert was captured")
    };
    for _ in 0..3 {
        duel.send_again(&advert)?;
    }
    let sent = Instant::now();
    let seen = loop {
        // Counters are published only a few times a second.
        let seen = dropped(&duel, Node::Node2)?;
        if seen.iter().map(|(_, count)| count).sum::<u64>() >= 3 || sent.elapsed() > PATIENCE {
            break seen;
        }
        sleep(Duration::from_millis(50));
    };
    println!("replayed three times: dropped {seen:?}");
    ensure!(seen == [("auth_replay".to_owned(), 3)], "each is a replay: {seen:?}");
    roles(&duel, ["master", "backup"])?;
    duel.down()
}
