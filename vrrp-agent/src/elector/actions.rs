//! What a router's machine asks for, done: adverts, the kernel's words, the log, gratuitous ARP.

use std::net::IpAddr;
use vrrp_model::RouterIdx;

use vrrp_common::wire::vrrp::{MAX_LEN, PRIORITY_RELEASE};
use vrrp_common::wire::{arp, nd, trailer};

use super::advert;
use super::driver::{INSTALL_PATIENCE, Io, RouterDriver, report};
use crate::clock;
use crate::plane::PlaneError;
use crate::plane::mastership::Mastership;
use vrrp_election::{Output, Reason, Role};
use vrrp_model::Delivery;
use vrrp_model::time::Instant;
use vrrp_notify::{LowerPriority, Report, Transition};

impl RouterDriver {
    pub(super) fn drain(&mut self, now: Instant, io: &mut Io) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send { priority } => self.send(priority, io),
                Output::Lease { until, priority } => {
                    self.tell_priority(priority, io);
                    self.set_lease(until, io);
                    // Now, and not when the thread woke: what it did since belongs to how late this
                    // is.
                    self.margins.renew(clock::now(), until);
                }
                Output::Lapse => {
                    self.set_lease(Instant::default(), io);
                    self.margins.end();
                }
                Output::Mastership(epoch) => {
                    self.with_words(io, |words, idx| words.set_mastership(idx, epoch));
                    self.dirty = true;
                }
                Output::Transition { from, to, reason } => {
                    self.transition(now, from, to, reason, io)
                }
                Output::Announce if self.accepts => self.start_announcing(now),
                Output::Announce => self.announce_by = Some(now + INSTALL_PATIENCE),
                Output::Reannounce => {
                    self.schedule.reannounce(now);
                    self.report_lower_priority(io);
                }
            }
        }
        if self.machine.epoch().is_none() {
            self.announce_by = None;
            self.schedule.stop();
            self.margins.end();
            self.failovers.give_up();
        }
    }

    /// One advert to the group, or one to each peer.
    fn send(&mut self, priority: u8, io: &Io) {
        let Some(binding) = &self.binding else {
            return;
        };
        let source = binding.source;
        let destinations: Vec<IpAddr> = match self.router.delivery {
            Delivery::Multicast(group) => vec![group],
            Delivery::Unicast => self.router.peers.iter().map(|peer| peer.address).collect(),
        };
        let mut sent = false;
        for destination in destinations {
            sent |= self.send_to(source, destination, priority, io);
        }
        match priority {
            _ if !sent => {}
            PRIORITY_RELEASE => self.counts.priority_zero_sent += 1,
            _ => self.counts.adverts_sent += 1,
        }
    }

    fn send_to(&mut self, source: IpAddr, destination: IpAddr, priority: u8, io: &Io) -> bool {
        let mut buffer = [0; MAX_LEN + trailer::LEN];
        let Some(len) = advert::emit(&mut buffer, &self.router, source, destination, priority)
        else {
            return false;
        };
        let signed = match (&mut self.auth, advert::carrier(source, destination)) {
            (Some(auth), Some(carrier)) => auth.sign(clock::unix(), &carrier, &mut buffer, len),
            _ => Some(len),
        };
        let Some(len) = signed else {
            return false;
        };
        let outcome = match (self.virtual_frame(source, destination, &buffer[..len]), io.socket) {
            (Some((ifindex, frame)), _) => {
                io.frames.send(ifindex, &frame).map_err(|error| error.to_string())
            }
            (None, Some(socket)) => {
                socket.send(source, destination, &buffer[..len]).map_err(|error| error.to_string())
            }
            (None, None) => return false,
        };
        let Err(error) = outcome else {
            return true;
        };
        self.counts.send_errors += 1;
        if self.counts.send_errors.is_power_of_two() {
            let failures = self.counts.send_errors;
            tracing::warn!(instance = self.router.name, %error, failures, "an advert could not be sent");
        }
        false
    }

    /// The advert as a frame from the virtual router's MAC address, where it has one (RFC 9568
    /// section 7.2). Unicast adverts go by the host's routes, and so from the interface's address.
    fn virtual_frame(
        &self,
        source: IpAddr,
        destination: IpAddr,
        message: &[u8],
    ) -> Option<(u32, Vec<u8>)> {
        let binding = self.binding.as_ref()?;
        if !self.router.virtual_mac || !destination.is_multicast() {
            return None;
        }
        let frame = advert::frame(self.mac()?, source, destination, message)?;
        Some((binding.interface.index, frame))
    }

    fn transition(&mut self, at: Instant, from: Role, to: Role, reason: Reason, io: &Io) {
        self.counts.transitions[to as usize] += 1;
        self.reason = Some(reason);
        self.since = at;
        self.dirty = true;
        if reason == Reason::Resumed {
            self.schedule.resume(at);
        }
        let heard = self.machine.last_heard();
        if to == Role::Master {
            self.failovers.begin(reason, heard.map(|heard| heard.at));
        }
        io.transitions.push(Report::Transition(Transition {
            at,
            idx: self.idx,
            instance: self.router.name.clone(),
            vrid: self.router.vrid,
            interface: self.router.interface.clone(),
            from,
            to,
            reason,
            epoch: self.machine.epoch(),
            priority: self.machine.priority(),
            peer: heard.map(|heard| (heard.source, heard.priority)),
        }));
    }

    fn report_lower_priority(&self, io: &Io) {
        let heard = self.machine.last_heard();
        io.transitions.push(Report::LowerPriority(LowerPriority {
            instance: self.router.name.clone(),
            vrid: self.router.vrid,
            interface: self.router.interface.clone(),
            priority: self.machine.priority(),
            peer: heard.map(|heard| (heard.source, heard.priority)),
        }));
    }

    pub(super) fn start_announcing(&mut self, now: Instant) {
        self.announce_by = None;
        self.schedule.takeover(now);
    }

    pub(super) fn announce(&mut self, now: Instant, io: &Io) {
        while self.schedule.poll(now) {
            self.announce_once(io);
        }
    }

    /// One frame for each virtual address.
    fn announce_once(&mut self, io: &Io) {
        let (Some(binding), Some(mac)) = (&self.binding, self.mac()) else {
            return;
        };
        for address in self.router.all_addresses() {
            let frame = match address {
                IpAddr::V4(address) => arp::announcement(mac, address.octets()).to_vec(),
                IpAddr::V6(_) => nd::announcement(mac, &address.into()).to_vec(),
            };
            match io.frames.send(binding.interface.index, &frame) {
                Ok(()) => self.counts.announcements_sent += 1,
                Err(error) => {
                    tracing::warn!(instance = self.router.name, %error, "an announcement was not sent")
                }
            }
        }
        self.failovers.complete(clock::now());
    }

    /// Our peers reckon with this priority from now on, so the kernel program does.
    fn tell_priority(&mut self, priority: u8, io: &mut Io) {
        if self.told_priority != priority {
            self.told_priority = priority;
            self.write_conf(io);
        }
    }

    fn set_lease(&mut self, until: Instant, io: &mut Io) {
        self.lease_until = until;
        self.with_words(io, |words, idx| words.set_lease(idx, until));
    }

    pub(super) fn write_conf(&self, io: &mut Io) {
        if let (Some(conf), Some(words)) = (self.conf(), io.words.as_deref_mut()) {
            words.set_router(self.idx, &conf).unwrap_or_else(|error| report(&error));
        }
    }

    pub(super) fn with_words(
        &self,
        io: &mut Io,
        write: impl FnOnce(&mut dyn Mastership, RouterIdx) -> Result<(), PlaneError>,
    ) {
        if let Some(words) = io.words.as_deref_mut() {
            write(words, self.idx).unwrap_or_else(|error| report(&error));
        }
    }
}
