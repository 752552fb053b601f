//! `vm-test`: the programs, the agent and its tests on other kernels, in virtual machines.
//!
//! Kernels come from Debian's archive ([`kernels`]). A guest's file system holds this build of everything ([`image`]); its first process
//! is the test `vm` of the crate `vrrp-tests`, which prints its checks on the console ([`guest`], [`verdict`]).

mod archive;
mod build;
mod guest;
mod image;
mod kernels;
mod modules;
mod report;
mod verdict;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::packages::Group;
use crate::setup;
use build::Base;
use guest::Plan;
use kernels::{Arch, Kernel, Label};
use verdict::Verdict;

/// Parts of a run where the agent has its data plane.
const PARTS: &[&str] = &["loads", "rows", "kernel", "modes", "failover", "upstreams", "capture", "detach", "devices", "log"];
/// Below the oldest kernel with a data plane: it is refused in words, and the election works.
const PARTS_BELOW: &[&str] = &["loads"];
/// What the gate runs.
const GATE: &[Label] = &[Label::V6_1];
/// A guest that takes longer has hung. Emulated processors are ten to twenty times slower.
const PATIENCE: Duration = Duration::from_secs(420);

#[derive(clap::Args)]
pub struct Options {
    /// Run this kernel (again for more); without it, those of the gate
    #[arg(long, value_enum)]
    kernel: Vec<Label>,
    /// Run every kernel
    #[arg(long, conflicts_with = "kernel")]
    all: bool,
    /// The processor that is emulated
    #[arg(long, value_enum, default_value = "x86-64")]
    arch: Arch,
    /// Guests at a time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Count instructions per packet, beside the kernel's own balancer (IPVS)
    #[arg(long)]
    icount: bool,
    /// Run these parts only
    #[arg(long)]
    part: Vec<String>,
    /// Show what guests print, as they print it
    #[arg(long)]
    verbose: bool,
    /// Write the table to docs/kernels.md
    #[arg(long)]
    write_docs: bool,
}

/// The last line printed is the count, also when checks failed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let labels = match (options.all, options.kernel.is_empty()) {
        (true, _) => Label::ALL.to_vec(),
        (false, true) => GATE.to_vec(),
        (false, false) => options.kernel.clone(),
    };
    setup::ensure(Group::Vm)?;
    if options.arch == Arch::Arm {
        setup::ensure(Group::Arm)?;
    }
    let base = build::base(options.arch)?;
    let outcome = Outcome::of(&labels, options, &base)?;
    outcome.print();
    if options.write_docs {
        report::write(&outcome.verdicts)?;
    }
    let (passed, failed, skipped) = outcome.count();
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What came of all kernels.
pub struct Outcome {
    pub verdicts: Vec<Verdict>,
    /// Kernels that the archive has no more, with the reasons.
    pub gone: Vec<(Label, String)>,
    /// Kernels that ought to be there.
    pub missing: Vec<(Label, String)>,
}

impl Outcome {
    fn of(labels: &[Label], options: &Options, base: &Base) -> Result<Self> {
        let mut outcome = Self { verdicts: Vec::new(), gone: Vec::new(), missing: Vec::new() };
        let mut found = Vec::new();
        for &label in labels {
            match kernels::get(label, options.arch) {
                Ok(kernel) => found.push(kernel),
                Err(error) if label.required() => outcome.missing.push((label, format!("{error:#}"))),
                Err(error) => outcome.gone.push((label, format!("{error:#}"))),
            }
        }
        outcome.verdicts = all(&found, options, base)?;
        Ok(outcome)
    }

    /// Names and texts of what failed.
    pub fn failures(&self) -> Vec<String> {
        let missing = self.missing.iter().map(|(label, why)| format!("{}: no such kernel: {why}", label.name()));
        missing.chain(self.verdicts.iter().flat_map(report::failures)).collect()
    }

    /// Names and reasons of what was skipped.
    pub fn skips(&self) -> Vec<(String, String)> {
        let gone = self.gone.iter().map(|(label, why)| (label.name().to_owned(), format!("not in the archive: {why}")));
        gone.chain(self.verdicts.iter().flat_map(report::skips)).collect()
    }

    pub fn count(&self) -> (usize, usize, usize) {
        let counts = self.verdicts.iter().map(Verdict::count);
        let start = (0, self.missing.len(), self.gone.len());
        counts.fold(start, |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2))
    }

    pub fn print(&self) {
        print!("\n{}", report::table(&self.verdicts));
        for (name, reason) in self.skips() {
            println!("skipped: {name}: {reason}");
        }
        for failure in self.failures() {
            println!("failed: {failure}");
        }
    }
}

/// Runs the kernels, several at a time; the verdicts are in their order.
fn all(kernels: &[Kernel], options: &Options, base: &Base) -> Result<Vec<Verdict>> {
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(kernel) = kernels.get(index) else { return Ok(()) };
            let verdict = one(kernel, options, base)?;
            println!("vm-test: {}", report::line(&verdict));
            verdicts.lock().map_err(|_| anyhow!("a run panicked"))?.push((index, verdict));
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a run panicked"))?)
    })?;
    let mut verdicts = verdicts.into_inner().map_err(|_| anyhow!("a run panicked"))?;
    verdicts.sort_by_key(|(index, _)| *index);
    Ok(verdicts.into_iter().map(|(_, verdict)| verdict).collect())
}

fn one(kernel: &Kernel, options: &Options, base: &Base) -> Result<Verdict> {
    let all = if kernel.label.below_floor() { PARTS_BELOW } else { PARTS };
    let asked = |part: &&&str| options.part.is_empty() || options.part.iter().any(|name| name == **part);
    let parts: Vec<&str> = all.iter().filter(asked).copied().collect();
    let plan = Plan { parts: &parts, patience: PATIENCE, count_instructions: options.icount, verbose: options.verbose };
    guest::run(kernel, &base.archive, &plan, &kernels::cache().join("runs"))
        .with_context(|| format!("running {}", kernel.release))
}
