//! Loading the kernel program, and passing on what it logs.

use std::time::Duration;

use crate::model::{Config, XdpUse};
use crate::plane::object::{KernelLog, Plane};

const KERNEL_LOG_EVERY: Duration = Duration::from_millis(100);

/// Loads the kernel program, or says why the agent goes without.
pub fn open(config: &Config, kernel_log: bool) -> Option<Plane> {
    if config.xdp == XdpUse::Off {
        tracing::info!("xdp is off: the election and the addresses work through the sockets alone");
        return None;
    }
    Plane::open(&config.bpf_dir, kernel_log)
        .inspect_err(|error| tracing::warn!(%error, "no kernel program: the election works, the data plane does not"))
        .ok()
}

/// Lines of the kernel program come in bursts of a few a failover: a look now and then is enough.
pub async fn pass_on(mut log: KernelLog) {
    let mut tick = tokio::time::interval(KERNEL_LOG_EVERY);
    loop {
        tick.tick().await;
        log.flush();
    }
}
