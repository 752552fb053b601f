use super::*;

const BOUNDS: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(10)];

#[test]
fn a_duration_falls_into_the_first_bucket_that_holds_it() {
    let mut histogram = Histogram::new(&BOUNDS);
    for micros in [0, 1_000, 1_001, 10_000, 10_001, 9_000_000] {
        histogram.record(Duration::from_micros(micros));
    }
    let [small, large] = BOUNDS.map(Some);
    assert_eq!(histogram.buckets().collect::<Vec<_>>(), [(small, 2), (large, 2), (None, 2)]);
    assert_eq!(histogram.sum(), Duration::from_micros(9_022_002));
    assert_eq!(histogram.longest(), Duration::from_secs(9));
}
