//! State of the election thread, and histograms of durations.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use vrrp_model::histogram::Histogram;
use vrrp_model::{Degraded, Missing};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ElectionStatus {
    /// Privileges that the system denied the thread.
    pub missing: Vec<MissingStatus>,
    /// Delay from a deadline to its handling.
    pub lateness: HistogramStatus,
    /// The maximum since the agent started.
    pub lateness_max_seconds: f64,
    /// Transitions that are missing in the log, because their queue was full.
    #[serde(default)]
    pub transitions_dropped: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingStatus {
    pub what: Missing,
    /// The cause and its remedy.
    pub reason: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HistogramStatus {
    pub sum_seconds: f64,
    /// Ascending; the last one has no bound.
    pub buckets: Vec<BucketStatus>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BucketStatus {
    /// Upper bound, inclusive; `None` for the last bucket.
    pub up_to_seconds: Option<f64>,
    /// Count of this bucket alone, not cumulative.
    pub count: u64,
}

impl ElectionStatus {
    pub fn new<const N: usize>(
        lateness: &Histogram<N>,
        degraded: &[Degraded],
        transitions_dropped: u64,
    ) -> Self {
        let missing = |degraded: &Degraded| MissingStatus {
            what: degraded.what,
            reason: degraded.reason.clone(),
        };
        Self {
            missing: degraded.iter().map(missing).collect(),
            lateness: lateness.into(),
            lateness_max_seconds: lateness.longest().as_secs_f64(),
            transitions_dropped,
        }
    }
}

impl<const N: usize> From<&Histogram<N>> for HistogramStatus {
    fn from(histogram: &Histogram<N>) -> Self {
        let bucket = |(bound, count): (Option<Duration>, u64)| BucketStatus {
            up_to_seconds: bound.map(|bound| bound.as_secs_f64()),
            count,
        };
        Self {
            sum_seconds: histogram.sum().as_secs_f64(),
            buckets: histogram.buckets().map(bucket).collect(),
        }
    }
}
