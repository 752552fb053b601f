use super::*;

#[test]
fn pauses_do_not_count_as_acting() {
    let begin = Instant::now();
    let acts = [0, 50, 100, 1000, 1050].map(|ms| begin + Duration::from_millis(ms));
    let both = Both::of(&acts);
    assert_eq!((both.both_frames, both.both_ms), (5, 150.0));
    assert_eq!(Both::default().text(), "none");
}
