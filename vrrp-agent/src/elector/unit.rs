//! One virtual router on the election thread: its machine, and what the machine's outputs touch.

use std::net::Ipv4Addr;
use std::time::Duration;

use vrrp_common::maps::RouterConf;
use vrrp_common::wire::arp;
use vrrp_common::wire::vrrp::{MAX_LEN, PRIORITY_RELEASE};

use super::advert;
use super::view::{Counts, RouterView, role_index};
use crate::announce::Schedule;
use crate::election::{Heard, Input, Output, Reason, Resume, Role, VirtualRouter};
use crate::model::Router;
use crate::net::Interface;
use crate::net::advert_socket::AdvertSocket;
use crate::net::frame_socket::FrameSocket;
use crate::plane::PlaneError;
use crate::plane::words::Words;
use crate::time::Instant;

/// Gratuitous ARP goes out after this even when nobody reported the addresses installed: with the kernel program in place
/// the node already answers for them.
const INSTALL_PATIENCE: Duration = Duration::from_millis(50);

/// Where the router stands on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    pub interface: Interface,
    pub mac: [u8; 6],
    pub source: Ipv4Addr,
}

/// What a unit's outputs act on; borrowed from the thread for one step.
pub struct Hands<'a> {
    pub socket: Option<&'a AdvertSocket>,
    pub frames: &'a FrameSocket,
    pub words: Option<&'a mut Words>,
}

pub struct Unit {
    pub router: Router,
    /// Index in the maps.
    pub place: u32,
    pub machine: VirtualRouter,
    pub seat: Option<Seat>,
    schedule: Schedule,
    /// Announce at the latest then, unless the addresses are reported installed before.
    announce_by: Option<Instant>,
    /// A tracked object says fault.
    faulty: bool,
    reason: Option<Reason>,
    since: Instant,
    counts: Counts,
    /// Role or epoch changed since the last view.
    pub dirty: bool,
}

impl Unit {
    pub fn new(router: Router, place: u32, now: Instant) -> Self {
        Self {
            machine: VirtualRouter::new((&router).into()),
            schedule: Schedule::new(router.announce),
            router,
            place,
            seat: None,
            announce_by: None,
            faulty: false,
            reason: None,
            since: now,
            counts: Counts::default(),
            dirty: true,
        }
    }

    /// The router as the kernel program and the socket check know it; `None` without a seat.
    pub fn conf(&self) -> Option<RouterConf> {
        let seat = self.seat.as_ref()?;
        Some(advert::router_conf(&self.router, seat.interface.index, seat.source, self.machine.priority()))
    }

    /// Takes a seat and stands for election, unless a fault holds it back.
    pub fn sit(&mut self, now: Instant, seat: Seat, hands: &mut Hands) {
        let moved = self.seat.as_ref().is_some_and(|old| old.interface != seat.interface);
        if moved {
            self.input(now, Input::InterfaceDown, hands);
        }
        let source = seat.source;
        self.seat = Some(seat);
        self.write_conf(hands);
        match self.machine.role() {
            Role::Init | Role::Fault => self.stand(now, hands),
            Role::Backup | Role::Master | Role::Releasing => self.input(now, Input::Source(source), hands),
        }
    }

    /// The interface or its address is gone.
    pub fn leave_seat(&mut self, now: Instant, hands: &mut Hands) {
        self.seat = None;
        self.input(now, Input::InterfaceDown, hands);
    }

    pub fn set_fault(&mut self, now: Instant, faulty: bool, hands: &mut Hands) {
        if self.faulty == faulty {
            return;
        }
        self.faulty = faulty;
        if faulty {
            self.input(now, Input::Fault, hands);
        } else if self.seat.is_some() {
            self.stand(now, hands);
        }
    }

    pub fn set_priority(&mut self, now: Instant, priority: u8, hands: &mut Hands) {
        tracing::info!(instance = self.router.name, from = self.machine.priority(), to = priority, "effective priority changes");
        self.input(now, Input::Priority(priority), hands);
        self.write_conf(hands);
    }

