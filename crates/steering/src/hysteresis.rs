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

    /// The same, with the initial state `up`.
    pub fn starting(self, up: bool) -> Self {
        Self { up: Some(up), ..self }
    }

    /// The state; `None` until the first result.
    pub fn up(&self) -> Option<bool> {
        self.up
    }

    /// Takes one result; `Some` is a new state. The first result sets the state at once.
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
mod tests;
