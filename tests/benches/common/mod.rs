//! Shared by the benches of the kernel programs: the bench object, and the clock.

#![allow(dead_code, reason = "each bench uses its part")]

pub mod place;
pub mod traffic;

use aya::maps::{Array, MapData, ProgramArray};
use aya::programs::{ProgramFd, Xdp};
use aya::{Ebpf, Pod};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use vrrp_common::flow::RING_SLOTS;

use crate::rows::kernel;

/// The object of `vrrp-ebpf/src/bench`.
pub struct Object(pub Ebpf);

impl Object {
    /// Loads these programs of the object; panics as `Kernel::load` does.
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

    /// Makes `bench_reset` continue with this program.
    pub fn measure(&mut self, program: &ProgramFd) {
        let map = self.0.map_mut("MEASURED").expect("in the object");
        ProgramArray::try_from(map)
            .expect("a program array")
            .set(0, program, 0)
            .expect("same type");
    }

    /// Makes the minimal steering program spread its flows over this many backends, all of them at
    /// `destination`.
    pub fn steer(&mut self, backends: u16, destination: [u8; 6], source: [u8; 6]) {
        let mut ring = [0_u16; RING_SLOTS + 3];
        for (slot, backend) in ring.iter_mut().zip((0..backends).cycle()) {
            *slot = backend;
        }
        self.array::<[u16; RING_SLOTS + 3]>("RING").set(0, ring, 0).expect("in range");
        let mut next_hop = [0; 16];
        next_hop[..6].copy_from_slice(&destination);
        next_hop[6..12].copy_from_slice(&source);
        for backend in 0..backends.into() {
            self.array::<[u8; 16]>("NEXT_HOPS").set(backend, next_hop, 0).expect("in range");
        }
    }
}

/// CPU time of this thread, ns.
pub fn cpu_nanos() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock every Linux has");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

/// Pins this thread to the last CPU and returns its number: the first CPU has most interrupts.
pub fn pin() -> usize {
    let last = std::thread::available_parallelism().map_or(1, usize::from) - 1;
    pin_to(last);
    last
}

/// Pins this thread to a CPU.
pub fn pin_to(cpu: usize) {
    let mut set = CpuSet::new();
    if set.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)).is_err() {
        println!("this thread could not be pinned to CPU {cpu}");
    }
}
