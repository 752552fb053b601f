//! Observes a pair during an event: a client that sends a request each millisecond, a capture, and
//! the holders of the address.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use vrrp_tests::Node;
use vrrp_tests::capture::{Capture, Recording};
use vrrp_tests::echo::EchoProbe;
use vrrp_tests::pair::{Pair, Plan};
use vrrp_tests::probe::Report;

use super::units::millis;

/// Interval of the client's requests: shorter outages cannot be seen.
pub const PROBE_INTERVAL: Duration = Duration::from_millis(1);
/// Traffic before the event, as the reference.
const RUN_UP: Duration = Duration::from_millis(300);
/// A gap may begin this long before its cause: a reply may have been in flight.
const BEFORE: Duration = Duration::from_millis(20);
/// How often the client broadcasts an ARP request for the address, so that every node that claims
/// it answers.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// The most that a busy machine may add to the protocol's timers before the wait is given up.
const ROOM: Duration = Duration::from_secs(5);
/// Frames of the wrong node with a longer pause between them count as separate incidents.
const PAUSE: Duration = Duration::from_millis(200);

/// A running observation of a pair.
pub struct Observation {
    capture: Capture,
    probe: EchoProbe,
}

/// The result of one event.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// The longest time without an answer beyond the usual one, ms, without the time in which the
    /// client was not scheduled.
    pub outage_ms: f64,
    /// The longest time in which the client was not scheduled, ms.
    pub stall_ms: f64,
    /// From the event to the successor's first advert, ms.
    pub successor_ms: Option<f64>,
    #[serde(flatten)]
    pub both: Both,
    /// Frames that the capture lost: with any lost, a zero in `both` proves nothing.
    pub not_captured: u32,
}

/// What a second node sent while another one was master.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Both {
    pub both_frames: usize,
    pub both_ms: f64,
}

impl Observation {
    /// Starts the observation, and lets some traffic pass.
    pub fn begin(pair: &Pair) -> Result<Self> {
        let observation = Self { capture: pair.capture()?, probe: pair.probe(PROBE_INTERVAL)? };
        wait_asking(pair, RUN_UP)?;
        Ok(observation)
    }

    /// Waits until `node` has advertised since `since`.
    pub fn wait_for(&self, pair: &Pair, node: Node, since: Instant) -> Result<()> {
        let deadline = Instant::now() + pair.plan().master_down_interval() + ROOM;
        while self.capture.first_advert(since, node, Plan::VRID).is_none() {
            if Instant::now() >= deadline {
                bail!("{node} has not become master");
            }
            wait_asking(pair, ASK_EVERY)?;
        }
        Ok(())
    }

    /// Ends the observation of an event at `since` that should make `successor` the master.
    pub fn end(self, pair: &Pair, since: Instant, successor: Node) -> Result<Seen> {
        let (report, recording) = self.stop()?;
        let summary =
            report.summary_since(since.checked_sub(BEFORE).context("the clock has just begun")?);
        let first = recording.first_advert(since, successor, Plan::VRID);
        Ok(Seen {
            outage_ms: beyond_usual(summary.outage_ms),
            stall_ms: summary.stall_ms,
            successor_ms: first.map(|at| millis(at - since)),
            both: Both::of(&recording.second_is_active(since, pair.plan().vip())),
            not_captured: recording.lost,
        })
    }

    /// Ends the observation and returns everything that was recorded.
    pub fn stop(self) -> Result<(Report, Recording)> {
        let report = self.probe.stop()?;
        Ok((report, self.capture.stop()?))
    }
}

/// Waits while the client sends ARP requests for the address.
pub fn wait_asking(pair: &Pair, time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    loop {
        pair.ask_for_address()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        sleep(left.min(ASK_EVERY));
    }
}

/// Without any failure answers still come one interval apart.
pub fn beyond_usual(gap_ms: f64) -> f64 {
    (gap_ms - millis(PROBE_INTERVAL)).max(0.0)
}

impl Both {
    /// From the times of the frames, in order.
    pub fn of(acts: &[Instant]) -> Self {
        let steps = acts.windows(2).map(|pair| pair[1] - pair[0]).filter(|step| *step <= PAUSE);
        Self { both_frames: acts.len(), both_ms: millis(steps.sum()) }
    }

    pub fn text(self) -> String {
        match self.both_frames {
            0 => "none".to_owned(),
            frames => format!("{frames} in {:.0} ms", self.both_ms),
        }
    }
}

#[cfg(test)]
mod tests;
