//! When one path is probed, and what its answers amount to. Pure.

use std::time::Duration;

use crate::health::hysteresis::Hysteresis;
use crate::model::Check;
use crate::time::Instant;

/// A frame may be lost without anybody's fault, and so may its answer.
const FEWEST_FAILURES: u32 = 2;

/// Times and results of one path.
#[derive(Debug, Clone)]
pub struct Timetable {
    interval: Duration,
    timeout: Duration,
    phase: Phase,
    /// Failures in a row that make it broken.
    fall: u32,
    health: Hysteresis,
    /// What is known; `None` while nothing is.
    opinion: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle {
        until: Instant,
    },
    Asked {
        at: Instant,
    },
    /// The answer is waited for until `until`.
    Repeated {
        at: Instant,
        until: Instant,
    },
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Send a first segment.
    Ask,
    /// Send it once more.
    Repeat,
    /// Nobody has answered.
    Silence,
}

impl Timetable {
    /// Begins at once, at the interval of the service's check.
    pub fn new(check: &Check, now: Instant) -> Self {
        let fall = check.fall.max(FEWEST_FAILURES);
        Self {
            interval: check.interval,
            timeout: check.timeout,
            phase: Phase::Idle { until: now },
            fall,
            health: unproven(fall),
            opinion: None,
        }
    }

    pub fn opinion(&self) -> Option<bool> {
        self.opinion
    }

    /// When [`Timetable::poll`] has something.
    pub fn next(&self) -> Instant {
        match self.phase {
            Phase::Idle { until } => until,
            Phase::Asked { at } => at + self.timeout / 2,
            Phase::Repeated { until, .. } => until,
        }
    }

    /// What is due; after [`Due::Silence`] the caller concludes.
    pub fn poll(&mut self, now: Instant) -> Option<Due> {
        if now < self.next() {
            return None;
        }
        match self.phase {
            Phase::Idle { .. } => {
                self.phase = Phase::Asked { at: now };
                Some(Due::Ask)
            }
            Phase::Asked { at } => {
                // Also where this comes late: an agent that was held up has heard nothing
                // meanwhile.
                self.phase = Phase::Repeated { at, until: now + self.timeout / 2 };
                Some(Due::Repeat)
            }
            Phase::Repeated { .. } => Some(Due::Silence),
        }
    }

    /// An attempt has ended; `Some` is the opinion when it is another than before.
    pub fn conclude(&mut self, now: Instant, works: bool) -> Option<bool> {
        self.rest(now);
        self.health.record(works);
        let opinion =
            if works { Some(true) } else { self.health.up().filter(|up| !up).or(self.opinion) };
        if opinion == self.opinion {
            return None;
        }
        self.opinion = opinion;
        opinion
    }

    /// An attempt could not be made, which says nothing of the path.
    pub fn excuse(&mut self, now: Instant) {
        self.rest(now);
        self.health = unproven(self.fall);
        self.opinion = None;
    }

    fn rest(&mut self, now: Instant) {
        if let Phase::Asked { at } | Phase::Repeated { at, .. } = self.phase {
            self.phase = Phase::Idle { until: now.max(at + self.interval) };
        }
    }
}

/// Well until proven otherwise: that is what the direct check says.
fn unproven(fall: u32) -> Hysteresis {
    Hysteresis::new(1, fall).starting(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CheckKind;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    fn timetable(fall: u32) -> Timetable {
        let (interval, timeout) = (Duration::from_millis(250), Duration::from_millis(200));
        Timetable::new(
            &Check { kind: CheckKind::Tcp { port: None }, interval, timeout, rise: 3, fall },
            at(1_000),
        )
    }

    /// Everything due up to `end`, each silence concluded.
    fn run(timetable: &mut Timetable, end: u64) -> Vec<(u64, Due, Option<bool>)> {
        let mut seen = Vec::new();
        while timetable.next() <= at(end) {
            let now = timetable.next();
            let due = timetable.poll(now).expect("something is due");
            let news = if due == Due::Silence { timetable.conclude(now, false) } else { None };
            seen.push((now.as_micros() / 1_000, due, news));
        }
        seen
    }

    #[test]
    fn a_frame_is_repeated_once_and_two_silences_make_a_path_broken_whatever_the_check_says() {
        let mut timetable = timetable(1);
        let expected = [
            (1_000, Due::Ask, None),
            (1_100, Due::Repeat, None),
            (1_200, Due::Silence, None),
            (1_250, Due::Ask, None),
            (1_350, Due::Repeat, None),
            (1_450, Due::Silence, Some(false)),
            (1_500, Due::Ask, None),
            (1_600, Due::Repeat, None),
            (1_700, Due::Silence, None),
        ];
        assert_eq!(run(&mut timetable, 1_700), expected);
        assert_eq!(timetable.opinion(), Some(false));
        assert_eq!(timetable.poll(at(1_750)), Some(Due::Ask));
        assert_eq!(timetable.conclude(at(1_760), true), Some(true), "one success is enough");
        assert_eq!(timetable.next(), at(2_000));
    }

    #[test]
    fn a_single_silence_is_no_news() {
        let mut timetable = timetable(1);
        timetable.poll(at(1_000));
        assert_eq!(timetable.conclude(at(1_001), true), Some(true));
        let results = [false, true, false, true, false, false];
        let news = results.map(|works| timetable.conclude(at(1_001), works));
        assert_eq!(news, [None, None, None, None, None, Some(false)]);
    }

    #[test]
    fn the_fall_of_the_check_counts_where_it_is_larger() {
        let mut timetable = timetable(4);
        let news = [(); 5].map(|()| timetable.conclude(at(1_000), false));
        assert_eq!(news, [None, None, None, Some(false), None]);
    }

    #[test]
    fn what_could_not_be_asked_is_no_failure_and_forgets_the_others() {
        let mut timetable = timetable(1);
        timetable.poll(at(1_000));
        assert_eq!(timetable.conclude(at(1_000), false), None);
        timetable.poll(at(1_250));
        timetable.excuse(at(1_250));
        assert_eq!((timetable.opinion(), timetable.next()), (None, at(1_500)));
        assert_eq!([(); 2].map(|()| timetable.conclude(at(1_500), false)), [None, Some(false)]);
        timetable.excuse(at(1_600));
        assert_eq!(timetable.opinion(), None);
    }

    #[test]
    fn a_late_poll_does_not_ask_twice_at_once() {
        let mut timetable = timetable(1);
        timetable.poll(at(1_000));
        assert_eq!(timetable.poll(at(9_000)), Some(Due::Repeat));
        assert_eq!(
            (timetable.poll(at(9_000)), timetable.next()),
            (None, at(9_100)),
            "the answer has its time"
        );
        assert_eq!(timetable.poll(at(9_100)), Some(Due::Silence));
        timetable.conclude(at(9_100), false);
        assert_eq!(timetable.poll(at(9_100)), Some(Due::Ask));
        assert_eq!(timetable.poll(at(9_100)), None);
    }
}
