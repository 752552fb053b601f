//! Backends are added, removed and drained during long downloads from real nginx by direct return.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vrrp_tests::agent::{self, AgentPaths};
use vrrp_tests::daemons;
use vrrp_tests::downloads::Downloads;
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{FRONT_IF, HTTP_PORT, Host, Vip};
use vrrp_tests::process::{Daemon, output, wait_until};
use vrrp_tests::scene::Scene;
use vrrp_tests::{LabOptions, Node, Router};

/// Master of the address, and one of its backends.
const MASTER: Node = Node::Node1;
/// The backend that is drained, and later dies.
const OTHER: Node = Node::Node2;
/// The host that becomes a third backend.
const THIRD: Host = Host::Dns;
const VIP: Vip = Vip::Vip1;

/// Enough that each backend serves some.
const DOWNLOADS: usize = 12;
/// Longer than a download, which takes more than ten seconds.
const DRAIN: Duration = Duration::from_secs(25);
const PATIENCE: Duration = Duration::from_secs(10);
/// Number of checked new connections: with two backends the probability that one gets none is one
/// in a million.
const ASKED: usize = 20;
/// Time until downloads are in progress.
const RUN_UP: Duration = Duration::from_secs(1);
/// A decision reaches every packet within 100 us; a debug build on a busy machine gets a thousand
/// times that.
const FLIP: Duration = Duration::from_millis(100);

fn settings() -> Settings {
    Settings { track_nginx: false, ..Settings::default() }
}

/// The example with a short drain time.
fn config(node: Node) -> String {
    agent::config(node, &settings()).replace(
        "protocol = \"tcp\"",
        &format!("protocol = \"tcp\"\ndrain = \"{}s\"", DRAIN.as_secs()),
    )
}

/// The service of [`VIP`] in the master's status.
fn service(scene: &Scene) -> Result<Value> {
    let status = scene.status(MASTER)?;
    let services = status["services"].as_array().context("no services")?;
    let address = VIP.address().to_string();
    services
        .iter()
        .find(|service| service["address"] == address.as_str())
        .cloned()
        .context("no such service")
}

/// The hosts that answer new connections, and how often.
fn ask(scene: &Scene) -> Result<BTreeMap<String, usize>> {
    let mut nodes = BTreeMap::new();
    for _ in 0..ASKED {
        let answer = scene.lab.get(VIP.address(), "/", None)?;
        *nodes.entry(answer.header("x-node").context("no node")?.to_owned()).or_default() += 1;
    }
    println!("{ASKED} new connections: {nodes:?}");
    Ok(nodes)
}

/// Connections recorded so far because the ring had changed under them.
fn recorded(scene: &Scene) -> Result<f64> {
    Ok(scene.lab.metrics(MASTER)?.sum(
        "vrrp_instance_events_total",
        &[("instance", VIP.router()), ("event", "flow_recorded")],
    ))
}

/// Downloads by the host that served them; all must be complete except those from `may_break`.
fn whole(
    what: &str,
    downloads: Downloads,
    mut may_break: usize,
) -> Result<BTreeMap<String, usize>> {
    let mut hosts = BTreeMap::new();
    for end in downloads.finish() {
        match end {
            Ok(host) => *hosts.entry(host).or_default() += 1,
            Err(error) if may_break > 0 => {
                println!("{what}: {error:#}");
                may_break -= 1;
            }
            Err(error) => return Err(error.context(what.to_owned())),
        }
    }
    println!("{what}: whole downloads from {hosts:?}");
    Ok(hosts)
}

/// Sets up a host that is no node as a direct-return backend of [`VIP`], as its administrator
/// would.
fn set_up_third(scene: &Scene) -> Result<(Daemon, Ipv4Addr)> {
    let (dir, netns) = (scene.lab.dir(THIRD), scene.lab.topology().host(THIRD));
    for (key, value) in [("arp_ignore", "1"), ("arp_announce", "2")] {
        output(
            netns
                .command("sysctl")?
                .args(["-w", &format!("net.ipv4.conf.{FRONT_IF}.{key}={value}")]),
        )?;
    }
    netns.ip(&[format!("addr add {}/32 dev lo", VIP.address())])?;
    let nginx = Daemon::start(
        "dns/nginx",
        daemons::nginx(&dir.join("nginx"), &netns, &daemons::nginx_conf(false), None)?,
        &dir.join("nginx.log"),
    )?;
    let address = THIRD.front().context("no address")?;
    wait_until("the third nginx", PATIENCE, || {
        netns.run(move || Ok(std::net::TcpStream::connect((address, HTTP_PORT))?)).is_ok()
    })?;
    Ok((nginx, address))
}

fn reload(scene: &Scene, text: &str) -> Result<()> {
    let paths = AgentPaths::below(&scene.lab.dir(MASTER.host()));
    let path = paths.dir.join("agent.toml");
    fs::write(&path, text)?;
    let reply = scene.vrrp_agent(MASTER, &["reload"])?;
    ensure!(reply.status.success(), "{reply:?}");
    Ok(())
}

/// Waits until the service has this many usable backends.
fn wait_for_backends(scene: &Scene, count: usize) -> Result<()> {
    wait_until(&format!("{count} usable backends"), PATIENCE, || {
        let service = service(scene).unwrap_or_default();
        let usable =
            |backend: &&Value| backend["usable"] == true && backend["slots"].as_u64() > Some(0);
        service["backends"].as_array().is_some_and(|all| all.iter().filter(usable).count() == count)
    })
}

