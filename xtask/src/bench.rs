//! `bench`: costs and results of the XDP program and the agent, compared with the least possible
//! program and with keepalived.

mod failover;
mod http;
mod live;
mod load;
mod observation;
mod scale;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::packages::Group;
use crate::{build_ebpf, exec, setup};

#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Nanoseconds per packet of the XDP program, compared with minimal programs (as root)
    Xdp,
    /// Packets per second of one CPU over veth links: the XDP program, a minimal program, the
    /// kernel, nft (as root)
    Live(live::Options),
    /// Client outage when a master fails or returns, for a pair of agents and a pair of keepalived
    /// (as root)
    Failover(failover::Options),
    /// Whether a backup takes over wrongly on a busy machine: a minute of 16 busy loops at 100
    /// adverts a second (as root)
    Load(load::Options),
    /// CPU, memory and takeover time of hundreds of virtual routers, ours and keepalived's (as
    /// root)
    Scale(scale::Options),
}

pub fn run(options: &Options) -> Result<ExitCode> {
    if !exec::is_root() {
        bail!("bench loads kernel programs and makes network namespaces: run it as root");
    }
    let held = match &options.what {
        What::Xdp => bench("xdp", &[]).map(|()| true),
        What::Live(options) => live::run(options).map(|()| true),
        What::Failover(options) => failover::run(options),
        What::Load(options) => load::run(options),
        What::Scale(options) => scale::run(options),
    }?;
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a bench of `vrrp-tests` on a newly built XDP object.
fn bench(name: &str, arguments: &[&OsStr]) -> Result<()> {
    build_ebpf::run()?;
    let mut cargo = exec::cargo();
    // The measured code runs in the kernel, so the dev build, which exists already, gives the same
    // figures.
    cargo
        .args([
            "bench",
            "--quiet",
            "--profile",
            "dev",
            "--package",
            "vrrp-tests",
            "--bench",
            name,
            "--",
        ])
        .args(arguments);
    exec::run(cargo.env("VRRP_EBPF_OBJ", build_ebpf::object()))
}

/// Installs what is missing, and builds the agent in the release profile. `VRRP_AGENT_BIN` names
/// another one.
fn agent() -> Result<PathBuf> {
    setup::ensure(Group::Lab)?;
    if let Some(agent) = std::env::var_os("VRRP_AGENT_BIN") {
        return Ok(agent.into());
    }
    setup::ensure(Group::Bpf)?;
    build_ebpf::run()?;
    exec::run(exec::cargo().args(["build", "--release", "--package", "vrrp-agent"]))?;
    Ok(exec::target_dir().join("release/vrrp-agent"))
}

/// A duration as in the configuration: `1s`, `100ms`.
fn parse_interval(text: &str) -> Result<Duration, String> {
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 =
        number.parse().map_err(|_| format!("{text} is no duration such as 1s or 100ms"))?;
    let interval = match unit {
        "s" => Duration::from_secs(number),
        "ms" => Duration::from_millis(number),
        _ => return Err(format!("{text} has no unit: s or ms")),
    };
    // Version 3 counts centiseconds in twelve bits.
    if !(10..=40_950).contains(&interval.as_millis()) || interval.as_millis() % 10 != 0 {
        return Err(format!(
            "{text}: version 3 has whole hundredths of a second, from 10ms to 40950ms"
        ));
    }
    Ok(interval)
}

/// The inverse of [`parse_interval`].
fn interval_text(interval: Duration) -> String {
    match interval.subsec_millis() {
        0 => format!("{} s", interval.as_secs()),
        _ => format!("{} ms", interval.as_millis()),
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn write_json(path: Option<&Path>, data: &Value) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let text = serde_json::to_string_pretty(data).context("writing the figures as data")?;
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests;
