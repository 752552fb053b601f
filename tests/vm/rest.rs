//! Upstreams, capture, detach, and the kernel's log of all parts.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use vrrp_tests::names::{FRONT_IF, Host, Node, Vip};
use vrrp_tests::process::output;
use vrrp_tests::{cgroup, inject};

use crate::check::Checks;
use crate::failover::addresses;
use crate::site::{PATIENCE, Site, succeeded, wait_until};
use crate::story::{GATEWAY, NAT_BACKENDS, UPSTREAM, VIP6};

const NODE: Node = Node::Node1;
const CONNECTIONS: usize = 8;
/// The most forged adverts, sent until the capture has seen one.
const FORGED: usize = 20;

pub fn upstreams(checks: &mut Checks, site: &mut Site) {
    checks.check("connections go to both backends, and the peer is the upstream's address", || {
        let streams = connect(site, CONNECTIONS)?;
        for stream in &streams {
            ensure!(
                stream.peer_addr()? == SocketAddr::from(UPSTREAM),
                "the peer is {}",
                stream.peer_addr()?
            );
        }
        let counts = in_flight(site)?;
        ensure!(
            counts.iter().all(|count| *count == CONNECTIONS as u64 / 2),
            "in flight: {counts:?}"
        );
        Ok(format!("{CONNECTIONS} connections, in flight: {counts:?}"))
    });
    checks.check("a dead backend gets no connection", || {
        site.servers.retain(|server| (server.host, server.port) != (NAT_BACKENDS[0], UPSTREAM.1));
        let status = || -> Result<bool> {
            let status = site.status(NODE)?;
            Ok(status["upstreams"][0]["backends"][0]["state"] != "up")
        };
        wait_until("a backend that is down", PATIENCE, || status().unwrap_or(false))?;
        let streams = connect(site, CONNECTIONS)?;
        let counts = in_flight(site)?;
        ensure!(counts == [0, CONNECTIONS as u64], "in flight: {counts:?}");
        drop(streams);
        site.serve(NAT_BACKENDS[0], UPSTREAM.1)?;
        Ok(format!("in flight: {counts:?}"))
    });
}

/// Connections of the node itself, from its cgroup.
fn connect(site: &Site, count: usize) -> Result<Vec<TcpStream>> {
    let steered = site.paths(NODE).cgroup.context("no cgroup")?;
    let home = cgroup::home(0)?;
    // The whole process enters the cgroup: a socket belongs to the cgroup of the process that made
    // it.
    cgroup::enter(&steered, 0)?;
    let streams = site.netns(NODE.host()).run(move || {
        let address = SocketAddr::from(UPSTREAM);
        (0..count)
            .map(|_| {
                TcpStream::connect_timeout(&address, Duration::from_secs(3)).context("connecting")
            })
            .collect()
    });
    cgroup::enter(&home, 0)?;
    streams
}

fn in_flight(site: &Site) -> Result<Vec<u64>> {
    let status = site.status(NODE)?;
    let backends = status["upstreams"][0]["backends"].as_array().context("an upstream")?.clone();
    Ok(backends.iter().filter_map(|backend| backend["in_flight"].as_u64()).collect())
}

pub fn capture(checks: &mut Checks, site: &Site) {
    checks.check("a dropped advert is captured with its reason", || {
        let bpf_dir = site.paths(NODE).bpf_dir.to_string_lossy().into_owned();
        let client = Host::Client.front().context("an address")?;
        let frame = inject::stranger(client, NODE, Vip::Vip1.vrid(), 64, Vip::Vip1.address());
        std::thread::scope(|scope| {
            let words = [
                "capture",
                "--reason",
                "ttl",
                "--count",
                "1",
                "--time",
                "20",
                "--bpf-dir",
                &bpf_dir,
            ];
            let captured = scope.spawn(move || succeeded(&site.agent(NODE, &words)?));
            for _ in 0..FORGED {
                if captured.is_finished() {
                    break;
                }
                inject::send_raw(&site.netns(Host::Client), frame.clone())?;
                sleep(Duration::from_millis(300));
            }
            let text = captured.join().map_err(|_| anyhow::anyhow!("the capture panicked"))??;
            ensure!(
                text.contains("ttl") && text.contains("192.168.1.10 > 192.168.1.205"),
                "{text}"
            );
            Ok(text.lines().next().unwrap_or_default().to_owned())
        })
    });
}

pub fn detach(checks: &mut Checks, site: &mut Site) {
    for node in Node::BOTH {
        checks.check(&format!("{node}: after kill -9, detach twice"), || {
            site.kill(node)?;
            let paths = site.paths(node);
            let (bpf_dir, socket) =
                (paths.bpf_dir.to_string_lossy().into_owned(), paths.api_socket);
            for time in ["first", "second"] {
                let words =
                    ["detach", "--bpf-dir", &bpf_dir, "--socket", &socket.to_string_lossy()];
                succeeded(&site.agent(node, &words)?)
                    .with_context(|| format!("the {time} time"))?;
            }
            Ok("both succeed".to_owned())
        });
        checks.check(&format!("{node}: nothing is left"), || left(site, node));
    }
}

/// Fails if virtual addresses, programs or pins are left.
fn left(site: &Site, node: Node) -> Result<String> {
    let addresses = addresses(site, node)?;
    let own = [
        Vip::Vip1.address().to_string(),
        Vip::Vip2.address().to_string(),
        GATEWAY.to_string(),
        VIP6.to_string(),
    ];
    for address in own.iter().chain([&"fe80::249".to_owned(), &"fe80::254".to_owned()]) {
        ensure!(!addresses.contains(&format!(" {address}/")), "{address} is left");
    }
    let netns = site.netns(node.host());
    let show = |words: &[&str]| output(Command::new("ip").args(["-n", netns.name()]).args(words));
    let links = show(&["-d", "link", "show"])?;
    ensure!(!links.contains("xdp"), "a program is left: {links}");
    let routes = show(&["route", "show", "table", "local", "proto", "18"])?;
    ensure!(routes.trim().is_empty(), "routes are left: {routes}");
    let pins = below(&site.paths(node).bpf_dir);
    ensure!(pins.is_empty(), "pinned: {pins:?}");
    Ok(format!("no address, no program on {FRONT_IF}, no route, no pin"))
}

/// Files below a directory.
fn below(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>());
    let entries = entries.unwrap_or_default();
    entries
        .into_iter()
        .flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] })
        .collect()
}

/// Lines with which a kernel reports an internal error.
const COMPLAINTS: &[&str] =
    &["WARNING:", "BUG:", "BUG ", "Oops", "general protection", "INFO: task", "refcount_t"];

pub fn kernel_log(checks: &mut Checks) {
    checks.check("no warning and no bug", || {
        let text = output(&mut Command::new("dmesg"))?;
        let told: Vec<&str> = text
            .lines()
            .filter(|line| COMPLAINTS.iter().any(|words| line.contains(words)))
            .collect();
        if !told.is_empty() {
            bail!("{}", told.join("\n"));
        }
        Ok(format!("{} lines", text.lines().count()))
    });
}
