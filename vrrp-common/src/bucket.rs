//! Token buckets in one number each: the time at which the bucket is full again (the generic cell
//! rate algorithm, ITU-T I.371).

use crate::maps::Bucket;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Takes a token at `now` from a bucket of `rate` tokens per second and depth `burst`. Returns
/// whether there was a token, and the new state of the bucket; a new bucket is full. Times are
/// nanoseconds since boot; `rate` and `burst` are not 0.
#[inline(always)]
pub const fn take(bucket: Bucket, now: u64, rate: u32, burst: u32) -> (bool, Bucket) {
    // A division by 0 would be a panic path.
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
