//! Instructions per packet over whole paths: the XDP program's forwarding modes, compared with the
//! kernel's own balancer (IPVS).
//!
//! The guest's clock counts instructions, one nanosecond each. A count includes no cache misses and
//! no waiting for memory: figures of one kernel can be compared with each other, but do not predict
//! packets per second.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use vrrp_tests::agent::{self, AgentPaths};
use vrrp_tests::daemons::make_dir;
use vrrp_tests::line::{End, Line, Plan};
use vrrp_tests::names::{FRONT_IF, Host, Mac};
use vrrp_tests::netns::NetNs;
use vrrp_tests::options::agent_binary;
use vrrp_tests::process::{Daemon, output};
use vrrp_tests::xdp;

use crate::check::Checks;
use crate::site::{PATIENCE, wait_until};
use crate::story::router;

const PACKETS: u64 = 20_000;
const FLOWS: u16 = 100;
const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 9, 249);
const BACKEND: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 3);
/// A direct-return backend is on the segment of the virtual address: here the client's host has its
/// address.
const NEAR_BACKEND: Ipv4Addr = Ipv4Addr::new(192, 168, 9, 11);

/// One forwarding mode, by IPVS and by the agent, with a service each.
struct Way {
    name: &'static str,
    /// Option of ipvsadm.
    option: &'static str,
    ipvs_port: u16,
    own_port: u16,
    backend: Ipv4Addr,
    /// Where the packet arrives.
    host: Host,
}

const WAYS: [Way; 3] = [
    Way {
        name: "dr",
        option: "-g",
        ipvs_port: 5_001,
        own_port: 5_101,
        backend: NEAR_BACKEND,
        host: Host::Client,
    },
    Way {
        name: "nat",
        option: "-m",
        ipvs_port: 5_002,
        own_port: 5_102,
        backend: BACKEND,
        host: Host::Node2,
    },
    Way {
        name: "ipip",
        option: "-i",
        ipvs_port: 5_003,
        own_port: 5_103,
        backend: BACKEND,
        host: Host::Node2,
    },
];

pub fn run(checks: &mut Checks) -> Result<()> {
    output(Command::new("modprobe").arg("pktgen")).context("the kernel's packet generator")?;
    let line = line()?;
    let mut costs: BTreeMap<String, u64> = BTreeMap::new();
    let mut measure = |checks: &mut Checks, name: String, target: Ipv4Addr, port: u16, at: Host| {
        checks.check(&name.clone(), || {
            let cost = cost(&line, target, port, at)?;
            costs.insert(name, cost);
            Ok(format!("{cost} instructions per packet"))
        });
    };
    let director = line.host(Host::Node1);
    let drop = "qdisc replace dev eth1 ingress|filter replace dev eth1 ingress prio 1 protocol ip matchall action drop";
    tc(&director, drop)?;
    measure(checks, "generator and cable".to_owned(), VIP, 4_999, Host::Node1);
    tc(&director, "qdisc del dev eth1 ingress")?;
    for host in [Host::Node2, Host::Client] {
        tc(&line.host(host), drop)?;
    }
    measure(checks, "plain forwarding".to_owned(), BACKEND, 4_999, Host::Node2);
    if Path::new("/bin/ipvsadm").exists() {
        director.ip(&[format!("addr add {VIP}/32 dev {FRONT_IF}")])?;
        for Way { name, option, ipvs_port: port, backend, host, .. } in WAYS {
            ipvs(&director, &format!("-A -u {VIP}:{port} -s rr"))?;
            ipvs(&director, &format!("-a -u {VIP}:{port} -r {backend}:{port} {option}"))?;
            measure(checks, format!("IPVS {name}"), VIP, port, host);
        }
        ipvs(&director, "-C")?;
        director.ip(&[format!("addr del {VIP}/32 dev {FRONT_IF}")])?;
    } else {
        checks.skipped("IPVS", "no ipvsadm in this guest");
    }
    // Not before: frames of the stack would have to be copied for it.
    xdp::attach(&line.host(Host::Client), FRONT_IF, &xdp::pin_pass(&line.bpf_dir())?)?;
    let agent = start(&line)?;
    for Way { name, own_port, host, .. } in WAYS {
        measure(checks, format!("vrrp-agent {name}"), VIP, own_port, host);
    }
    drop_agent(agent);
    for Way { name, .. } in WAYS {
        let known = |by: &str| costs.get(&format!("{by} {name}")).copied();
        if let (Some(own), Some(kernel)) = (known("vrrp-agent"), known("IPVS")) {
            checks.check(&format!("{name} beside IPVS"), || {
                Ok(format!("{:.2} of its instructions", own as f64 / kernel as f64))
            });
        }
    }
    line.down()
}

fn drop_agent(mut agent: Daemon) {
    agent.kill_group();
}

fn line() -> Result<Line> {
    let end = |ifindex, last: u8, address| End { ifindex, mac: [2, 0, 0, 9, 0, last], address };
    let plan = Plan {
        client: end(10, 1, Ipv4Addr::new(192, 168, 9, 10)),
        front: end(11, 2, Ipv4Addr::new(192, 168, 9, 2)),
        back: end(12, 3, Ipv4Addr::new(10, 9, 0, 2)),
        backend: end(13, 4, BACKEND),
    };
    let line = Line::up("vm-test cost", &plan)?;
    line.host(Host::Node1)
        .run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("forwarding"))?;
    line.host(Host::Client).ip(&[format!("addr add {NEAR_BACKEND}/24 dev {FRONT_IF}")])?;
    Ok(line)
}

