//! Attacks that once took over an address, a backend or the memory of the host: the pair keeps
//! serving during them.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use vrrp_tests::inject::{datagram, send_all};
use vrrp_tests::names::{METRICS_PORT, Vip};
use vrrp_tests::process::{output, run};
use vrrp_tests::{Host, Lab, LabOptions, Node, Router};

const ATTACKED: Node = Node::Node1;
const HALF_OPEN: usize = 1_000;
/// Descriptors that the agent has left beyond those in use: fewer than its servers would open.
const SPARE: usize = 24;
/// A check of the lab's services fails within its interval of 250 ms and its time limit of 200 ms.
const SEVERAL_CHECKS: Duration = Duration::from_secs(4);

fn status(lab: &Lab) -> Result<Value> {
    let text = output(&mut lab.vrrp_agent(ATTACKED, &["status", "--json"]))?;
    serde_json::from_str(&text).context("reading the status")
}

fn pid(lab: &Lab) -> u64 {
    status(lab).expect("a status")["pid"].as_u64().expect("a process id")
}

/// Every backend of every service accepts connections, and every script succeeds.
fn check_all_is_well(lab: &Lab) -> Result<()> {
    let status = status(lab)?;
    for service in status["services"].as_array().context("services")? {
        for backend in service["backends"].as_array().context("backends")? {
            ensure!(backend["state"] == "up", "{backend}");
        }
    }
    for script in status["scripts"].as_array().context("scripts")? {
        ensure!(script["state"] == "good", "{script}");
    }
    let answer = lab.get(Vip::Vip1.address(), "/", None)?;
    ensure!(answer.status == 200, "the virtual address answers with status {}", answer.status);
    Ok(())
}

/// Half a request on each of some connections to the metrics port, from the node itself.
fn open_halves(lab: &Lab) -> Vec<TcpStream> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("descriptors for the attacker");
    let server = (Ipv4Addr::LOCALHOST, METRICS_PORT).into();
    let connect = move || {
        // A connection that does not fit into the port's queue is not waited for.
        let open = |_| TcpStream::connect_timeout(&server, Duration::from_millis(20)).ok();
        let mut streams: Vec<TcpStream> = (0..HALF_OPEN).filter_map(open).collect();
        for stream in &mut streams {
            // The agent may have closed it by now.
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\n");
        }
        Ok(streams)
    };
    let streams = lab.topology().host(ATTACKED.host()).run(connect).expect("connections");
    assert!(streams.len() > SPARE, "{} connections", streams.len());
    streams
}

#[test]
#[ignore = "needs root: network namespaces and the lab's daemons"]
fn half_open_requests_take_no_backend_and_no_script_away_and_the_api_answers() {
    let lab = Lab::up(LabOptions::new(Router::Agent, Router::Agent)).expect("the lab comes up");
    let pid = pid(&lab).to_string();
    let used = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count();
    let limit = used + SPARE;
    run(Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={limit}:{limit}")]))
        .expect("a low limit");
    let begin = Instant::now();
    while begin.elapsed() < SEVERAL_CHECKS {
        let halves = open_halves(&lab);
        check_all_is_well(&lab).expect("under attack");
        drop(halves);
    }
    let log = fs::read_to_string(lab.router_log(ATTACKED)).expect("a log");
    assert!(!log.contains("backend down"), "{log}");
    assert!(lab.metrics(ATTACKED).is_ok(), "a scraper gets its page");
}

/// Resident memory of a process, in kB.
fn resident(pid: u64) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Forty forged rings of a forged node on the link, in the format of the ring comparison.
fn made_up(number: u32) -> Vec<u8> {
    let mut message = b"vrrpring\x01\x28\x01\0\0\0\0\0".to_vec();
    for ring in 0..40_u32 {
        message.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
        message.extend((number * 40 + ring).to_be_bytes());
        message.extend([0, 80, 6, 0]);
        message.extend(u64::from(number).to_be_bytes());
    }
    datagram(Ipv4Addr::from_bits(0xc0a8_0100 + 10 + number % 180), ATTACKED, 9_166, &message)
}

#[test]
#[ignore = "needs root: network namespaces and the lab's daemons"]
fn a_flood_of_made_up_rings_takes_no_memory() {
    /// As many as fit the agent's socket buffer, so that it reads most of them.
    const BURST: u32 = 80;
    const BURSTS: u32 = 500;
    let lab = Lab::up(LabOptions::new(Router::Agent, Router::Agent)).expect("the lab comes up");
    let pid = pid(&lab);
    let client = lab.topology().host(Host::Client);
    let before = resident(pid);
    let mut most = before;
    for burst in 0..BURSTS {
        let frames = (0..BURST).map(|number| made_up(burst * BURST + number)).collect();
        send_all(&client, frames).expect("sent");
        std::thread::sleep(Duration::from_millis(5));
        most = most.max(resident(pid));
    }
    eprintln!("resident: {before} kB before, at most {most} kB in {} datagrams", BURST * BURSTS);
    assert!(most < before + 1_024, "{before} kB before, {most} kB after");
    check_all_is_well(&lab).expect("after the flood");
}
