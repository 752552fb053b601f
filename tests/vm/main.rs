//! What runs inside the virtual machines of `cargo xtask vm-test`: the first process of the guest, and the parts of the test.
//!
//! Outside of such a guest there is nothing to run, and nothing is counted. Each part prints its checks on the console, in the form
//! that `xtask/src/vm_test/verdict.rs` reads.

mod check;
mod devices;
mod failover;
mod init;
mod loads;
mod modes;
mod rest;
mod server;
mod site;
mod story;
mod suites;

use anyhow::{Context, Result, bail};
use vrrp_tests::names::Node;

use check::Checks;
use site::Site;

/// The parts that the kernel's command line asks for, separated by commas.
const PARTS: &str = "VRRP_VM_PARTS";
/// The oldest kernel that loads the XDP program.
const FLOOR: (u32, u32) = (6, 1);

fn main() {
    if std::process::id() == 1 {
        init::run();
    }
    let Ok(parts) = std::env::var(PARTS) else {
        println!("nothing to run here: `cargo xtask vm-test` runs this in virtual machines");
        return;
    };
    let mut site = None;
    for part in parts.split(',') {
        println!("vm: part {part}");
        let mut checks = Checks::default();
        if let Err(error) = run(part, &mut checks, &mut site) {
            checks.failed(part, &error);
        }
        if checks.failures() > 0
            && let Some(site) = &site
        {
            for node in Node::BOTH {
                println!("{node}: {}", site.log(node));
            }
        }
    }
    println!("vm: end");
}

fn run(part: &str, checks: &mut Checks, site: &mut Option<Site>) -> Result<()> {
    match part {
        "loads" => loads::run(checks)?,
        "rows" => suites::run(checks, &["xdp_rows", "alike"])?,
        "kernel" => suites::run(checks, &["vrrp-agent-tests"])?,
        "modes" => modes::run(checks, the_site(site)?, Node::Node1),
        "failover" => failover::run(checks, the_site(site)?),
        "upstreams" => rest::upstreams(checks, the_site(site)?),
        "capture" => rest::capture(checks, the_site(site)?),
        "detach" => {
            rest::detach(checks, the_site(site)?);
            if let Some(site) = site.take() {
                checks.check("the site is removed", || site.down().map(|()| "removed".to_owned()));
            }
        }
        "devices" => devices::run(checks)?,
        "log" => rest::kernel_log(checks),
        _ => bail!("there is no such part"),
    }
    Ok(())
}

/// The site that several parts share, brought up by the first.
fn the_site(site: &mut Option<Site>) -> Result<&mut Site> {
    if site.is_none() {
        *site = Some(story::up().context("bringing up the site")?);
    }
    site.as_mut().context("no site")
}

/// Whether this kernel is older than those that load the XDP program.
pub fn below_floor() -> Result<bool> {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").context("the kernel's release")?;
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    let release: (u32, u32) = (numbers.next().context("a number")?, numbers.next().context("a number")?);
    Ok(release < FLOOR)
}
