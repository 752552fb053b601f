//! How the election thread fares, and durations counted by size.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use vrrp_model::histogram::Histogram;
use vrrp_model::{Degraded, Missing};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ElectionStatus {
    /// What the thread was refused, and goes without.
    pub missing: Vec<MissingStatus>,
    /// From a deadline to the moment at which the thread acted on it.
    pub lateness: HistogramStatus,
    /// The worst since the agent started.
    pub lateness_max_seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingStatus {
    pub what: Missing,
    /// Why, and what would help.
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
    /// The longest that is counted here.
    pub up_to_seconds: Option<f64>,
    /// Those that no bucket before this one holds.
    pub count: u64,
}

impl ElectionStatus {
    pub fn new<const N: usize>(lateness: &Histogram<N>, degraded: &[Degraded]) -> Self {
        let missing = |degraded: &Degraded| MissingStatus {
            what: degraded.what,
            reason: degraded.reason.clone(),
        };
        Self {
            missing: degraded.iter().map(missing).collect(),
            lateness: lateness.into(),
            lateness_max_seconds: lateness.longest().as_secs_f64(),
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
