//! `vm-test`: the programs, the agent and its tests on other kernels, in virtual machines.
//!
//! Kernels come from Debian's archive ([`kernels`]). A guest's file system holds this build of
//! everything ([`image`]). Its first process is the test `vm` of the crate `vrrp-tests`, which
//! prints its checks on the console ([`guest`], [`verdict`]).

mod archive;
mod arm;
mod build;
mod guest;
mod image;
mod kernels;
mod modules;
mod report;
mod verdict;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::libtest::Tally;
use crate::packages::Group;
use crate::setup;
use build::Base;
use guest::Plan;
use kernels::{Arch, Kernel, Label};
use verdict::Verdict;

/// Guests of one kernel, with their parts: two, so that both CPUs of a small machine are used.
const GUESTS: &[(&str, &[&str])] = &[
    ("programs", &["loads", "rows", "kernel", "devices", "log"]),
    ("pair", &["modes", "failover", "upstreams", "capture", "detach", "log"]),
];
/// Below the oldest kernel with a data plane: the program is refused with an explanation, and the
/// election works.
const GUESTS_BELOW: &[(&str, &[&str])] = &[("pair", &["loads", "election", "detach", "log"])];
/// One more guest with `--icount`.
const GUEST_OF_COSTS: (&str, &[&str]) = ("cost", &["cost"]);
/// Guests at a time.
const JOBS: usize = 2;
/// Seconds after which a guest counts as hung, on a machine that does little else.
const PATIENCE: u64 = 600;
/// The gate omits the longest part: it runs the same tests on its own kernel.
const NOT_IN_GATE: &str = "kernel";
/// Kernels of the gate.
const GATE: &[Label] = &[Label::V6_1];

#[derive(clap::Args)]
pub struct Options {
    /// Run this kernel (may be given several times); when absent, those of the gate
    #[arg(long, value_name = "LABEL", value_enum)]
    kernel: Vec<Label>,
    /// Run every kernel
    #[arg(long, conflicts_with = "kernel")]
    all: bool,
    /// The emulated processor
    #[arg(long, value_enum, default_value = "x86-64")]
    arch: Arch,
    /// Guests at a time
    #[arg(long, default_value_t = JOBS)]
    jobs: usize,
    /// Count instructions per packet, compared with the kernel's own balancer (IPVS)
    #[arg(long)]
    icount: bool,
    /// Run these parts only
    #[arg(long)]
    part: Vec<String>,
    /// Seconds after which a guest counts as hung
    #[arg(long, default_value_t = PATIENCE)]
    patience: u64,
    /// Show what guests print, as they print it
    #[arg(long)]
    verbose: bool,
    /// Write the table to docs/kernels.md
    #[arg(long)]
    write_docs: bool,
}

impl Default for Options {
    /// The options without arguments.
    fn default() -> Self {
        Self {
            kernel: Vec::new(),
            all: false,
            arch: Arch::X86,
            jobs: JOBS,
            icount: false,
            part: Vec::new(),
            patience: PATIENCE,
            verbose: false,
            write_docs: false,
        }
    }
}

/// The last line printed is the count, also if checks failed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let labels = match (options.all, options.kernel.is_empty()) {
        (true, _) => Label::ALL.to_vec(),
        (false, true) => GATE.to_vec(),
        (false, false) => options.kernel.clone(),
    };
    let outcome = outcome(&labels, options)?;
    outcome.print();
    if options.write_docs {
        report::write(&outcome.verdicts)?;
    }
    let (passed, failed, skipped) = outcome.count();
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The gate's run: its kernels, every part. What cannot be run has failed.
pub fn gate() -> Tally {
    let options = Options::default();
    let mut tally = Tally::default();
    match outcome(GATE, &options) {
        Ok(outcome) => {
            outcome.print();
            (tally.passed, tally.failed, _) = outcome.count();
            tally.failures = outcome.failures();
            tally.ignored = outcome.skips();
        }
        Err(error) => {
            tally.failed = 1;
            tally.failures.push(format!("vm-test: {error:#}"));
        }
    }
    tally
}

