//! Token buckets, kept as one number: the time at which a bucket would be full again (the generic
//! cell rate algorithm, ITU-T I.371).

use crate::maps::Bucket;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Takes a token at `now` from a bucket that gains `rate` tokens a second and holds `burst`.
/// Returns whether there was one, and the bucket as it is then; one that was never used is full.
/// Times in nanoseconds since boot; neither number is 0.
#[inline(always)]
pub const fn take(bucket: Bucket, now: u64, rate: u32, burst: u32) -> (bool, Bucket) {
    // A rate of 0 would be a division that panics.
    let token = NANOS_PER_SECOND / if rate == 0 { 1 } else { rate as u64 };
    let from = if bucket.full_at > now { bucket.full_at } else { now };
    let full_at = from + token;
    if full_at - now > token * burst as u64 {
        return (false, bucket);
    }
    (true, Bucket { full_at })
}

#[cfg(test)]
mod tests;