/// Instructions for one packet of the client to `target`, from the generator to the drop at the
/// backend.
fn cost(line: &Line, target: Ipv4Addr, port: u16, at: Host) -> Result<u64> {
    let backend = line.host(at);
    // The first run creates routes and connections and warms up code.
    generate(line, target, port)?;
    let before = received(&backend)?;
    let took = generate(line, target, port)?;
    let arrived = received(&backend)? - before;
    ensure!(arrived >= PACKETS * 99 / 100, "{arrived} of {PACKETS} packets arrived");
    Ok(took.as_nanos() as u64 / PACKETS)
}

/// Sends the packets from the client by pktgen; returns the time that it took.
fn generate(line: &Line, target: Ipv4Addr, port: u16) -> Result<Duration> {
    let target_mac = Mac([2, 0, 0, 9, 0, 2]);
    line.host(Host::Client).run(move || {
        let write = |file: &str, line: &str| {
            std::fs::write(format!("/proc/thread-self/net/pktgen/{file}"), format!("{line}\n"))
                .with_context(|| format!("pktgen: {line}"))
        };
        write("kpktgend_0", "rem_device_all")?;
        write("kpktgend_0", &format!("add_device {FRONT_IF}"))?;
        for line in [
            format!("count {PACKETS}"),
            "clone_skb 0".to_owned(),
            "pkt_size 60".to_owned(),
            "delay 0".to_owned(),
            format!("dst {target}"),
            format!("dst_mac {target_mac}"),
            format!("udp_dst_min {port}"),
            format!("udp_dst_max {port}"),
            "udp_src_min 2000".to_owned(),
            format!("udp_src_max {}", 2_000 + FLOWS),
            "flag UDPSRC_RND".to_owned(),
        ] {
            write(FRONT_IF, &line)?;
        }
        write("pgctrl", "start")?;
        // The write returns a while after the generator has finished.
        let result = std::fs::read_to_string(format!("/proc/thread-self/net/pktgen/{FRONT_IF}"))
            .context("pktgen's result")?;
        took(&result).with_context(|| format!("no result of pktgen: {result}"))
    })
}

/// Reads `Result: OK: 133434(c133000+d434) usec, 20000 (60byte,0frags)`.
fn took(text: &str) -> Option<Duration> {
    let rest = text.split_once("Result: OK: ")?.1;
    Some(Duration::from_micros(rest.split_once('(')?.0.trim().parse().ok()?))
}

fn received(netns: &NetNs) -> Result<u64> {
    let text = output(Command::new("ip").args([
        "-n",
        netns.name(),
        "-s",
        "-j",
        "link",
        "show",
        "dev",
        FRONT_IF,
    ]))?;
    let links: serde_json::Value = serde_json::from_str(&text).context("counters")?;
    links[0]["stats64"]["rx"]["packets"].as_u64().context("a counter")
}

/// Starts the agent in place of IPVS, with a service for each mode.
fn start(line: &Line) -> Result<Daemon> {
    let dir = line.bpf_dir().with_file_name("agent");
    make_dir(&dir)?;
    let paths = AgentPaths::below(&dir);
    agent::mount_bpf(&paths.bpf_dir)?;
    let mut text = format!(
        "node = \"director\"\napi_socket = \"/run/vrrp-agent/api.sock\"\nbpf_dir = \"/sys/fs/bpf/vrrp-agent\"\nmetrics = false\n\n{}",
        router("VI", FRONT_IF, 91, 100, &format!("\"{VIP}\""))
    );
    for Way { name, own_port, backend, .. } in WAYS {
        text.push_str(&format!(
            "[[service]]\nname = \"{name}\"\naddress = \"{VIP}\"\nport = {own_port}\nprotocol = \"udp\"\ncheck = {{ type = \"none\" }}\n\
             backends = [{{ address = \"{backend}\", forward = \"{name}\" }}]\n\n"
        ));
    }
    let command = agent::daemon(&agent_binary(), &paths, &line.host(Host::Node1), &text)?;
    let log = dir.join("agent.log");
    let daemon = Daemon::start("director", command, &log)?;
    let ready = || {
        let status = output(
            Command::new(agent_binary())
                .args(["status", "--json", "--socket"])
                .arg(&paths.api_socket),
        );
        let status: serde_json::Value =
            status.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let usable = |service: &serde_json::Value| service["backends"][0]["usable"] == true;
        status["routers"][0]["role"] == "master"
            && status["services"].as_array().is_some_and(|all| all.iter().all(usable))
    };
    if wait_until("the director's agent", PATIENCE, ready).is_err() {
        bail!(
            "the agent is not master with usable backends: {}",
            std::fs::read_to_string(&log).unwrap_or_default()
        );
    }
    Ok(daemon)
}

fn ipvs(netns: &NetNs, line: &str) -> Result<()> {
    let mut command = netns.command("ipvsadm")?;
    output(command.args(line.split(' '))).map(drop)
}

/// Lines for `tc`, separated by `|`.
fn tc(netns: &NetNs, lines: &str) -> Result<()> {
    for line in lines.split('|') {
        output(netns.command("tc")?.args(line.split(' '))).with_context(|| format!("tc {line}"))?;
    }
    Ok(())
}
