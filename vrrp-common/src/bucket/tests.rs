use super::*;

const SECOND: u64 = NANOS_PER_SECOND;

fn taken(bucket: &mut Bucket, now: u64, times: u32) -> u32 {
    let mut got = 0;
    for _ in 0..times {
        let (had, after) = take(*bucket, now, 10, 20);
        *bucket = after;
        got += u32::from(had);
    }
    got
}

#[test]
fn a_burst_then_the_rate_then_full_again() {
    let mut bucket = Bucket::default();
    assert_eq!(taken(&mut bucket, 5 * SECOND, 100), 20);
    assert_eq!(taken(&mut bucket, 6 * SECOND, 100), 10);
    assert_eq!(taken(&mut bucket, 6 * SECOND + SECOND / 10, 100), 1);
    assert_eq!(taken(&mut bucket, 60 * SECOND, 100), 20);
}
