//! The program inside the virtual machines of `cargo xtask vm-test`: the first process of the
//! guest, and the parts of the test.
//!
//! Outside of such a guest it runs and counts nothing. Each part prints its checks on the console,
//! in the format that `xtask/src/vm_test/verdict.rs` reads.

mod below;
mod check;
mod cost;
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

/// The parts to run, from the kernel's command line, separated by commas.
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
    let mut site = Shared::default();
    for part in parts.split(',') {
        println!("vm: part {part}");
        let mut checks = Checks::default();
        if let Err(error) = run(part, &mut checks, &mut site) {
            checks.failed(part, &error);
        }
        if checks.failures() > 0
            && let Some(site) = &site.site
        {
            for node in Node::BOTH {
                println!("{node}: {}", site.log(node));
            }
        }
    }
    println!("vm: end");
}

fn run(part: &str, checks: &mut Checks, site: &mut Shared) -> Result<()> {
    match part {
        "loads" => loads::run(checks)?,
        "rows" => suites::run(checks, &["xdp_rows", "alike"])?,
        "kernel" => suites::run(checks, &[suites::UNIT_TESTS])?,
        "modes" => modes::run(checks, site.get()?, Node::Node1),
        "failover" => failover::run(checks, site.get()?),
        "election" => below::run(checks, site.get()?),
        "upstreams" => rest::upstreams(checks, site.get()?),
        "capture" => rest::capture(checks, site.get()?),
        "detach" => {
            rest::detach(checks, site.get()?);
            if let Some(site) = site.site.take() {
                checks.check("the site is removed", || site.down().map(|()| "removed".to_owned()));
            }
        }
        "cost" => cost::run(checks)?,
        "devices" => devices::run(checks)?,
        "log" => rest::kernel_log(checks),
        _ => bail!("there is no such part"),
    }
    Ok(())
}

/// The site that several parts share; the first of them starts it.
#[derive(Default)]
struct Shared {
    site: Option<Site>,
    /// It was tried once: another attempt would fail again.
    tried: bool,
}

impl Shared {
    fn get(&mut self) -> Result<&mut Site> {
        if self.site.is_none() && !self.tried {
            self.tried = true;
            self.site = Some(story::up().context("bringing up the site")?);
        }
        self.site.as_mut().context("there is no site")
    }
}

/// Whether this kernel is older than those that load the XDP program.
pub fn below_floor() -> Result<bool> {
    Ok(release()? < FLOOR)
}

/// The first two numbers of the kernel's release.
pub fn release() -> Result<(u32, u32)> {
    let text =
        std::fs::read_to_string("/proc/sys/kernel/osrelease").context("the kernel's release")?;
    let mut numbers =
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    Ok((numbers.next().context("a number")?, numbers.next().context("a number")?))
}
