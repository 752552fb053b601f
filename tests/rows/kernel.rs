//! The loaded program, unpinned and attached to nothing: fills its maps, runs frames through
//! BPF_PROG_TEST_RUN, reads counters.

use std::path::{Path, PathBuf};
use std::{env, fs};

use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, HashMap, MapData, PerCpuArray, PerCpuValues};
use aya::programs::{TestRun, TestRunOptions, Xdp};
use aya::{Ebpf, Pod};
use nix::sched::{CloneFlags, unshare};
use vrrp_common::counter::{INTERFACE_COUNTERS, RouterCounter, Verdict, reason, verdict};
use vrrp_common::flow::FlowKey;
use vrrp_common::maps::{
    AddressEntry, Bucket, BucketKey, FlowRecord, GuardedSource, Liveness, PROGRAM,
    RINGS_PER_SERVICE, RateKey, RateWindow, ReverseEntry, RingsInUse, ServiceEntry, Traffic,
    foreign_bucket, name, reverse_hint, vrid_slot,
};
use vrrp_common::reason::Reason;

use super::Count;
use super::world::{IFINDEX, ROUTERS, World};

const MOST_VERIFIED: u32 = 400_000;
/// Room for the largest frame a row sends.
const MAX_FRAME: usize = 16_384;
const BACKENDS: u32 = 10;
/// Number of the drain that all services are in.
const EPOCH: u16 = 7;

pub struct Kernel {
    ebpf: Ebpf,
    /// Buckets and hints of the last world, to be cleared: the map, and the index in it.
    led: Vec<(&'static str, u32)>,
}

/// All counters that rows check, summed over CPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    interface: [u64; INTERFACE_COUNTERS],
    routers: [[u64; RouterCounter::COUNT]; ROUTERS],
    backends: [Traffic; BACKENDS as usize],
}

/// The result of a frame.
pub struct Outcome {
    /// Numbered as in the kernel.
    pub action: u32,
    pub frame: Vec<u8>,
}

/// Moves this thread into a network namespace of its own without forwarding: the program's route
/// lookups must not depend on the machine's routes.
///
/// # Panics
/// Not as root.
pub fn own_namespace() {
    unshare(CloneFlags::CLONE_NEWNET).expect("a namespace (root needed)");
    forward(false);
}

/// Turns forwarding in this thread's namespace on or off.
pub fn forward(on: bool) {
    for setting in ["ipv4/conf/all", "ipv4/conf/lo", "ipv6/conf/all"] {
        let path = format!("/proc/sys/net/{setting}/forwarding");
        // Without IPv6 there is nothing to set.
        let written = fs::write(&path, if on { "1" } else { "0" });
        assert!(written.is_ok() || setting.starts_with("ipv6"), "{path}: {written:?}");
    }
}

impl Kernel {
    /// Loads the object and the main program.
    ///
    /// # Panics
    /// No object, no permission, or a program that the kernel refuses: the message names the
    /// remedy.
    pub fn load() -> Self {
        let mut ebpf = open(&object_path());
        load(&mut ebpf, PROGRAM);
        Kernel { ebpf, led: Vec::new() }
    }

    /// The main program.
    pub fn program(&self) -> &Xdp {
        self.ebpf.program(PROGRAM).expect("in the object").try_into().expect("an XDP program")
    }

    /// Fills the maps as the agent would for `world`, and clears all rates.
    pub fn fill(&mut self, world: &World) {
        self.fill_routers(world);
        self.fill_tables(world);
        self.fill_services(world);
        self.fill_guards(world);
    }

