//! The HTTP part of `bench live`: one nginx, with requests from wrk over four different paths.
//!
//! Two labs run at once, one with our agents and one without any router, and are measured in turns.
//! The server is always node 2's nginx. All paths except the direct one lead through node 1.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;
use vrrp_tests::daemons::{program, write};
use vrrp_tests::keepalived::Settings;
use vrrp_tests::names::{FRONT_IF, HTTP_PORT, Host, Vip};
use vrrp_tests::process::{output, run as run_command, wait_until};
use vrrp_tests::table::{self, Spread};
use vrrp_tests::{Lab, LabOptions, Node, Router};

use crate::lab;

const SECONDS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 32;
/// Bytes of the requested page.
const PAGE_LEN: usize = 1024;
const PAGE: &str = "page";

/// The path of a request to node 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    Direct,
    DirectReturn,
    Nft,
}

impl Way {
    const ALL: [Self; 3] = [Self::Direct, Self::DirectReturn, Self::Nft];

    fn name(self) -> &'static str {
        match self {
            Self::Direct => "to the server itself",
            Self::DirectReturn => "vrrp-agent, direct return",
            Self::Nft => "nft DNAT",
        }
    }
}

#[derive(Debug, Clone, Serialize)]
struct Run {
    way: Way,
    /// Opens a connection for each request.
    closing: bool,
    #[serde(flatten)]
    seen: Seen,
}

/// The result of wrk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Seen {
    per_second: f64,
    /// Milliseconds since the request was sent; the handshake of a new connection is not included.
    p50_ms: f64,
    p99_ms: f64,
}

pub fn run(rounds: u32) -> Result<Value> {
    // node 1 stays master without an nginx of its own, which leaves node 2 as the only backend.
    let settings = Settings { track_nginx: false, ..Settings::default() };
    let agents = LabOptions::new(Router::Agent, Router::Agent).with_settings(&settings);
    let mut ours = Lab::up(lab::prepare(agents)?)?;
    ours.kill_nginx(Node::Node1)?;
    let plain = Lab::without_routers(LabOptions::new(Router::Nothing, Router::Nothing))?;
    translate(&plain)?;
    let page = "x".repeat(PAGE_LEN);
    for lab in [&ours, &plain] {
        write(&lab.dir(Host::Node2).join("nginx/html").join(PAGE), &page)?;
    }
    let place = |way| match way {
        Way::Direct => (&plain, Node::Node2.front()),
        Way::DirectReturn => (&ours, Vip::Vip1.address()),
        Way::Nft => (&plain, Vip::Vip1.address()),
    };
    for way in Way::ALL {
        let (lab, address) = place(way);
        let mut seen = Ok(());
        // Waits until the agents have noticed that node 1 has no nginx.
        let waited = wait_until("the page from node 2", PATIENCE, || {
            seen = check(lab, address, &page);
            seen.is_ok()
        });
        seen.and(waited).with_context(|| way.name())?;
    }
    let mut runs = Vec::new();
    for round in 0..rounds {
        eprintln!("requests, round {} of {rounds} ...", round + 1);
        for (closing, way) in
            [false, true].into_iter().flat_map(|closing| Way::ALL.map(|way| (closing, way)))
        {
            let (lab, address) = place(way);
            let seen = ask(lab, address, closing).with_context(|| way.name())?;
            runs.push(Run { way, closing, seen });
        }
    }
    plain.down()?;
    ours.down()?;
    print(&runs);
    Ok(serde_json::to_value(&runs)?)
}

