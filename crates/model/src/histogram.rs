//! Durations counted by size. Recording one takes no lock and no memory, so that the election
//! thread can.

use std::time::Duration;

/// Counts of durations in `N` buckets with upper bounds and one without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram<const N: usize> {
    /// Ascending; each belongs to its bucket.
    bounds: &'static [Duration; N],
    counts: [u64; N],
    beyond: u64,
    sum: Duration,
    longest: Duration,
}

impl<const N: usize> Histogram<N> {
    pub const fn new(bounds: &'static [Duration; N]) -> Self {
        Self { bounds, counts: [0; N], beyond: 0, sum: Duration::ZERO, longest: Duration::ZERO }
    }

    pub fn record(&mut self, duration: Duration) {
        let fitting = self.bounds.iter().position(|bound| duration <= *bound);
        let count =
            fitting.and_then(|index| self.counts.get_mut(index)).unwrap_or(&mut self.beyond);
        *count += 1;
        self.sum = self.sum.saturating_add(duration);
        self.longest = self.longest.max(duration);
    }

    /// Each bucket's upper bound (`None`: the last) and how many fell into it.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounded = self.bounds.iter().copied().map(Some).zip(self.counts);
        bounded.chain([(None, self.beyond)])
    }

    pub const fn sum(&self) -> Duration {
        self.sum
    }

    /// The longest so far; zero before the first.
    pub const fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests;