fn outcome(labels: &[Label], options: &Options) -> Result<Outcome> {
    setup::ensure(Group::Vm)?;
    if options.arch == Arch::Arm {
        setup::ensure(Group::Arm)?;
    }
    let base = build::base(options.arch)?;
    Outcome::of(labels, options, &base)
}

/// The result of all kernels.
pub struct Outcome {
    pub verdicts: Vec<Verdict>,
    /// Kernels that are no longer in the archive, with the reasons.
    pub gone: Vec<(Label, String)>,
    /// Kernels that are missing from the archive unexpectedly.
    pub missing: Vec<(Label, String)>,
}

impl Outcome {
    fn of(labels: &[Label], options: &Options, base: &Base) -> Result<Self> {
        let mut outcome = Self { verdicts: Vec::new(), gone: Vec::new(), missing: Vec::new() };
        let mut found = Vec::new();
        for &label in labels {
            match kernels::get(label, options.arch) {
                Ok(kernel) => found.push(kernel),
                Err(error) if label.required() => {
                    outcome.missing.push((label, format!("{error:#}")))
                }
                Err(error) => outcome.gone.push((label, format!("{error:#}"))),
            }
        }
        outcome.verdicts = all(&found, options, base)?;
        Ok(outcome)
    }

    /// Names and texts of the failures.
    pub fn failures(&self) -> Vec<String> {
        let missing = self
            .missing
            .iter()
            .map(|(label, why)| format!("{}: no such kernel: {why}", label.name()));
        missing.chain(self.verdicts.iter().flat_map(report::failures)).collect()
    }

    /// Names and reasons of the skips.
    pub fn skips(&self) -> Vec<(String, String)> {
        let gone = self
            .gone
            .iter()
            .map(|(label, why)| (label.name().to_owned(), format!("not in the archive: {why}")));
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

/// Runs the kernels, several guests at a time; the verdicts are in the kernels' order.
fn all(kernels: &[Kernel], options: &Options, base: &Base) -> Result<Vec<Verdict>> {
    let guests: Vec<(usize, &str, Vec<&str>)> =
        (0..).zip(kernels).flat_map(|(index, kernel)| guests(index, kernel, options)).collect();
    let next = AtomicUsize::new(0);
    let verdicts: Mutex<BTreeMap<usize, Verdict>> = Mutex::default();
    let work = || -> Result<()> {
        loop {
            let Some((index, name, parts)) = guests.get(next.fetch_add(1, Ordering::Relaxed))
            else {
                return Ok(());
            };
            let kernel = &kernels[*index];
            let plan = Plan {
                name,
                parts,
                patience: Duration::from_secs(options.patience),
                verbose: options.verbose,
            };
            let run = guest::run(kernel, &base.archive, &plan, &kernels::cache().join("runs"));
            let verdict = run.with_context(|| format!("running {}", kernel.release))?;
            println!("vm-test: {}", report::line(&verdict));
            match verdicts.lock().map_err(|_| anyhow!("a run panicked"))?.entry(*index) {
                Entry::Occupied(mut known) => known.get_mut().join(verdict),
                Entry::Vacant(free) => drop(free.insert(verdict)),
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| anyhow!("a run panicked"))?)
    })?;
    Ok(verdicts.into_inner().map_err(|_| anyhow!("a run panicked"))?.into_values().collect())
}

/// The guests of one kernel that have parts to run.
fn guests<'a>(
    index: usize,
    kernel: &Kernel,
    options: &Options,
) -> Vec<(usize, &'a str, Vec<&'a str>)> {
    let all = if kernel.label.below_floor() { GUESTS_BELOW } else { GUESTS };
    let gate = options.kernel.is_empty() && !options.all;
    let asked = |part: &&&str| match options.part.as_slice() {
        [] => !gate || **part != NOT_IN_GATE,
        names => names.iter().any(|name| name == **part),
    };
    let costs = (options.icount && !kernel.label.below_floor()).then_some(&GUEST_OF_COSTS);
    let guests = all.iter().chain(costs).map(|(name, parts)| {
        (index, *name, parts.iter().filter(asked).copied().collect::<Vec<_>>())
    });
    guests.filter(|(_, _, parts)| !parts.is_empty()).collect()
}