    fn stand(&mut self, now: Instant, hands: &mut Hands) {
        let Some(seat) = &self.seat else {
            return;
        };
        if self.faulty {
            self.input(now, Input::Fault, hands);
            return;
        }
        let startup = Input::Startup { source: seat.source, resume: self.resume(now, hands) };
        self.input(now, startup, hands);
    }

    /// The mastership that an earlier agent left in the kernel, if it still stands; a fallen one is cleared.
    fn resume(&mut self, now: Instant, hands: &mut Hands) -> Option<Resume> {
        let words = hands.words.as_deref_mut()?;
        let left = words.left(self.place).inspect_err(report).ok()?;
        if left.mastership == 0 {
            return None;
        }
        if left.stands(now) {
            return Some(Resume { epoch: left.mastership });
        }
        tracing::info!(instance = self.router.name, "an earlier agent's mastership has lapsed: cleared");
        words.set_mastership(self.place, None).unwrap_or_else(|error| report(&error));
        None
    }

    /// A valid advert from the socket.
    pub fn hear(&mut self, now: Instant, heard: Heard, hands: &mut Hands) {
        if self.machine.epoch().is_some() {
            // A thread that was stalled first learns that the kernel has ended its mastership.
            self.consult_kernel(now, hands);
        }
        self.counts.adverts_received += 1;
        if heard.priority == PRIORITY_RELEASE {
            self.counts.priority_zero_received += 1;
        } else if self.machine.role() == Role::Master && heard.priority < self.machine.priority() {
            self.counts.lower_priority_received += 1;
        }
        self.input(now, Input::Advert(heard), hands);
    }

    /// What the kernel knows and this thread may not: a fence, an advert still in the socket. Before any timer acts.
    pub fn consult_kernel(&mut self, now: Instant, hands: &mut Hands) {
        let Some(words) = hands.words.as_deref_mut() else {
            return;
        };
        if let Some(epoch) = self.machine.epoch() {
            let fenced = words.fenced(self.place).inspect_err(report).is_ok_and(|fence| fence == epoch);
            if fenced {
                self.input(now, Input::Fenced, hands);
            }
            return;
        }
        let heard = words.heard(self.place).inspect_err(report).ok().flatten();
        let fresh = |at: &Instant| self.machine.last_heard().is_none_or(|last| last.at < *at);
        if let Some(stamp) = heard
            && fresh(&Instant::from_nanos(stamp.seen))
        {
            let heard = Heard {
                at: Instant::from_nanos(stamp.seen),
                source: Ipv4Addr::from(stamp.source),
                priority: stamp.priority,
                interval: Duration::from_millis(u64::from(stamp.interval_centis) * 10),
            };
            self.input(now, Input::Advert(heard), hands);
        }
    }

