//! Load on all CPUs, by threads of the bench itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, bail};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Threads of ordinary priority in an endless loop.
pub struct BusyLoops {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl BusyLoops {
    /// Starts `count` threads, the same number on each CPU.
    pub fn start(count: usize) -> Result<Self> {
        let cpus = thread::available_parallelism().context("counting CPUs")?.get();
        let stop = Arc::new(AtomicBool::new(false));
        let mut loops = Self { stop: Arc::clone(&stop), threads: Vec::new() };
        for number in 0..count {
            let stop = Arc::clone(&stop);
            let mut only = CpuSet::new();
            only.set(number % cpus).context("naming a CPU")?;
            let spin = move || {
                // If pinning is not permitted, the scheduler spreads them.
                let _ = sched_setaffinity(Pid::from_raw(0), &only);
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            };
            loops.threads.push(thread::Builder::new().name("busy".to_owned()).spawn(spin)?);
        }
        Ok(loops)
    }

    pub fn stop(mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                bail!("a busy loop panicked");
            }
        }
        Ok(())
    }
}

impl Drop for BusyLoops {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