/// Node 1 has the first virtual address and translates it to node 2, whose answers return through
/// it. Nothing else is translated, and closed connections are soon removed from conntrack: the most
/// favourable case for nft.
fn translate(lab: &Lab) -> Result<()> {
    let (vip, node1, node2) = (Vip::Vip1.address(), Node::Node1.front(), Node::Node2.front());
    let client = Host::Client.front().context("the client has no address")?;
    let gateway = lab.topology().host(Host::Node1);
    gateway.ip(&[format!("addr add {vip}/24 dev {FRONT_IF}")])?;
    let table = format!(
        "table ip bench {{\nchain in {{\ntype nat hook prerouting priority dstnat; policy accept;\n\
         ip daddr {vip} tcp dport {HTTP_PORT} dnat to {node2}\n}}\n}}"
    );
    run_command(gateway.command(&program("nft")?)?.arg(table))?;
    gateway.run(|| {
        for (key, value) in [
            ("ipv4/ip_forward", "1"),
            ("ipv4/conf/all/send_redirects", "0"),
            ("ipv4/conf/eth1/send_redirects", "0"),
            ("netfilter/nf_conntrack_tcp_timeout_time_wait", "1"),
        ] {
            std::fs::write(Path::new("/proc/sys/net").join(key), value)
                .with_context(|| format!("setting {key}"))?;
        }
        Ok(())
    })?;
    lab.topology()
        .host(Host::Node2)
        .ip(&[format!("route add {client}/32 via {node1} dev {FRONT_IF}")])
}

/// Checks that the right node sent the right page.
fn check(lab: &Lab, address: Ipv4Addr, page: &str) -> Result<()> {
    let answer = lab.get(address, &format!("/{PAGE}"), None)?;
    let node = answer.header("x-node").unwrap_or("no node");
    ensure!(
        answer.status == 200 && answer.body == page,
        "status {}, {} bytes",
        answer.status,
        answer.body.len()
    );
    ensure!(node == Host::Node2.name(), "{node} has answered");
    Ok(())
}

fn ask(lab: &Lab, address: Ipv4Addr, closing: bool) -> Result<Seen> {
    let mut command = lab.topology().host(Host::Client).command(&program("wrk")?)?;
    command.args(["--threads", "1", "--latency"]);
    command.args([format!("--connections={CONNECTIONS}"), format!("--duration={SECONDS}s")]);
    if closing {
        command.args(["--header", "Connection: close"]);
    }
    let text = output(command.arg(format!("http://{address}:{HTTP_PORT}/{PAGE}")))?;
    if text.contains("Socket errors") || text.contains("Non-2xx") {
        bail!("requests have failed: {text}");
    }
    parse(&text).with_context(|| format!("parsing wrk's output: {text}"))
}

fn parse(text: &str) -> Option<Seen> {
    let after =
        |word: &str| text.lines().find_map(|line| line.trim().strip_prefix(word)).map(str::trim);
    Some(Seen {
        per_second: after("Requests/sec:")?.parse().ok()?,
        p50_ms: parse_millis(after("50%")?)?,
        p99_ms: parse_millis(after("99%")?)?,
    })
}

/// `512.00us`, `1.20ms`, `2.00s`.
fn parse_millis(text: &str) -> Option<f64> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let factor = match unit {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

fn print(runs: &[Run]) {
    println!(
        "\nwrk, {CONNECTIONS} connections, {PAGE_LEN} bytes from node 2's nginx; median (least..most) of {SECONDS} s each."
    );
    let mut rows = Vec::new();
    for closing in [false, true] {
        for way in Way::ALL {
            let of = |figure: fn(&Seen) -> f64| {
                Spread::of(
                    runs.iter()
                        .filter(|run| (run.way, run.closing) == (way, closing))
                        .map(|run| figure(&run.seen)),
                )
            };
            let millis = |figure| {
                of(figure).map_or("-".to_owned(), |s| {
                    format!("{:.2} ({:.2}..{:.2})", s.median, s.least, s.most)
                })
            };
            let kind = if closing { "a connection each" } else { "kept connections" };
            rows.push(vec![
                way.name().to_owned(),
                kind.to_owned(),
                Spread::text(of(|seen| seen.per_second)),
                millis(|seen| seen.p50_ms),
                millis(|seen| seen.p99_ms),
            ]);
        }
    }
    table::print(&["way", "connections", "requests/s", "p50, ms", "p99, ms"], &rows);
}

#[cfg(test)]
mod tests;