    /// Everything that is due at `now`.
    pub fn act_on_time(&mut self, now: Instant, hands: &mut Hands) {
        if self.machine.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.consult_kernel(now, hands);
            self.machine.handle_timeout(now);
            self.drain(now, hands);
        }
        if self.announce_by.is_some_and(|deadline| deadline <= now) {
            self.start_announcing(now);
        }
        self.announce(now, hands);
    }

    /// The addresses of the mastership `epoch` are on their interfaces.
    pub fn installed(&mut self, now: Instant, epoch: u64, hands: &mut Hands) {
        if self.announce_by.is_some() && self.machine.epoch() == Some(epoch) {
            self.start_announcing(now);
            self.announce(now, hands);
        }
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        [self.machine.next_deadline(), self.announce_by, self.schedule.next_deadline()].into_iter().flatten().min()
    }

    /// One input, then everything that follows from it.
    pub fn input(&mut self, now: Instant, input: Input, hands: &mut Hands) {
        self.machine.handle(now, input);
        self.drain(now, hands);
    }

    fn drain(&mut self, now: Instant, hands: &mut Hands) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send { priority } => self.send(priority, hands),
                Output::Lease { until, .. } => self.with_words(hands, |words, place| words.set_lease(place, until)),
                Output::Lapse => self.with_words(hands, |words, place| words.set_lease(place, Instant::default())),
                Output::Mastership(epoch) => {
                    self.with_words(hands, |words, place| words.set_mastership(place, epoch));
                    self.dirty = true;
                }
                Output::Transition { from, to, reason } => self.transition(now, from, to, reason),
                Output::Announce => self.announce_by = Some(now + INSTALL_PATIENCE),
                Output::Reannounce => self.schedule.reannounce(now),
            }
        }
        if self.machine.epoch().is_none() {
            self.announce_by = None;
            self.schedule.stop();
        }
    }

    fn send(&mut self, priority: u8, hands: &Hands) {
        let (Some(seat), Some(socket)) = (&self.seat, hands.socket) else {
            return;
        };
        let mut buffer = [0; MAX_LEN];
        let Some(len) = advert::emit(&mut buffer, &self.router, seat.source, priority) else {
            return;
        };
        match socket.send(seat.source, self.router.group, &buffer[..len]) {
            Ok(()) if priority == PRIORITY_RELEASE => self.counts.priority_zero_sent += 1,
            Ok(()) => self.counts.adverts_sent += 1,
            Err(error) => {
                self.counts.send_errors += 1;
                if self.counts.send_errors.is_power_of_two() {
                    let failures = self.counts.send_errors;
                    tracing::warn!(instance = self.router.name, %error, failures, "an advert could not be sent");
                }
            }
        }
    }

    fn transition(&mut self, now: Instant, from: Role, to: Role, reason: Reason) {
        self.counts.transitions[role_index(to)] += 1;
        self.reason = Some(reason);
        self.since = now;
        self.dirty = true;
        if reason == Reason::Resumed {
            self.schedule.resume(now);
        }
        let heard = self.machine.last_heard();
        tracing::info!(
            instance = self.router.name,
            vrid = self.router.vrid,
            interface = self.router.interface,
            priority = self.machine.priority(),
            peer = heard.map(|heard| tracing::field::display(heard.source)),
            peer_priority = heard.map(|heard| heard.priority),
            "{} -> {}: {}",
            from.name(),
            to.name(),
            reason.name()
        );
    }

    fn start_announcing(&mut self, now: Instant) {
        self.announce_by = None;
        self.schedule.takeover(now);
    }

    fn announce(&mut self, now: Instant, hands: &Hands) {
        let (Some(frames), Some(seat)) = (self.schedule.poll(now), &self.seat) else {
            return;
        };
        for virtual_address in self.router.addresses.iter().chain(&self.router.excluded_addresses) {
            let frame = arp::announcement(seat.mac, virtual_address.address.octets());
            for _ in 0..frames {
                match hands.frames.send(seat.interface.index, &frame) {
                    Ok(()) => self.counts.announcements_sent += 1,
                    Err(error) => tracing::warn!(instance = self.router.name, %error, "gratuitous ARP not sent"),
                }
            }
        }
    }

    fn write_conf(&self, hands: &mut Hands) {
        if let (Some(conf), Some(words)) = (self.conf(), hands.words.as_deref_mut()) {
            words.set_router(self.place, &conf).unwrap_or_else(|error| report(&error));
        }
    }

    fn with_words(&self, hands: &mut Hands, write: impl FnOnce(&mut Words, u32) -> Result<(), PlaneError>) {
        if let Some(words) = hands.words.as_deref_mut() {
            write(words, self.place).unwrap_or_else(|error| report(&error));
        }
    }

    pub fn view(&self) -> RouterView {
        RouterView {
            role: self.machine.role(),
            reason: self.reason,
            since: self.since,
            epoch: self.machine.epoch(),
            priority: self.machine.priority(),
            heard: self.machine.last_heard().copied(),
            master_down: self.machine.master_down_interval(),
            interval: self.machine.learned_interval(),
            counts: self.counts,
        }
    }
}

fn report(error: &PlaneError) {
    tracing::error!(%error, "the kernel's words of a virtual router cannot be reached");
}
