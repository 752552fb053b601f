//! Loading the kernel program, and passing on what it logs.

use std::time::Duration;

use crate::effects;
use crate::plane::loader::{KernelLog, Plane};
use crate::plane::pins::{Kind, Pins};
use crate::signals::Signals;
use vrrp_model::{Config, XdpUse};

const KERNEL_LOG_EVERY: Duration = Duration::from_millis(100);

/// A signal asked the agent to stop before it had changed anything on this host; its name.
pub struct Stopped(pub &'static str);

/// Loads the kernel program, or logs why the agent goes without. The time that takes is most of the
/// start.
///
/// # Errors
/// A stop was asked for meanwhile, and no earlier agent left anything: nothing stays. What an
/// earlier one left is taken back by a stop in the ordinary way, so the start goes on then.
pub async fn open(
    config: &Config,
    kernel_log: bool,
    signals: &mut Signals,
) -> Result<Option<Plane>, Stopped> {
    let fresh = !was_left(config);
    if let Some(signal) = signals.stop_asked().filter(|_| fresh) {
        return Err(Stopped(signal));
    }
    if config.xdp == XdpUse::Off {
        tracing::info!("xdp is off: the election and the addresses work through the sockets alone");
        return Ok(None);
    }
    let bpf_dir = config.bpf_dir.clone();
    // On a thread of its own: this one takes the signals.
    let plane = tokio::task::spawn_blocking(move || Plane::open(&bpf_dir, kernel_log)).await;
    let plane = match plane {
        Ok(Ok(plane)) => Some(plane),
        Ok(Err(error)) => {
            tracing::warn!(%error, "no kernel program");
            None
        }
        Err(error) => {
            tracing::error!(%error, "no kernel program: loading it ended early, a defect, please report it");
            None
        }
    };
    if let Some(signal) = signals.stop_asked().filter(|_| fresh) {
        // Also where the program was refused: its directory was made before.
        Pins::of_any_layout(Kind::Xdp, &config.bpf_dir).iter().for_each(Pins::clear);
        return Err(Stopped(signal));
    }
    Ok(plane)
}

/// Whether an earlier agent left a program, or may have left addresses.
fn was_left(config: &Config) -> bool {
    let pinned = [Kind::Xdp, Kind::Sockets]
        .into_iter()
        .flat_map(|kind| Pins::of_any_layout(kind, &config.bpf_dir));
    pinned.into_iter().any(|pins| !pins.is_empty())
        || effects::record_path(&config.api_socket).exists()
}

/// Lines of the kernel program come in bursts of a few a failover: a look now and then is enough.
pub async fn pass_on(mut log: KernelLog) {
    let mut tick = tokio::time::interval(KERNEL_LOG_EVERY);
    loop {
        tick.tick().await;
        log.flush();
    }
}
