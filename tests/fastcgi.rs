//! nginx without a list of php-fpm hosts: it connects to an address that no host has, and the
//! agent's socket programs choose the backend.
//!
//! The client sends requests directly to one node's nginx. nginx never sends a POST twice, so the
//! POST is lost if its php-fpm is killed. A GET is sent again. Two records show which requests a
//! killed php-fpm had: the page notes when php begins and ends a request, and nginx logs its step
//! when a connection broke. A request that nginx had sent already was on an established connection;
//! such connections exist only to a php-fpm that was running.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use vrrp_tests::daemons::nginx_conf;
use vrrp_tests::http::Response;
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{FASTCGI_PORT, HTTP_PORT};
use vrrp_tests::process::output;
use vrrp_tests::scene::Scene;
use vrrp_tests::{Host, LabOptions, Node, Router};

const NODE: Node = Node::Node1;
/// The upstream's address in the example.
const UPSTREAM: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 100), FASTCGI_PORT);
/// Fewer than the workers of php-fpm on two hosts: no request waits in a queue.
const CLIENTS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(5);

/// One agent and its node's nginx; the other node is not involved.
fn up() -> Result<Site> {
    let settings = Settings { track_nginx: false, ..Settings::fast() };
    let scene =
        Scene::up(LabOptions::new(Router::Agent, Router::Nothing).with_settings(&settings))?;
    let journal = scene.lab.dir(NODE.host()).join("served");
    fs::write(&journal, "")?;
    let page = format!(
        "<?php\nfunction note($what) {{ file_put_contents('{}', $_GET['n'].' '.gethostname().\" $what\\n\", FILE_APPEND | LOCK_EX); }}\n\
         note('begin'); usleep(20000); note('end'); echo gethostname();\n",
        journal.display()
    );
    fs::set_permissions(&journal, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
    fs::write(scene.lab.dir(NODE.host()).join("nginx/html/who.php"), page)?;
    let site = Site { scene, journal };
    site.backends_when("all in use", |all| {
        all.len() == 3 && all.values().all(|backend| backend["usable"] == true)
    })?;
    Ok(site)
}

struct Site {
    scene: Scene,
    journal: PathBuf,
}

impl Site {
    /// The backends in the agent's status, by host.
    fn backends(&self) -> Result<BTreeMap<String, Value>> {
        let status = self.scene.status(NODE)?;
        let upstream = status["upstreams"].get(0).context("the status has no upstream")?;
        ensure!(upstream["attached"] == true, "nothing is steered: {upstream}");
        let name = |backend: &Value| {
            let host = Host::PHP
                .into_iter()
                .find(|host| backend["address"] == format!("{}:{FASTCGI_PORT}", address(*host)));
            host.map(|host| (host.to_string(), backend.clone()))
        };
        Ok(upstream["backends"]
            .as_array()
            .context("no backends")?
            .iter()
            .filter_map(name)
            .collect())
    }

    fn backends_when(
        &self,
        what: &str,
        wanted: impl Fn(&BTreeMap<String, Value>) -> bool,
    ) -> Result<BTreeMap<String, Value>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let last = self.backends();
            match last {
                Ok(all) if wanted(&all) => return Ok(all),
                last if Instant::now() >= deadline => {
                    bail!("not {what}; last seen: {last:?}; {}", self.scene.log(NODE))
                }
                _ => sleep(Duration::from_millis(20)),
            }
        }
    }

    fn in_flight(&self) -> Result<BTreeMap<String, u64>> {
        Ok(self
            .backends()?
            .into_iter()
            .map(|(host, backend)| (host, backend["in_flight"].as_u64().unwrap_or(0)))
            .collect())
    }

    /// Connections of the node's nginx to each php-fpm, from the kernel's own list.
    fn held(&self) -> Result<BTreeMap<String, u64>> {
        let netns = self.scene.lab.topology().host(NODE.host());
        let mut command = Command::new("ip");
        command.args([
            "netns",
            "exec",
            netns.name(),
            "ss",
            "-Htnp",
            "dport",
            "=",
            &FASTCGI_PORT.to_string(),
        ]);
        let text = output(&mut command)?;
        let of = |host: Host| {
            let to = format!(" {}:{FASTCGI_PORT} ", address(host));
            let count = text
                .lines()
                .filter(|line| line.contains("\"nginx\"") && line.contains(&to))
                .count();
            (host.to_string(), count as u64)
        };
        Ok(Host::PHP.into_iter().map(of).collect())
    }

    /// Waits until the agent's counts equal the kernel's list.
    fn counts_are_right(&self) -> Result<BTreeMap<String, u64>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (counted, held) = (self.in_flight()?, self.held()?);
            if counted == held {
                return Ok(held);
            }
            ensure!(Instant::now() < deadline, "counted {counted:?}, but there are {held:?}");
            sleep(Duration::from_millis(20));
        }
    }

    fn load(&self, method: &'static str) -> Result<Load> {
        Load::start(&self.scene, method)
    }

    /// Numbers of the requests that `host` began to serve and did not end.
    fn begun_and_not_ended(&self, host: Host) -> Result<BTreeSet<u32>> {
        let text = fs::read_to_string(&self.journal)?;
        let of = |what: &str| -> BTreeSet<u32> {
            let ending = format!(" {host} {what}");
            text.lines().filter_map(|line| line.strip_suffix(&ending)?.parse().ok()).collect()
        };
        Ok(&of("begin") - &of("end"))
    }

    /// Numbers of the requests whose connection to php-fpm broke after nginx had sent them.
    fn broken_after_sending(&self) -> Result<BTreeSet<u32>> {
        let log = fs::read_to_string(self.scene.lab.dir(NODE.host()).join("nginx/logs/error.log"))?;
        let sent =
            log.lines().filter(|line| line.contains("while reading response header from upstream"));
        let number = |line: &str| line.split_once("?n=")?.1.split(' ').next()?.parse().ok();
        Ok(sent.filter_map(number).collect())
    }
}

