//! Evaluates a probe's samples: counts, gaps, latencies.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

/// A client notices gaps from this length on.
pub const NOTICEABLE_GAP_MS: f64 = 50.0;
/// Stalls of the probe from this length on are reported.
const NOTEWORTHY_STALL_MS: f64 = 30.0;

/// The result of one request.
#[derive(Debug, Clone)]
pub struct Sample {
    pub sent: Instant,
    pub done: Instant,
    /// The node that answered 200, or why it failed.
    pub outcome: Result<String, String>,
}

/// The results of a client.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    pub sent: usize,
    pub ok: usize,
    pub failed: usize,
    /// Answers by node.
    pub by_node: BTreeMap<String, usize>,
    /// Failures by reason.
    pub failures: BTreeMap<String, usize>,
    /// The longest time without an answer, ms, without the time in which the probe was not
    /// scheduled.
    pub outage_ms: f64,
    /// The longest time in which the probe was not scheduled, ms: the accuracy of the measurement.
    pub stall_ms: f64,
    /// Time from sending to the end of the answer, ms: median and worst.
    pub latency_p50_ms: f64,
    pub latency_max_ms: f64,
}

impl Summary {
    /// `samples` in any order; the probe sent one each `interval`.
    pub fn of(samples: &[Sample], interval: Duration) -> Self {
        let mut this = Self { sent: samples.len(), ..Self::default() };
        let mut answered = Vec::new();
        let mut latencies = Vec::new();
        for sample in samples {
            match &sample.outcome {
                Ok(node) => {
                    this.ok += 1;
                    *this.by_node.entry(node.clone()).or_default() += 1;
                    answered.push(sample.done);
                    latencies.push(millis(sample.done - sample.sent));
                }
                Err(reason) => {
                    this.failed += 1;
                    *this.failures.entry(reason.clone()).or_default() += 1;
                }
            }
        }
        answered.sort();
        latencies.sort_by(f64::total_cmp);
        this.latency_p50_ms = latencies.get(latencies.len() / 2).copied().unwrap_or_default();
        this.latency_max_ms = latencies.last().copied().unwrap_or_default();
        let mut sends: Vec<Instant> = samples.iter().map(|sample| sample.sent).collect();
        sends.sort();
        let stalls = stalls(&sends, interval);
        this.stall_ms = stalls.iter().map(|(from, to)| millis(*to - *from)).fold(0.0, f64::max);
        this.outage_ms = longest_outage(&sends, &answered, &stalls);
        this
    }

    /// One line of text.
    pub fn sentence(&self) -> String {
        let nodes: Vec<String> =
            self.by_node.iter().map(|(node, count)| format!("{node} {count}")).collect();
        let answered =
            if nodes.is_empty() { "no node answered".to_owned() } else { nodes.join(", ") };
        let lost = match self.failed {
            0 => "none lost".to_owned(),
            n => format!("{n} lost"),
        };
        let mut text = format!(
            "{} requests: {answered}; {lost}; longest gap {:.1} ms",
            self.sent, self.outage_ms
        );
        if self.stall_ms > NOTEWORTHY_STALL_MS {
            text.push_str(&format!(
                " (this machine kept the client from asking for {:.0} ms)",
                self.stall_ms
            ));
        }
        text
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The times in which a request was due but not sent.
fn stalls(sends: &[Instant], interval: Duration) -> Vec<(Instant, Instant)> {
    sends
        .windows(2)
        .filter(|pair| pair[1] - pair[0] > interval * 2)
        .map(|pair| (pair[0] + interval, pair[1]))
        .collect()
}

/// The longest time between two answers in a row, ms, from the first request to the last; less the
/// stalls in it.
fn longest_outage(sends: &[Instant], answered: &[Instant], stalls: &[(Instant, Instant)]) -> f64 {
    let (Some(first), Some(last)) = (sends.first(), sends.last()) else { return 0.0 };
    let marks: Vec<Instant> =
        [*first].into_iter().chain(answered.iter().copied()).chain([*last]).collect();
    let gap = |from: Instant, to: Instant| {
        let stalled: Duration = stalls
            .iter()
            .map(|(begin, end)| (*end).min(to).saturating_duration_since((*begin).max(from)))
            .sum();
        millis(to.saturating_duration_since(from).saturating_sub(stalled))
    };
    marks.windows(2).map(|pair| gap(pair[0], pair[1])).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests;
