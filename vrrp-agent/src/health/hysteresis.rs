//! Rise and fall: how many equal results in a row change a state. Pure.

use std::num::NonZeroU32;

/// Turns a row of results into changes of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hysteresis {
    rise: NonZeroU32,
    fall: NonZeroU32,
    /// `None` until the first result.
    up: Option<bool>,
    /// Results in a row that contradict `up`.
    against: u32,
}

impl Hysteresis {
    /// `rise` successes in a row make it up, `fall` failures down; 0 counts as 1.
    pub fn new(rise: u32, fall: u32) -> Self {
        let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self { rise: at_least_one(rise), fall: at_least_one(fall), up: None, against: 0 }
    }

    /// The same, with `up` in force before any result.
    pub fn starting(self, up: bool) -> Self {
        Self { up: Some(up), ..self }
    }

    /// The state in force; `None` until the first result.
    pub fn up(&self) -> Option<bool> {
        self.up
    }

    /// Takes one result; `Some` is the new state when it changed. The first result decides at once:
    /// until then nothing is known, so there is nothing to defend.
    pub fn record(&mut self, ok: bool) -> Option<bool> {
        if self.up == Some(ok) {
            self.against = 0;
            return None;
        }
        self.against = self.against.saturating_add(1);
        let needed = if ok { self.rise } else { self.fall };
        if self.up.is_some() && self.against < needed.get() {
            return None;
        }
        self.up = Some(ok);
        self.against = 0;
        Some(ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_result_decides() {
        assert_eq!(Hysteresis::new(3, 3).record(true), Some(true));
        assert_eq!(Hysteresis::new(3, 3).record(false), Some(false));
    }

    #[test]
    fn fall_failures_in_a_row_take_it_down_and_rise_successes_bring_it_back() {
        let mut health = Hysteresis::new(2, 3);
        let results =
            [true, false, false, true, false, false, false, false, true, false, true, true];
        let changes = results.map(|ok| health.record(ok));
        let mut expected = [None; 12];
        expected[0] = Some(true);
        expected[6] = Some(false);
        expected[11] = Some(true);
        assert_eq!(changes, expected);
        assert_eq!(health.up(), Some(true));
    }

    #[test]
    fn zero_counts_as_one() {
        let mut health = Hysteresis::new(0, 0);
        assert_eq!(health.record(true), Some(true));
        assert_eq!(health.record(false), Some(false));
        assert_eq!(health.record(true), Some(true));
    }
}
