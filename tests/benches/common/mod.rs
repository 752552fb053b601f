//! What the benches of the kernel programs share: the object with what they measure by, and the clock.

use aya::maps::{Array, MapData, PerCpuArray};
use aya::programs::Xdp;
use aya::{Ebpf, Pod};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use crate::rows::kernel;

/// The object of `vrrp-ebpf/src/bench`.
pub struct Object(pub Ebpf);

impl Object {
    /// Loads these programs of it; panics as `Kernel::load` does.
    pub fn load(programs: &[&str]) -> Self {
        let mut ebpf = kernel::open(&kernel::object_path().with_file_name("vrrp-bench"));
        for name in programs {
            kernel::load(&mut ebpf, name);
        }
        Object(ebpf)
    }

    pub fn program(&self, name: &str) -> &Xdp {
        self.0.program(name).expect("in the object").try_into().expect("an XDP program")
    }

    pub fn array<V: Pod>(&mut self, name: &str) -> Array<&mut MapData, V> {
        Array::try_from(self.0.map_mut(name).expect("in the object")).expect("an array")
    }

    /// The first value of a per-CPU array, summed over all CPUs.
    pub fn sum(&mut self, name: &str) -> u64 {
        let map = PerCpuArray::try_from(self.0.map(name).expect("in the object")).expect("a per-CPU array");
        map.get(&0, 0).expect("in range").iter().sum()
    }
}

/// CPU time of this thread, ns.
pub fn cpu_nanos() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock every Linux has");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

/// Keeps this thread on the last CPU, whose number it returns: the first one has most interrupts.
pub fn pin() -> usize {
    let last = std::thread::available_parallelism().map_or(1, usize::from) - 1;
    let mut set = CpuSet::new();
    if set.set(last).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)).is_err() {
        println!("this thread could not be pinned to CPU {last}");
    }
    last
}
