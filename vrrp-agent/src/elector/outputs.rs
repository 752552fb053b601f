//! What a router's machine asks for, done: adverts, the kernel's words, the log, gratuitous ARP.

use vrrp_common::wire::arp;
use vrrp_common::wire::vrrp::{MAX_LEN, PRIORITY_RELEASE};

use super::advert;
use super::unit::{Hands, INSTALL_PATIENCE, Unit, report};
use crate::election::{Output, Reason, Role};
use crate::plane::PlaneError;
use crate::plane::words::Words;
use crate::time::Instant;

impl Unit {
    pub(super) fn drain(&mut self, now: Instant, hands: &mut Hands) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send { priority } => self.send(priority, hands),
                Output::Lease { until, priority } => {
                    self.tell_priority(priority, hands);
                    self.set_lease(until, hands);
                }
                Output::Lapse => self.set_lease(Instant::default(), hands),
                Output::Mastership(epoch) => {
                    self.with_words(hands, |words, place| words.set_mastership(place, epoch));
                    self.dirty = true;
                }
                Output::Transition { from, to, reason } => self.transition(now, from, to, reason),
                Output::Announce if self.accepts => self.start_announcing(now),
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
        match socket.send(seat.source.into(), self.router.group.into(), &buffer[..len]) {
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
        self.counts.transitions[to as usize] += 1;
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

    pub(super) fn start_announcing(&mut self, now: Instant) {
        self.announce_by = None;
        self.schedule.takeover(now);
    }

    pub(super) fn announce(&mut self, now: Instant, hands: &Hands) {
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

    /// Our peers reckon with this priority from now on, so the kernel program does.
    fn tell_priority(&mut self, priority: u8, hands: &mut Hands) {
        if self.told_priority != priority {
            self.told_priority = priority;
            self.write_conf(hands);
        }
    }

    fn set_lease(&mut self, until: Instant, hands: &mut Hands) {
        self.lease_until = until;
        self.with_words(hands, |words, place| words.set_lease(place, until));
    }

    pub(super) fn write_conf(&self, hands: &mut Hands) {
        if let (Some(conf), Some(words)) = (self.conf(), hands.words.as_deref_mut()) {
            words.set_router(self.place, &conf).unwrap_or_else(|error| report(&error));
        }
    }

    pub(super) fn with_words(&self, hands: &mut Hands, write: impl FnOnce(&mut Words, u32) -> Result<(), PlaneError>) {
        if let Some(words) = hands.words.as_deref_mut() {
            write(words, self.place).unwrap_or_else(|error| report(&error));
        }
    }
}
