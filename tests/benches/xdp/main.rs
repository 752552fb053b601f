//! Nanoseconds per packet of the XDP program, by BPF_PROG_TEST_RUN, beside what cannot be avoided.
//!
//! Method: everything on one CPU; each case's output is checked before it is timed; a round runs every case once, so that
//! whatever else the machine does hits all of them alike; the figure is the thread's CPU time around the system call by the
//! number of packets in it. A test run leaves the packet as the program wrote it: a direct-return rewrite gives the same frame
//! again, an ARP answer does not, so that case runs behind a program that puts the request back, whose own cost is taken off.

#[path = "../../rows/mod.rs"]
mod rows;

use std::process::ExitCode;

use aya::Ebpf;
use aya::maps::{Array, ProgramArray};
use aya::programs::Xdp;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, Uid};
use rows::frame::{Frame, arp, arp_answer};
use rows::kernel::{self, Kernel};
use rows::world::{CLIENT, CLIENT_MAC, DIRECT, LOCAL, NODE1, NODE1_MAC, NODE2_MAC, VIP1, World};
use vrrp_common::wire::arp::OP_REQUEST;
use vrrp_common::wire::ipv4::PROTO_TCP;

const ROUNDS: usize = 201;
const PACKETS: u32 = 50_000;
const WARM_UP: u32 = 5_000;

const DROP: u32 = 1;
const PASS: u32 = 2;
const TX: u32 = 3;

/// Over an empty program that passes, a packet that is not for a virtual address may take this much longer.
const PASS_TARGET: f64 = 30.0;
/// A bad advert may take this much of a program that drops it after a full parse.
const DROP_TARGET: f64 = 1.5;

/// What runs in a case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    Main,
    Baseline(&'static str),
    /// Behind `bench_reset`.
    Reset(&'static str),
    ResetMain,
}

struct Case {
    name: &'static str,
    runs: Runs,
    world: World,
    frame: Vec<u8>,
    action: u32,
    out: Vec<u8>,
    /// Nanoseconds per packet, one each round; sorted at the end.
    samples: Vec<f64>,
}

impl Case {
    fn new(name: &'static str, runs: Runs, frame: &[u8], action: u32) -> Self {
        let mut world = World::new();
        world.acting();
        for router in &mut world.routers {
            router.rate_limit = u32::MAX;
        }
        Case { name, runs, world, frame: frame.to_vec(), action, out: frame.to_vec(), samples: Vec::new() }
    }

    fn out(self, out: Vec<u8>) -> Self {
        Case { out, ..self }
    }

    fn when(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world);
        self
    }

    /// The fastest tenth of the rounds ends here: what neighbours on the same core add is not the program's.
    fn p10(&self) -> f64 {
        self.samples[self.samples.len() / 10]
    }

    fn median(&self) -> f64 {
        self.samples[self.samples.len() / 2]
    }

    fn p99(&self) -> f64 {
        self.samples[self.samples.len() * 99 / 100]
    }
}

fn cases() -> Vec<Case> {
    let advert = Frame::v2().build();
    let client = Frame::client(PROTO_TCP, VIP1, 80).padded_to(64);
    let request = arp(OP_REQUEST, CLIENT_MAC, CLIENT, VIP1);
    let answer = arp_answer(&[], NODE1_MAC, VIP1, CLIENT_MAC, CLIENT);
    let to_node2 = client.clone().destination_mac(NODE2_MAC).source_mac(NODE1_MAC).build();
    let bad = |name, frame: Frame| Case::new(name, Runs::Main, &frame.build(), DROP);
    let stranger = Frame::client(PROTO_TCP, NODE1, 80).padded_to(64).build();
    vec![
        Case::new("empty XDP_PASS", Runs::Baseline("bench_pass"), &stranger, PASS),
        Case::new("XDP_DROP after a full parse", Runs::Baseline("bench_drop"), &advert, DROP),
        Case::new("non-VIP pass", Runs::Main, &stranger, PASS),
        bad("bad advert: TTL 64", Frame::v2().ttl(64)),
        bad("bad advert: checksum", Frame::v2().corrupt(2, &[200])),
        bad("bad advert: unknown VRID", Frame::v2().set(1, &[99])),
        bad("bad advert: wrong password", Frame::v2().set(12, b"x")),
        Case::new("good advert", Runs::Main, &advert, PASS),
        Case::new("ARP answer", Runs::ResetMain, &request, TX).out(answer),
        Case::new("local", Runs::Main, &client.build(), PASS).when(|world| world.only(LOCAL)),
        Case::new("direct return", Runs::Main, &client.build(), TX).when(|world| world.only(DIRECT)).out(to_node2),
        Case::new("(empty XDP_TX behind the reset)", Runs::Reset("bench_tx"), &request, TX),
        Case::new("(empty XDP_TX)", Runs::Baseline("bench_tx"), &request, TX),
    ]
}

/// Both objects, loaded.
struct Bench {
    main: Kernel,
    baselines: Ebpf,
}

impl Bench {
    fn load() -> Self {
        let main = Kernel::load();
        let mut baselines = kernel::open(&kernel::object_path().with_file_name("vrrp-bench"));
        for name in ["bench_pass", "bench_tx", "bench_drop", "bench_reset"] {
            kernel::load(&mut baselines, name);
        }
        Bench { main, baselines }
    }

