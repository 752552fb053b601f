//! `bench`: how long the XDP program takes for a packet. The work is done by the benchmarks of `vrrp-tests`.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::{build_ebpf, exec};

#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Nanoseconds per packet of the XDP program, beside programs that do the least possible (as root)
    Xdp,
}

pub fn run(options: &Options) -> Result<()> {
    match options.what {
        What::Xdp => xdp(),
    }
}

fn xdp() -> Result<()> {
    if !exec::is_root() {
        bail!("bench xdp loads the kernel program: run it as root");
    }
    build_ebpf::run()?;
    let mut cargo = exec::cargo();
    // What is timed runs in the kernel: the dev build, which is there already, does not change it.
    cargo.args(["bench", "--quiet", "--profile", "dev", "--package", "vrrp-tests", "--bench", "xdp"]);
    exec::run(cargo.env("VRRP_EBPF_OBJ", build_ebpf::object()))
}
