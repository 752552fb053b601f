//! Reload under traffic: only what changed in the configuration changes.

use std::fs;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use vrrp_tests::agent::AgentPaths;
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::Vip;
use vrrp_tests::options::agent_binary;
use vrrp_tests::scene::Scene;
use vrrp_tests::{LabOptions, Node, Router};

const NODE: Node = Node::Node1;
/// At ten adverts a second a longer gap means a missing advert.
const ADVERT_MISSED: Duration = Duration::from_millis(250);
const BAD_CONFIG: i32 = 6;
/// Before and after the reloads, for comparison.
const CALM: Duration = Duration::from_millis(700);

/// Additions: an address, a weight, a router, and one on an interface that does not exist.
const MORE_ROUTERS: &str = r#"
[[virtual_router]]
name = "VI_3"
interface = "eth1"
vrid = 53
interval = "100ms"
addresses = ["192.168.1.247"]

[[virtual_router]]
name = "VI_4"
interface = "eth9"
vrid = 54
addresses = ["192.168.1.246"]
"#;

struct Agent {
    paths: AgentPaths,
    original: String,
}

impl Agent {
    fn of(scene: &Scene) -> Result<Self> {
        let paths = AgentPaths::below(&scene.lab.dir(NODE.host()));
        let original = fs::read_to_string(paths.dir.join("agent.toml"))
            .context("the agent's configuration")?;
        Ok(Self { paths, original })
    }

    fn reload(&self, text: &str) -> Result<Output> {
        fs::write(self.paths.dir.join("agent.toml"), text)?;
        let mut command = Command::new(agent_binary());
        Ok(command.args(["reload", "--socket"]).arg(&self.paths.api_socket).output()?)
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn a_reload_changes_what_changed_and_loses_nothing() -> Result<()> {
    let settings = Settings { track_nginx: false, ..Settings::fast() };
    let scene = Scene::up(LabOptions::new(Router::Agent, Router::Agent).with_settings(&settings))?;
    let agent = Agent::of(&scene)?;
    let before = scene.router(NODE, Vip::Vip1)?;
    let probe = scene.probe(Vip::Vip1)?;
    let since = Instant::now();
    sleep(CALM);

    let same = agent.reload(&agent.original)?;
    ensure!(
        same.status.success() && stderr(&same).contains("nothing changed"),
        "the same file: {}",
        stderr(&same)
    );

    let grown =
        agent.original.replacen("[\"192.168.1.249\"]", "[\"192.168.1.249\", \"192.168.1.248\"]", 1);
    let more = agent.reload(&(grown + MORE_ROUTERS))?;
    ensure!(more.status.success(), "more of everything: {}", stderr(&more));
    ensure!(stderr(&more).contains("added VI_3, VI_4; changed VI_1"), "{}", stderr(&more));
    let both = |router: &serde_json::Value| {
        router["addresses"]
            .as_array()
            .is_some_and(|all| all.len() == 2 && all.iter().all(|held| held["installed"] == true))
    };
    scene.router_when(NODE, Vip::Vip1, "holding both addresses", both)?;
    let status = scene.status_text(NODE)?;
    ensure!(
        status.contains("VI_4") && status.contains("FAULT"),
        "a missing interface is a fault:\n{status}"
    );

    let bad = agent.reload(&format!("{}\nvrid = ", agent.original))?;
    ensure!(bad.status.code() == Some(BAD_CONFIG), "a bad file: {:?}", bad.status);
    ensure!(
        stderr(&bad).contains("agent.toml:") && stderr(&bad).contains("stays"),
        "{}",
        stderr(&bad)
    );
    let refused = scene.lab.metrics(NODE)?.sum("vrrp_config_last_reload_successful", &[]);
    ensure!(refused == 0.0, "the metric counts the refused reload: {refused}");

    let back = agent.reload(&agent.original)?;
    ensure!(
        back.status.success() && stderr(&back).contains("removed VI_3, VI_4"),
        "{}",
        stderr(&back)
    );
    let one = |router: &serde_json::Value| {
        router["addresses"].as_array().is_some_and(|all| all.len() == 1)
    };
    let after = scene.router_when(NODE, Vip::Vip1, "holding one address", one)?;
    let told = scene.lab.metrics(NODE)?.sum("vrrp_config_last_reload_successful", &[]);
    ensure!(told == 1.0, "the metric counts the good reload: {told}");

    sleep(CALM);
    let seen = probe.stop()?.summary();
    println!("four reloads: {}", seen.sentence());
    ensure!(seen.failed == 0, "the reloads lost requests: {} {:?}", seen.sentence(), seen.failures);
    ensure!(after["epoch"] == before["epoch"], "the mastership went on: {before} {after}");
    ensure!(
        after["adverts_sent"].as_u64() > before["adverts_sent"].as_u64(),
        "no counter started again: {before} {after}"
    );
    check_adverts(scene, since)
}

/// No advert of the unchanged router is missing.
fn check_adverts(scene: Scene, since: Instant) -> Result<()> {
    let seen = scene.capture.so_far();
    let times: Vec<Instant> =
        seen.adverts(since, NODE, Vip::Vip1.vrid()).map(|(at, _)| at).collect();
    ensure!(times.len() > 3, "adverts were captured: {}", times.len());
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    println!("{} adverts, at most {longest:?} apart", times.len());
    ensure!(longest < ADVERT_MISSED, "an advert was missed: {longest:?}");
    scene.lab.down()
}
