//! Every (state, input) pair, then timetables. Rule numbers (VC-...) are those of the conformance
//! list.

mod conformance;
mod groups;
mod groups_net;
mod standby;
mod timetables;
mod transitions;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{Heard, Input, Output, Role, Settings, VirtualRouter};
use vrrp_model::Version;
use vrrp_model::time::Instant;

const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10));
const HIGHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 200));
const LOWER: IpAddr = IpAddr::V4(Ipv4Addr::new(9, 255, 255, 255));
const SECOND: Duration = Duration::from_secs(1);
const STARTUP: Input = Input::Startup { source: OWN, resume: None };

/// Priority 100, 1 s, preempt: the default of the conformance list.
fn settings() -> Settings {
    Settings {
        version: Version::V3,
        priority: 100,
        interval: SECOND,
        preempt: true,
        preempt_delay: Duration::ZERO,
    }
}

/// Milliseconds since boot.
fn ms(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

fn us(micros: u64) -> Instant {
    Instant::from_micros(micros)
}

/// An advert from a neighbour with a higher address and a 1 s interval.
fn advert(at: Instant, priority: u8) -> Input {
    Input::Advert(heard(at, priority, HIGHER))
}

fn heard(at: Instant, priority: u8, source: IpAddr) -> Heard {
    Heard { at, source, priority, interval: SECOND }
}

fn drain(router: &mut VirtualRouter) -> Vec<Output> {
    std::iter::from_fn(|| router.poll()).collect()
}

/// Gives one input and returns what follows.
fn give(router: &mut VirtualRouter, now: Instant, input: Input) -> Vec<Output> {
    router.handle(now, input);
    drain(router)
}

/// Lets the deadline pass exactly on time.
fn expire(router: &mut VirtualRouter) -> (Instant, Vec<Output>) {
    let deadline = router.next_deadline().expect("a live timer");
    router.handle_timeout(deadline);
    (deadline, drain(router))
}

/// A backup started at time zero.
fn backup(settings: Settings) -> VirtualRouter {
    let mut router = VirtualRouter::new(settings);
    give(&mut router, ms(0), STARTUP);
    assert_eq!(router.role(), Role::Backup);
    router
}

/// A master since its first master down interval; returns the time of its first advert.
fn master(settings: Settings) -> (VirtualRouter, Instant) {
    let mut router = backup(settings);
    let (since, _) = expire(&mut router);
    assert_eq!(router.role(), Role::Master);
    (router, since)
}

/// Releasing on shutdown, at the time of its first advert.
fn releasing(settings: Settings) -> (VirtualRouter, Instant) {
    let (mut router, since) = master(settings);
    give(&mut router, since, Input::Shutdown);
    assert_eq!(router.role(), Role::Releasing);
    (router, since)
}

#[test]
fn a_changed_interval_moves_a_backups_timer_by_what_it_changed() {
    let mut router = backup(Settings { version: Version::V2, ..settings() });
    let before = router.next_deadline().unwrap();
    give(
        &mut router,
        ms(10),
        Input::Settings(Settings { version: Version::V2, interval: SECOND * 2, ..settings() }),
    );
    assert_eq!(router.next_deadline().unwrap(), before + SECOND * 3);
    // Never into the past.
    let late = before + SECOND * 2;
    give(&mut router, late, Input::Settings(Settings { version: Version::V2, ..settings() }));
    assert_eq!(router.next_deadline().unwrap(), late);
}

#[test]
fn a_v3_backup_goes_on_with_its_masters_interval() {
    let mut router = backup(settings());
    let slow = Heard { interval: SECOND * 2, ..heard(ms(20), 200, HIGHER) };
    give(&mut router, ms(20), Input::Advert(slow));
    let before = router.next_deadline();
    give(
        &mut router,
        ms(30),
        Input::Settings(Settings { interval: Duration::from_millis(500), ..settings() }),
    );
    assert_eq!((router.next_deadline(), router.learned_interval()), (before, SECOND * 2));
}