    fn baseline(&self, name: &str) -> &Xdp {
        self.baselines.program(name).expect("in the object").try_into().expect("an XDP program")
    }

    fn program(&self, runs: Runs) -> &Xdp {
        match runs {
            Runs::Main => self.main.program(),
            Runs::Baseline(name) => self.baseline(name),
            Runs::Reset(_) | Runs::ResetMain => self.baseline("bench_reset"),
        }
    }

    /// Makes the world of a case and, where it runs behind the reset, tells that what to put back and where to go on.
    fn prepare(&mut self, case: &Case) {
        self.main.fill(&case.world);
        let measured = match case.runs {
            Runs::Main | Runs::Baseline(_) => return,
            Runs::Reset(name) => self.baseline(name).fd(),
            Runs::ResetMain => self.main.program().fd(),
        };
        let measured = measured.and_then(|fd| Ok(fd.try_clone()?)).expect("loaded");
        let mut original = [0; 48];
        original[..case.frame.len()].copy_from_slice(&case.frame);
        let map = self.baselines.map_mut("ORIGINAL").expect("in the object");
        Array::<_, [u8; 48]>::try_from(map).expect("an array").set(0, original, 0).expect("in range");
        let map = self.baselines.map_mut("MEASURED").expect("in the object");
        ProgramArray::try_from(map).expect("a program array").set(0, &measured, 0).expect("same type");
    }

    fn check(&mut self, case: &Case) {
        self.prepare(case);
        let outcome = kernel::run(self.program(case.runs), &case.frame);
        assert_eq!(outcome.action, case.action, "{}: another verdict than the one to be timed", case.name);
        assert_eq!(outcome.frame, case.out, "{}: another frame than the one to be timed", case.name);
    }

    fn sample(&mut self, case: &mut Case) {
        self.prepare(case);
        let program = self.program(case.runs);
        kernel::repeat(program, &case.frame, WARM_UP);
        let before = cpu_nanos();
        kernel::repeat(program, &case.frame, PACKETS);
        case.samples.push((cpu_nanos() - before) as f64 / f64::from(PACKETS));
    }
}

/// CPU time of this thread.
fn cpu_nanos() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock every Linux has");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

/// Keeps this thread on the last CPU: the first one has most interrupts.
fn pin() -> usize {
    let last = std::thread::available_parallelism().map_or(1, usize::from) - 1;
    let mut set = CpuSet::new();
    if set.set(last).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)).is_err() {
        println!("this thread could not be pinned to CPU {last}");
    }
    last
}

fn print(cases: &[Case]) {
    let named = |name: &str| cases.iter().find(|case| case.name == name).map_or(0.0, Case::p10);
    let (pass, drop) = (cases[0].p10(), cases[1].p10());
    let reset = named("(empty XDP_TX behind the reset)") - named("(empty XDP_TX)");
    println!(
        "{:<34}{:>8}{:>8}{:>8}{:>8}{:>11}{:>9}{:>9}",
        "ns per packet", "min", "p10", "median", "p99", "over pass", "x pass", "x drop"
    );
    for case in cases {
        let off = if case.runs == Runs::ResetMain { reset } else { 0.0 };
        let (min, p10, median, p99) = (case.samples[0] - off, case.p10() - off, case.median() - off, case.p99() - off);
        let (over, of_pass, of_drop) = (p10 - pass, p10 / pass, p10 / drop);
        println!("{:<34}{min:>8.1}{p10:>8.1}{median:>8.1}{p99:>8.1}{over:>+11.1}{of_pass:>9.2}{of_drop:>9.2}", case.name);
    }
    println!("(ARP answer: the reset's {reset:.1} ns are taken off; differences, ratios and targets are of the p10 column)");
    println!();
    let over = named("non-VIP pass") - pass;
    verdict("non-VIP pass, ns over an empty program", over, PASS_TARGET);
    for case in cases.iter().filter(|case| case.name.starts_with("bad advert")) {
        verdict(&format!("{}, x XDP_DROP after a full parse", case.name), case.p10() / drop, DROP_TARGET);
    }
}

fn verdict(what: &str, value: f64, target: f64) {
    let met = if value <= target { "met" } else { "NOT met" };
    println!("target {what}: {value:.2} <= {target}: {met}");
}

fn main() -> ExitCode {
    if !Uid::effective().is_root() {
        eprintln!("bench xdp: needs root: it loads the kernel program");
        return ExitCode::FAILURE;
    }
    let cpu = pin();
    let mut bench = Bench::load();
    let mut cases = cases();
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
    println!("BPF_PROG_TEST_RUN on CPU {cpu}, {ROUNDS} rounds of {PACKETS} packets a case");
    print(&cases);
    let info = bench.main.program().info().expect("loaded");
    let (verified, translated) = (info.verified_instruction_count(), info.size_translated());
    println!();
    println!(
        "program: {} instructions verified, {} bytes translated, {} bytes of machine code",
        verified.map_or("?".to_owned(), |count| count.to_string()),
        translated.map_or("?".to_owned(), |bytes| bytes.to_string()),
        info.size_jitted()
    );
    ExitCode::SUCCESS
}