    fn fill_routers(&mut self, world: &World) {
        let slot = u32::from(world.interface.is_some());
        self.array(name::INTERFACES).set(IFINDEX, slot, 0).expect("in range");
        self.array(name::INTERFACE_CONF)
            .set(0, world.interface.unwrap_or_default(), 0)
            .expect("in range");
        let mut vrids = self.array::<u32>(name::VRIDS);
        for (index, router) in (0..).zip(&world.routers) {
            let here = if router.ifindex == IFINDEX { index + 1 } else { 0 };
            vrids.set(vrid_slot(0, router.is_v6(), router.vrid), here, 0).expect("in range");
        }
        for (index, (router, words)) in (0..).zip(world.routers.iter().zip(&world.words)) {
            self.array(name::ROUTERS).set(index, *router, 0).expect("in range");
            self.array(name::MASTERSHIP).set(index, words.mastership, 0).expect("in range");
            self.array(name::LEASE).set(index, words.lease, 0).expect("in range");
            self.array(name::FENCE).set(index, words.fence, 0).expect("in range");
            self.array(name::LIVENESS).set(index, words.heard, 0).expect("in range");
            self.array(name::FOLLOWED).set(index, words.followed, 0).expect("in range");
        }
        self.replace::<RateKey, RateWindow>(name::RATES, &[]);
        for index in (0..ROUTERS as u32).chain([foreign_bucket(0)]) {
            self.array(name::ADVERT_BUCKETS).set(index, Bucket::default(), 0).expect("in range");
        }
    }

    /// The bucket tables: each entry at its index, before the former head of its bucket.
    fn fill_tables(&mut self, world: &World) {
        for (map, index) in std::mem::take(&mut self.led) {
            self.array(map).set(index, 0_u32, 0).expect("in range");
        }
        for (place, (key, conf)) in (0..).zip(&world.addresses) {
            let next = self.lead(name::ADDRESS_BUCKETS, key.bucket(), place);
            self.array(name::ADDRESSES)
                .set(place, AddressEntry { key: *key, next, conf: *conf }, 0)
                .expect("in range");
        }
        for (number, service) in (0..).zip(&world.services) {
            let next = self.lead(name::SERVICE_BUCKETS, service.key.bucket(), number);
            let entry = ServiceEntry { key: service.key, next, flags: service.flags };
            self.array(name::SERVICES).set(number, entry, 0).expect("in range");
        }
        for (place, &(key, conf)) in (0..).zip(&world.reverse) {
            self.lead(name::REVERSE_HINTS, reverse_hint(&key.address), 0);
            let next = self.lead(name::REVERSE_BUCKETS, key.bucket(), place);
            self.array(name::REVERSE)
                .set(place, ReverseEntry { key, next, pad: 0, conf }, 0)
                .expect("in range");
        }
    }

    /// Makes a bucket point to `place`; returns its former head.
    fn lead(&mut self, map: &'static str, bucket: u32, place: u32) -> u32 {
        self.led.push((map, bucket));
        let mut buckets = self.array::<u32>(map);
        let before = buckets.get(&bucket, 0).expect("in range");
        buckets.set(bucket, place + 1, 0).expect("in range");
        before
    }

    fn fill_services(&mut self, world: &World) {
        for (number, service) in (0..).zip(&world.services) {
            let in_use = RingsInUse {
                live: 1,
                base: if service.base.is_some() { 2 } else { 1 },
                epoch: EPOCH,
            };
            self.array(name::SERVICE_RINGS).set(number, in_use.word(), 0).expect("in range");
            let at = number * RINGS_PER_SERVICE;
            self.array(name::RINGS).set(at + in_use.live, *service.live, 0).expect("in range");
            if let Some(base) = &service.base {
                self.array(name::RINGS).set(at + in_use.base, **base, 0).expect("in range");
            }
        }
        for (index, backend) in (0..).zip(&world.backends) {
            self.array(name::BACKENDS).set(index, *backend, 0).expect("in range");
        }
        let epoch = u32::from(EPOCH) - u32::from(world.earlier_flows);
        let record = |backend| FlowRecord { backend: u32::from(backend), epoch };
        let flows: Vec<(FlowKey, FlowRecord)> =
            world.flows.iter().map(|&(key, backend)| (key, record(backend))).collect();
        self.replace(name::FLOWS, &flows);
    }

    fn fill_guards(&mut self, world: &World) {
        for (service, guard) in (0..).zip(&world.guards) {
            self.array(name::GUARDS).set(service, *guard, 0).expect("in range");
            self.array(name::TOTAL_BUCKETS).set(service, Bucket::default(), 0).expect("in range");
        }
        self.replace::<BucketKey, Bucket>(name::SOURCE_BUCKETS, &[]);
        let map = self.ebpf.map_mut(name::GUARD_SOURCES).expect("in the object");
        let mut sources: LpmTrie<&mut MapData, GuardedSource, u32> =
            LpmTrie::try_from(map).expect("a trie");
        let old: Vec<Key<GuardedSource>> =
            sources.keys().collect::<Result<_, _>>().expect("readable");
        for key in old {
            sources.remove(&key).expect("there");
        }
        for &(bits, source, what) in &world.guard_sources {
            sources.insert(&Key::new(bits, source), what, 0).expect("room");
        }
    }

