//! Nanoseconds per packet of the XDP program, by BPF_PROG_TEST_RUN, compared with minimal programs.
//!
//! Method: everything runs on one CPU; each case's output is checked before it is timed; a round
//! runs every case once, so that other load hits all of them alike. The figure is the thread's CPU
//! time around the system call divided by the number of packets. A test run keeps the packet as the
//! program wrote it. Where that would change the program's path, or where many flows are wanted,
//! the program runs behind another one that makes the next packet, whose cost is measured and
//! subtracted.

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod forwarding;
#[path = "../../rows/mod.rs"]
mod rows;

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use aya::programs::{TestRun, TestRunOptions, Xdp};
use nix::unistd::Uid;
use rows::kernel::{self, Kernel};
use rows::world::{CLIENT, CLIENT_MAC, NODE1_MAC, NODE2_MAC};
use vrrp_tests::Host;
use vrrp_tests::line::Line;
use vrrp_tests::names::{FRONT_IF, Mac};

use crate::cases::{BAD_ADVERT, BYSTANDERS, Case, EMPTY, EMPTY_TX, PARSED_DROP, Program, Reset};
use crate::common::place::{PLAN, ip};
use crate::common::{Object, cpu_nanos, traffic};

const PROGRAMS: [&str; 6] =
    ["bench_pass", "bench_tx", "bench_lengthen", "bench_drop", "bench_reset", "bench_steer"];
/// A test run waits for two RCU grace periods, which takes most of a round.
const ROUNDS: usize = 101;
const PACKETS: u32 = 50_000;
/// After this many packets a case with a reset must still give the same result.
const AGAIN: u32 = 1_000;

/// A packet for another address may take this many ns more than an empty program that passes it.
const PASS_TARGET: f64 = 30.0;
/// A bad advert may take this multiple of a program that drops it after a full parse.
const DROP_TARGET: f64 = 1.5;

/// Both objects, loaded.
struct Bench {
    main: Kernel,
    object: Object,
}

impl Bench {
    fn load() -> Self {
        let main = Kernel::load();
        let mut object = Object::load(&PROGRAMS);
        object.steer(1, NODE2_MAC, NODE1_MAC);
        Bench { main, object }
    }

    /// The program that the kernel runs.
    fn program(&self, case: &Case) -> &Xdp {
        match (case.reset, case.program) {
            (Reset::Nothing, Program::Main) => self.main.program(),
            (Reset::Nothing, Program::Bench(name)) => self.object.program(name),
            (Reset::Frame(_) | Reset::Flow(_), _) => self.object.program("bench_reset"),
        }
    }

    /// Fills the maps for a case and, if it has a reset, configures the reset program.
    fn prepare(&mut self, case: &Case) {
        if case.program == Program::Main {
            self.main.fill(&case.world);
        }
        match case.reset {
            Reset::Nothing => return,
            Reset::Frame(reshaped) => traffic::load_one(&mut self.object, 0, &case.frame, reshaped),
            Reset::Flow(flows) => flows.load(&mut self.object, 0),
        }
        let measured = match case.program {
            Program::Main => self.main.program().fd(),
            Program::Bench(name) => self.object.program(name).fd(),
        };
        let measured = measured.and_then(|fd| Ok(fd.try_clone()?)).expect("loaded");
        self.object.measure(&measured);
    }

    /// The first packet must come out as expected, and so must one after many resets.
    fn check(&mut self, case: &Case) {
        self.prepare(case);
        if let Reset::Flow(flows) = case.reset {
            traffic::Traffic { flows: 1, ..flows }.load(&mut self.object, 0);
        }
        let times = if case.reset == Reset::Nothing { 1 } else { AGAIN };
        let mut out = vec![0; case.frame.len().max(case.out.len()) + 256];
        let options = TestRunOptions {
            data_in: Some(&case.frame),
            data_out: Some(&mut out),
            repeat: times,
            ..TestRunOptions::default()
        };
        let result = self
            .program(case)
            .test_run(options)
            .unwrap_or_else(|error| panic!("no test run: {error:?}"));
        out.truncate(result.data_size_out as usize);
        assert_eq!(
            result.return_value, case.action,
            "{}: another verdict than the one to be timed",
            case.name
        );
        assert_eq!(out, case.out, "{}: another frame than the one to be timed", case.name);
    }

