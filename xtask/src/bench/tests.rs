use std::time::Duration;

use super::units::{interval_text, parse_interval};

#[test]
fn intervals_are_read_and_written() {
    assert_eq!(parse_interval("1s"), Ok(Duration::from_secs(1)));
    assert_eq!(parse_interval("100ms"), Ok(Duration::from_millis(100)));
    for wrong in ["", "1", "s", "1m", "5ms", "15ms", "1s1s"] {
        assert!(parse_interval(wrong).is_err(), "{wrong}");
    }
    assert_eq!(
        ["1s", "2000ms", "10ms"]
            .map(|text| interval_text(parse_interval(text).unwrap_or_default())),
        ["1 s", "2 s", "10 ms"]
    );
}