    /// The recorded flows, sorted.
    pub fn flows(&mut self) -> Vec<(FlowKey, u16)> {
        let map = self.ebpf.map_mut(name::FLOWS).expect("in the object");
        let map: HashMap<&mut MapData, FlowKey, FlowRecord> =
            HashMap::try_from(map).expect("a hash");
        let flows = map.iter().map(|entry| entry.map(|(key, record)| (key, record.backend as u16)));
        let mut flows: Vec<(FlowKey, u16)> = flows.collect::<Result<_, _>>().expect("readable");
        flows.sort_unstable();
        flows
    }

    /// Numbers of recorded flows, advert rates and sources of connections.
    pub fn remembered(&mut self) -> [usize; 3] {
        [
            self.entries::<FlowKey, FlowRecord>(name::FLOWS),
            self.entries::<RateKey, RateWindow>(name::RATES),
            self.entries::<BucketKey, Bucket>(name::SOURCE_BUCKETS),
        ]
    }

    fn entries<K: Pod, V: Pod>(&mut self, name: &str) -> usize {
        let map = self.ebpf.map_mut(name).expect("in the object");
        let map: HashMap<&mut MapData, K, V> = HashMap::try_from(map).expect("a hash");
        map.keys().collect::<Result<Vec<K>, _>>().expect("readable").len()
    }

    /// Runs the main program on `frame`.
    pub fn run(&self, frame: &[u8]) -> Outcome {
        run(self.program(), frame)
    }

    pub fn fence(&mut self, router: usize) -> u64 {
        self.array(name::FENCE).get(&(router as u32), 0).expect("in range")
    }

    pub fn heard(&mut self, router: usize) -> Liveness {
        self.array(name::LIVENESS).get(&(router as u32), 0).expect("in range")
    }

    pub fn counters(&mut self) -> Counters {
        let interface = self.per_cpu::<u64>(name::INTERFACE_COUNTERS);
        let interface = std::array::from_fn(|index| sum(&interface, index));
        let routers = self.per_cpu::<u64>(name::ROUTER_COUNTERS);
        let routers = std::array::from_fn(|router| {
            std::array::from_fn(|counter| sum(&routers, router * RouterCounter::COUNT + counter))
        });
        let backends = self.per_cpu::<Traffic>(name::BACKEND_TRAFFIC);
        let backends = std::array::from_fn(|index| {
            let values = backends.get(&(index as u32), 0).expect("in range");
            let add = |total: Traffic, value: &Traffic| Traffic {
                packets: total.packets + value.packets,
                bytes: total.bytes + value.bytes,
            };
            values.iter().fold(Traffic::default(), add)
        });
        Counters { interface, routers, backends }
    }

    fn array<V: Pod>(&mut self, name: &str) -> Array<&mut MapData, V> {
        Array::try_from(self.ebpf.map_mut(name).expect("in the object")).expect("an array")
    }

    fn per_cpu<V: Pod>(&mut self, name: &str) -> PerCpuArray<&mut MapData, V> {
        PerCpuArray::try_from(self.ebpf.map_mut(name).expect("in the object"))
            .expect("a per-CPU array")
    }

    /// Empties a hash map and puts `entries` in.
    fn replace<K: Pod, V: Pod>(&mut self, name: &str, entries: &[(K, V)]) {
        let map = self.ebpf.map_mut(name).expect("in the object");
        let mut map: HashMap<&mut MapData, K, V> = HashMap::try_from(map).expect("a hash");
        let old: Vec<K> = map.keys().collect::<Result<_, _>>().expect("readable");
        for key in old {
            map.remove(&key).expect("there");
        }
        for (key, value) in entries {
            map.insert(key, value, 0).expect("room");
        }
    }
}

fn sum(map: &PerCpuArray<&mut MapData, u64>, index: usize) -> u64 {
    let values: PerCpuValues<u64> = map.get(&(index as u32), 0).expect("in range");
    values.iter().sum()
}