    fn sample(&mut self, case: &mut Case) {
        self.prepare(case);
        let program = self.program(case);
        let before = cpu_nanos();
        kernel::repeat(program, &case.frame, PACKETS);
        case.samples.push((cpu_nanos() - before) as f64 / f64::from(PACKETS));
    }
}

fn print(cases: &[Case]) {
    let named =
        |name: &str| cases.iter().find(|case| case.name == name).map_or(f64::NAN, Case::p10);
    let (pass, drop) = (named(EMPTY), named(PARSED_DROP));
    println!(
        "{:<52}{:>8}{:>8}{:>8}{:>8}{:>11}{:>9}",
        "ns per packet", "min", "p10", "median", "p99", "over pass", "x drop"
    );
    for case in cases {
        let off = match cases::cost_of(case.reset) {
            Some(stub) if stub != case.name => named(&stub) - named(EMPTY_TX),
            _ => 0.0,
        };
        let [min, p10, median, p99] =
            [case.samples[0], case.p10(), case.median(), case.p99()].map(|sample| sample - off);
        let (over, of_drop) = (p10 - pass, p10 / drop);
        println!(
            "{:<52}{min:>8.1}{p10:>8.1}{median:>8.1}{p99:>8.1}{over:>+11.1}{of_drop:>9.2}",
            case.name
        );
    }
    println!(
        "(what putting a frame back costs is taken off where one is, with one helper call that changes its length where the \
         program makes one, too; differences, ratios and targets are of the p10 column)"
    );
    println!();
    for name in BYSTANDERS.into_iter().filter(|&name| named(name).is_finite()) {
        verdict(&format!("{name}, ns over an empty program"), named(name) - pass, PASS_TARGET);
    }
    for case in cases.iter().filter(|case| case.name.starts_with(BAD_ADVERT)) {
        verdict(
            &format!("{}, x XDP_DROP after a full parse", case.name),
            case.p10() / drop,
            DROP_TARGET,
        );
    }
}

fn verdict(what: &str, value: f64, target: f64) {
    let met = if value <= target { "met" } else { "NOT met" };
    println!("target {what}: {value:.2} <= {target}: {met}");
}

/// All cases, or those whose name contains `only`, with those that their figures refer to.
fn measure(only: Option<&str>) -> (usize, Vec<Case>) {
    let cpu = common::pin();
    let mut bench = Bench::load();
    let mut cases = cases::all();
    if let Some(only) = only {
        let floors = [EMPTY, EMPTY_TX, PARSED_DROP];
        cases.retain(|case| {
            case.name.contains(only)
                || floors.contains(&case.name.as_str())
                || case.name.starts_with('(')
        });
    }
    for case in &cases {
        bench.check(case);
    }
    for _ in 0..ROUNDS {
        for case in &mut cases {
            bench.sample(case);
        }
    }
    for case in &mut cases {
        case.samples.sort_by(f64::total_cmp);
    }
    (cpu, cases)
}

/// cargo adds `--bench`.
fn only() -> Result<Option<String>> {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    match words.next().as_deref() {
        None => Ok(None),
        Some("--only") => {
            Ok(Some(words.next().context("--only needs a part of the name of a case")?))
        }
        Some(word) => bail!("{word} is no option of this bench: --only TEXT"),
    }
}

fn run() -> Result<()> {
    ensure!(
        Uid::effective().is_root(),
        "needs root: it loads the kernel program and makes network namespaces"
    );
    let only = only()?;
    let line = Line::up("bench xdp", &PLAN)?;
    let node = line.host(Host::Node1);
    node.run(|| {
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("switching routing on")
    })?;
    node.ip(&[format!(
        "neigh add {} lladdr {} dev {FRONT_IF} nud permanent",
        ip(CLIENT),
        Mac(CLIENT_MAC)
    )])?;
    let (cpu, cases) = node.run(move || Ok(measure(only.as_deref())))?;
    line.down()?;
    println!("BPF_PROG_TEST_RUN on CPU {cpu}, {ROUNDS} rounds of {PACKETS} packets a case");
    print(&cases);
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("bench xdp: {e:#}");
            ExitCode::FAILURE
        }
    }
}
