//! Bytes as settings, adverts and inputs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use vrrp_election::{Heard, Input, Resume, Settings};
use vrrp_model::Version;
use vrrp_model::time::Instant;

use super::{CENTISECOND, INSTANT, SECOND, YEAR};

pub const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10));
const SOURCES: [IpAddr; 6] = [
    OWN,
    IpAddr::V4(Ipv4Addr::new(9, 255, 255, 255)),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 200)),
    IpAddr::V4(Ipv4Addr::BROADCAST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
];

/// Kinds of [`Input`]; a Startup counts twice, with a mastership to take up and without.
pub const KINDS: usize = 16;

/// The unread bytes; zeros after the end.
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    pub fn next(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.next()) % from.len()]
    }

    pub fn settings(&mut self) -> Settings {
        let v2 = self.next() & 1 != 0;
        Settings {
            version: if v2 { Version::V2 } else { Version::V3 },
            priority: self.priority(100),
            interval: self.pick(&[1, 2, 10, 255])
                * if v2 { SECOND } else { self.pick(&[CENTISECOND, CENTISECOND * 16]) },
            preempt: !self.next().is_multiple_of(4),
            preempt_delay: self.pick(&[
                Duration::ZERO,
                Duration::ZERO,
                INSTANT,
                SECOND * 5,
                Duration::MAX,
            ]),
        }
    }

    /// Any address, but mostly near `own` or at an end.
    fn priority(&mut self, own: u8) -> u8 {
        let any = self.next();
        self.pick(&[0, 1, own.saturating_sub(1), own, own, own.saturating_add(1), 254, 255, any])
    }

    fn heard(&mut self, now: Instant, own: u8) -> Heard {
        let at = [
            now,
            now,
            now - INSTANT,
            now - SECOND,
            now - YEAR,
            Instant::default(),
            now + INSTANT,
            now + YEAR,
        ];
        let intervals = [
            Duration::ZERO,
            Duration::from_nanos(1),
            CENTISECOND,
            SECOND,
            CENTISECOND * 4095,
            YEAR,
            Duration::MAX,
        ];
        Heard {
            at: self.pick(&at),
            source: self.pick(&SOURCES),
            priority: self.priority(own),
            interval: self.pick(&intervals),
        }
    }

    pub fn input(&mut self, now: Instant, own: u8) -> Input {
        match self.next() % 26 {
            0..=3 => Input::Startup { source: self.pick(&SOURCES), resume: None },
            4 => {
                let newest = now.as_micros();
                let epoch =
                    self.pick(&[0, 1, newest / 2, newest, newest.saturating_add(1), u64::MAX]);
                Input::Startup { source: self.pick(&SOURCES), resume: Some(Resume { epoch }) }
            }
            5 => Input::Shutdown,
            6 => Input::Fault,
            7 => Input::InterfaceDown,
            8 => Input::Priority(self.priority(own)),
            9 => Input::Source(self.pick(&SOURCES)),
            10 => Input::Settings(self.settings()),
            11 => Input::Fenced,
            12 => Input::TakeOver,
            13 => Input::HandOver,
            14 => Input::Wait,
            15 => Input::GroupFault,
            16 => Input::Standby,
            17 => Input::EndStandby,
            _ => Input::Advert(self.heard(now, own)),
        }
    }
}

/// The kind of an input, of [`KINDS`]. A new input does not compile until it has one.
pub fn kind(input: &Input) -> usize {
    match input {
        Input::Startup { resume: None, .. } => 0,
        Input::Startup { resume: Some(_), .. } => 1,
        Input::Shutdown => 2,
        Input::Fault => 3,
        Input::InterfaceDown => 4,
        Input::Priority(_) => 5,
        Input::Source(_) => 6,
        Input::Settings(_) => 7,
        Input::Advert(_) => 8,
        Input::Fenced => 9,
        Input::TakeOver => 10,
        Input::HandOver => 11,
        Input::Wait => 12,
        Input::GroupFault => 13,
        Input::Standby => 14,
        Input::EndStandby => 15,
    }
}
