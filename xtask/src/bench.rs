//! `bench`: costs and results of the XDP program and the agent, compared with the least possible
//! program and with keepalived.

mod busy;
mod failover;
mod flip;
mod http;
mod live;
mod load;
mod observation;
mod run;
mod scale;
mod units;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::exec;

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
    /// Time from a health check's result until every packet is steered by it, idle and under load
    /// (as root)
    Flip(flip::Options),
    /// CPU, memory and takeover time of hundreds of virtual routers, ours and keepalived's (as
    /// root)
    Scale(scale::Options),
}

pub fn run(options: &Options) -> Result<ExitCode> {
    if !exec::is_root() {
        bail!("bench loads kernel programs and makes network namespaces: run it as root");
    }
    let held = match &options.what {
        What::Xdp => run::bench("xdp", &[]).map(|()| true),
        What::Live(options) => live::run(options).map(|()| true),
        What::Failover(options) => failover::run(options),
        What::Load(options) => load::run(options),
        What::Flip(options) => flip::run(options).map(|()| true),
        What::Scale(options) => scale::run(options),
    }?;
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests;