/// Makes the maps of an object; loads no program.
///
/// # Panics
/// As [`Kernel::load`].
pub fn open(path: &Path) -> Ebpf {
    let object = fs::read(path).unwrap_or_else(|error| {
        panic!("no kernel program at {} ({error}): run `cargo xtask build-ebpf`", path.display())
    });
    Ebpf::load(&object)
        .unwrap_or_else(|error| panic!("cannot make the maps (root needed): {error:?}"))
}

/// Loads one program of an object; panics as [`Kernel::load`] does.
pub fn load(ebpf: &mut Ebpf, program: &str) {
    let program: &mut Xdp =
        ebpf.program_mut(program).expect("in the object").try_into().expect("an XDP program");
    program.load().unwrap_or_else(|error| panic!("the kernel refuses the program: {error}"));
    let verified =
        program.info().ok().and_then(|info| info.verified_instruction_count()).unwrap_or(0);
    println!("{verified} instructions verified");
    // The number depends on the compiler's layout of the program, so there must be a margin.
    assert!(verified < MOST_VERIFIED, "{verified} of the verifier's 1000000 steps");
}

/// Runs a loaded program on `frame`.
pub fn run(program: &Xdp, frame: &[u8]) -> Outcome {
    let mut out = vec![0; MAX_FRAME];
    let options = TestRunOptions {
        data_in: Some(frame),
        data_out: Some(&mut out),
        ..TestRunOptions::default()
    };
    let result = program.test_run(options).unwrap_or_else(|error| panic!("no test run: {error:?}"));
    out.truncate(result.data_size_out as usize);
    Outcome { action: result.return_value, frame: out }
}

/// Runs a loaded program on `frame` many times, each time on the result of the last run.
pub fn repeat(program: &Xdp, frame: &[u8], times: u32) {
    let options =
        TestRunOptions { data_in: Some(frame), repeat: times, ..TestRunOptions::default() };
    program.test_run(options).unwrap_or_else(|error| panic!("no test run: {error:?}"));
}

/// `VRRP_EBPF_OBJ`, or the output path of `cargo xtask build-ebpf`.
pub fn object_path() -> PathBuf {
    let built = || {
        PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../target/ebpf/bpfel-unknown-none/release/vrrp-ebpf"
        ))
    };
    env::var_os("VRRP_EBPF_OBJ").map_or_else(built, PathBuf::from)
}

/// The differences between two readings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moved {
    pub verdicts: Vec<Verdict>,
    /// Sorted, once for each step a counter moved by.
    pub counts: Vec<Count>,
    /// Bytes counted for backends.
    pub bytes: u64,
}

impl Counters {
    pub fn router(&self, router: usize, counter: RouterCounter) -> u64 {
        self.routers[router][counter as usize]
    }

    /// Adverts dropped for this reason.
    pub fn dropped(&self, why: Reason) -> u64 {
        self.interface[reason(why) as usize]
    }

    /// Packets that went to any backend.
    pub fn steered(&self) -> u64 {
        self.backends.iter().map(|traffic| traffic.packets).sum()
    }

    pub fn since(&self, before: &Counters) -> Moved {
        let mut moved = Moved::default();
        let times = |now: u64, then: u64| 0..now - then;
        for &kind in Verdict::ALL {
            let index = verdict(kind) as usize;
            moved
                .verdicts
                .extend(times(self.interface[index], before.interface[index]).map(|_| kind));
        }
        for &why in Reason::ALL {
            let index = reason(why) as usize;
            moved.counts.extend(
                times(self.interface[index], before.interface[index]).map(|_| Count::Reason(why)),
            );
        }
        for router in 0..ROUTERS {
            for &counter in RouterCounter::ALL {
                let (now, then) = (
                    self.routers[router][counter as usize],
                    before.routers[router][counter as usize],
                );
                moved.counts.extend(times(now, then).map(|_| Count::Router(router, counter)));
            }
        }
        for (index, (now, then)) in (0..).zip(self.backends.iter().zip(&before.backends)) {
            moved.counts.extend(times(now.packets, then.packets).map(|_| Count::Backend(index)));
            moved.bytes += now.bytes - then.bytes;
        }
        moved.counts.sort();
        moved
    }
}