fn address(host: Host) -> Ipv4Addr {
    host.back().expect("php hosts are on the back network")
}

/// The result of a request.
struct Sample {
    number: u32,
    sent: Instant,
    /// The host that served it, or the reason of the failure.
    outcome: Result<String, String>,
}

/// Clients that send requests one after the other, each on a new connection to nginx.
struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Result<Vec<Sample>>>>,
}

impl Load {
    fn start(scene: &Scene, method: &'static str) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let stop = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let stop = Arc::clone(&stop);
            scene.lab.topology().host(Host::Client).spawn(move || {
                let mut samples = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let number = NEXT.fetch_add(1, Ordering::Relaxed);
                    let sent = Instant::now();
                    samples.push(Sample {
                        number,
                        sent,
                        outcome: ask(method, number).map_err(|error| format!("{error:#}")),
                    });
                }
                Ok(samples)
            })
        };
        Ok(Self { clients: (0..CLIENTS).map(client).collect::<Result<_>>()?, stop })
    }

    fn stop(self) -> Result<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut samples = Vec::new();
        for client in self.clients {
            match client.join() {
                Ok(seen) => samples.extend(seen?),
                Err(_) => bail!("a client panicked"),
            }
        }
        Ok(samples)
    }
}

/// One request to the node's nginx; the host that served it.
fn ask(method: &str, number: u32) -> Result<String> {
    let mut stream = TcpStream::connect((NODE.front(), HTTP_PORT))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(
        format!("{method} /who.php?n={number} HTTP/1.0\r\nContent-Length: 0\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = Response::parse(&answer)?;
    ensure!(answer.status == 200, "status {}", answer.status);
    Ok(answer.body)
}

fn lost(samples: &[Sample]) -> Vec<&Sample> {
    samples.iter().filter(|sample| sample.outcome.is_err()).collect()
}

fn told(samples: &[&Sample]) -> String {
    samples
        .iter()
        .map(|sample| format!("{}: {:?}", sample.number, sample.outcome))
        .collect::<Vec<_>>()
        .join(", ")
}

/// How many requests each host served.
fn served<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> BTreeMap<&'a str, usize> {
    let mut count = BTreeMap::new();
    for host in samples.into_iter().filter_map(|sample| sample.outcome.as_ref().ok()) {
        *count.entry(host.as_str()).or_default() += 1;
    }
    count
}

#[test]
#[ignore = "needs root: network namespaces, XDP, cgroups"]
fn requests_are_spread_over_all_php_hosts_and_counted() -> Result<()> {
    let site = up()?;
    let load = site.load("GET")?;
    sleep(Duration::from_secs(2));
    let busy = site.in_flight()?;
    let samples = load.stop()?;
    let spread = served(&samples);
    println!("{} requests: {spread:?}; in flight under load: {busy:?}", samples.len());
    ensure!(lost(&samples).is_empty(), "lost: {}", told(&lost(&samples)));
    let least = samples.len() / 6;
    ensure!(spread.len() == 3 && spread.values().all(|&count| count > least), "spread: {spread:?}");
    ensure!(busy.values().sum::<u64>() <= CLIENTS as u64, "in flight: {busy:?}");
    let idle =
        site.backends_when("idle", |all| all.values().all(|backend| backend["in_flight"] == 0))?;
    let connects: u64 = idle.values().filter_map(|backend| backend["connects"].as_u64()).sum();
    ensure!(connects == samples.len() as u64, "{connects} connects of {} requests", samples.len());
    ensure!(idle.values().all(|backend| backend["failures"] == 0), "failures: {idle:?}");
    let metrics = site.scene.lab.metrics(NODE)?;
    ensure!(
        metrics.sum("vrrp_upstream_connects_total", &[("upstream", "php")]) == connects as f64,
        "the metrics agree"
    );

    // The peer address that the process sees.
    let upstream = SocketAddr::V4(UPSTREAM);
    let stream = site.scene.lab.connect_as_nginx(NODE, upstream)?;
    ensure!(stream.peer_addr()? == upstream, "getpeername returns {}", stream.peer_addr()?);
    ensure!(
        site.in_flight()?.values().sum::<u64>() == 1,
        "one connection is in flight: {:?}",
        site.in_flight()?
    );
    drop(stream);
    ensure!(site.in_flight()?.values().sum::<u64>() == 0, "and then none: {:?}", site.in_flight()?);
    let outside = site.scene.lab.topology().host(NODE.host());
    let outcome = outside.run(move || {
        Ok(TcpStream::connect_timeout(&upstream, Duration::from_millis(500)).is_ok())
    })?;
    ensure!(!outcome, "a process outside the cgroup is steered");
    site.scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces, XDP, cgroups"]
fn a_killed_php_takes_only_what_it_was_serving_and_returns() -> Result<()> {
    const VICTIM: Host = Host::PHP[1];
    let mut site = up()?;
    for method in ["POST", "GET"] {
        let load = site.load(method)?;
        sleep(Duration::from_secs(1));
        site.scene.lab.kill_php(VICTIM)?;
        let killed = Instant::now();
        let serving = site.begun_and_not_ended(VICTIM)?;
        sleep(Duration::from_secs(2));
        let samples = load.stop()?;
        let lost = lost(&samples);
        let after = served(samples.iter().filter(|sample| sample.sent > killed));
        println!(
            "{method}: {} requests, {} lost, {} were being served; then {after:?}",
            samples.len(),
            lost.len(),
            serving.len()
        );
        if method == "GET" {
            ensure!(lost.is_empty(), "lost although they may be sent again: {}", told(&lost));
        }
        let sent = site.broken_after_sending()?;
        println!("{method}: nginx had sent {} requests to it", sent.len());
        let had = &serving | &sent;
        let innocent: Vec<&Sample> =
            lost.into_iter().filter(|sample| !had.contains(&sample.number)).collect();
        ensure!(
            innocent.is_empty(),
            "lost though {VICTIM} was not serving them: {}",
            told(&innocent)
        );
        ensure!(
            after.len() == 2 && !after.contains_key(VICTIM.name()),
            "served after the kill: {after:?}"
        );
        let seen = site.backends_when("found dead", |all| all[VICTIM.name()]["state"] == "down")?;
        println!("{method}: {} connects failed", seen[VICTIM.name()]["failures"]);

        fs::write(&site.journal, "")?;
        site.scene.lab.start_php(VICTIM)?;
        site.backends_when("back", |all| all[VICTIM.name()]["usable"] == true)?;
        let load = site.load(method)?;
        sleep(Duration::from_secs(1));
        let samples = load.stop()?;
        let spread = served(&samples);
        println!("{method}: back again: {spread:?}");
        ensure!(
            samples.iter().all(|sample| sample.outcome.is_ok()) && spread.len() == 3,
            "back again: {spread:?}"
        );
    }
    site.scene.lab.down()
}

#[test]
#[ignore = "needs root: network namespaces, XDP, cgroups"]
fn steering_and_counts_outlive_the_agent_with_kept_connections() -> Result<()> {
    let mut site = up()?;
    site.scene.lab.kill_nginx(NODE)?;
    let kept = nginx_conf(true)
        .replace("upstream php {", "upstream php {\n        keepalive 3;")
        .replace("fastcgi_pass php;", "fastcgi_pass php;\n            fastcgi_keep_conn on;");
    site.scene.lab.start_nginx_with(NODE, &kept)?;
    let load = site.load("GET")?;
    sleep(Duration::from_secs(1));
    let samples = load.stop()?;
    let held = site.counts_are_right()?;
    let connects: u64 =
        site.backends()?.values().filter_map(|backend| backend["connects"].as_u64()).sum();
    println!("{} requests over {connects} connections, kept: {held:?}", samples.len());
    ensure!(lost(&samples).is_empty(), "lost: {}", told(&lost(&samples)));
    ensure!(
        held.values().sum::<u64>() > 0 && connects < samples.len() as u64,
        "connections are kept: {held:?}, {connects}"
    );

    let load = site.load("GET")?;
    site.scene.lab.kill_router(NODE)?;
    sleep(Duration::from_secs(1));
    let samples = load.stop()?;
    let spread = served(&samples);
    println!("without an agent: {spread:?}");
    ensure!(
        lost(&samples).is_empty() && spread.len() == 3,
        "without an agent: {spread:?} {}",
        told(&lost(&samples))
    );

    site.scene.lab.start_router(NODE)?;
    site.backends_when("known again", |all| {
        all.len() == 3 && all.values().all(|backend| backend["usable"] == true)
    })?;
    let held = site.counts_are_right()?;
    println!("started again: {held:?} kept");
    ensure!(held.values().sum::<u64>() > 0, "connections of before are still there");
    // nginx closes all of them.
    site.scene.lab.kill_nginx(NODE)?;
    site.backends_when("at rest", |all| all.values().all(|backend| backend["in_flight"] == 0))?;
    site.scene.lab.down()
}