#[test]
#[ignore = "needs root: network namespaces and XDP"]
fn downloads_outlive_a_drain_a_new_backend_and_the_death_of_another() -> Result<()> {
    let routers = Node::BOTH.map(|node| Router::AgentWith(config(node)));
    let [one, two] = routers;
    let mut scene = Scene::up(LabOptions::new(one, two).with_settings(&settings()))?;
    wait_for_backends(&scene, 2)?;
    let other = OTHER.front().to_string();

    let unknown = scene.vrrp_agent(MASTER, &["drain", "192.168.1.99"])?;
    let text = String::from_utf8_lossy(&unknown.stdout);
    ensure!(
        unknown.status.code() == Some(1)
            && text.contains("there are: 192.168.1.205:80, 192.168.1.206:80"),
        "{unknown:?}"
    );
    wait_until("the end of what began with the lab", DRAIN + PATIENCE, || {
        service(&scene).is_ok_and(|service| service["draining_seconds"].is_null())
    })?;
    let calm = recorded(&scene)?;
    ensure!(ask(&scene)?.len() == 2, "both serve");
    ensure!(recorded(&scene)? == calm, "nothing is remembered while nothing changes");

    let downloads = Downloads::start(&scene.lab, VIP, DOWNLOADS)?;
    sleep(RUN_UP);
    scene.expect_output(
        MASTER,
        &["drain", &other],
        0,
        "web1: 192.168.1.206:80 takes no new connections; those it has may stay for 25 s; 1 backend",
    )?;
    ensure!(
        ask(&scene)?.keys().eq([MASTER.host().name()]),
        "no new connections to the drained backend"
    );
    let status = scene.status_text(MASTER)?;
    ensure!(
        status.contains("up (drained ") && status.contains(", drains for "),
        "the status shows it:\n{status}"
    );
    ensure!(
        scene
            .lab
            .metrics(MASTER)?
            .sum("vrrp_backend_drained", &[("service", "web1"), ("backend", &other)])
            == 1.0,
        "the metric too"
    );
    ensure!(recorded(&scene)? > calm, "connections that begin in marked slots are remembered");
    ensure!(whole("a backend was drained", downloads, 0)?.len() == 2, "both served to the end");
    scene.expect_output(
        MASTER,
        &["drain", &other, "--service", "web1", "--undo"],
        0,
        "web1: 192.168.1.206:80 takes new connections again; 2 backends",
    )?;
    ensure!(ask(&scene)?.len() == 2, "at once");

    let (_nginx, third) = set_up_third(&scene)?;
    let downloads = Downloads::start(&scene.lab, VIP, DOWNLOADS)?;
    sleep(RUN_UP);
    let added = config(MASTER).replacen(
        "{ address = \"192.168.1.206\" }]",
        &format!("{{ address = \"192.168.1.206\" }}, {{ address = \"{third}\" }}]"),
        1,
    );
    reload(&scene, &added)?;
    wait_for_backends(&scene, 3)?;
    ensure!(whole("a backend was added", downloads, 0)?.len() == 2, "from where they began");
    ensure!(ask(&scene)?.contains_key(THIRD.name()), "the third one serves");

    let downloads = Downloads::start(&scene.lab, VIP, DOWNLOADS)?;
    sleep(RUN_UP);
    let killed = Instant::now();
    scene.lab.kill_nginx(OTHER)?;
    wait_for_backends(&scene, 2)?;
    println!("the dead backend was out of the ring after {:?}", killed.elapsed());
    let survivors = whole("a backend died", downloads, DOWNLOADS)?;
    ensure!(
        !survivors.contains_key(OTHER.host().name()) && survivors.len() == 2,
        "those of the others go on: {survivors:?}"
    );
    let broken = DOWNLOADS - survivors.values().sum::<usize>();
    let shares = fs::read_to_string(scene.lab.dir(MASTER.host()).join("agent.toml"))?;
    ensure!(
        broken > 0 && broken < DOWNLOADS && shares.contains(&third.to_string()),
        "{broken} broke with their backend"
    );

    wait_until("the end of the drain", DRAIN + PATIENCE, || {
        service(&scene).is_ok_and(|service| {
            service["draining_seconds"].is_null() && service["marked_slots"] == 0
        })
    })?;
    let settled = recorded(&scene)?;
    ask(&scene)?;
    ensure!(recorded(&scene)? == settled, "nothing is remembered any more");
    check_flips(&scene)?;
    scene.lab.down()
}

/// All flips were fast, within the limits of a machine that runs a whole lab.
fn check_flips(scene: &Scene) -> Result<()> {
    let flips = &scene.status(MASTER)?["flips"];
    println!("from decision to flip: {flips}");
    let buckets = flips["buckets"].as_array().context("no flips")?;
    let slow = buckets.iter().filter(|bucket| {
        bucket["up_to_seconds"].as_f64().is_none_or(|bound| bound > FLIP.as_secs_f64())
    });
    let counts = |bucket: &Value| bucket["count"].as_u64().unwrap_or(0);
    let all: u64 = buckets.iter().map(counts).sum();
    ensure!(all >= 4 && slow.map(counts).sum::<u64>() == 0, "{flips}");
    Ok(())
}
