//! Durations as the command line and the tables write them.

use std::time::Duration;

/// A duration as in the configuration: `1s`, `100ms`.
pub fn parse_interval(text: &str) -> Result<Duration, String> {
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 =
        number.parse().map_err(|_| format!("{text} is no duration such as 1s or 100ms"))?;
    let interval = match unit {
        "s" => Duration::from_secs(number),
        "ms" => Duration::from_millis(number),
        _ => return Err(format!("{text} has no unit: s or ms")),
    };
    // Version 3 counts centiseconds in twelve bits.
    if !(10..=40_950).contains(&interval.as_millis()) || interval.as_millis() % 10 != 0 {
        return Err(format!(
            "{text}: version 3 has whole hundredths of a second, from 10ms to 40950ms"
        ));
    }
    Ok(interval)
}

/// The inverse of [`parse_interval`].
pub fn interval_text(interval: Duration) -> String {
    match interval.subsec_millis() {
        0 => format!("{} s", interval.as_secs()),
        _ => format!("{} ms", interval.as_millis()),
    }
}

pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
